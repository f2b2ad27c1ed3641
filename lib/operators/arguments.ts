// Python's way of calling, for everything that Python writes by hand: any arguments in place, then one object of keyword
// arguments. The parameters, their order, types and defaults are Python's own (generated/signatures.ts).

import { URL } from 'node:url'
import { Device } from '../core/device.js'
import { DType } from '../core/dtype.js'
import { internals } from '../core/tensor.js'
import { describe } from './describe.js'
import { explained } from './errors.js'
import { signatures } from './generated/signatures.js'
import { isOptions } from './options.js'

export type SignatureKey = keyof typeof signatures

interface Parameter {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly default: unknown
  /** Whether Python's default is a float that is whole, 1.0: JavaScript does not tell it from 1. */
  readonly isWholeFloat: boolean
  /** Whether a value is of its type. */
  readonly accepts: (value: unknown) => boolean
  /** What Python says of a value of another type, where it says it itself. */
  readonly complaint: ((value: unknown) => string) | undefined
  /** Whether a plain object in its place is its value, and no keywords. */
  readonly takesObject: boolean
}

interface Signature {
  readonly callee: string
  readonly parameters: readonly Parameter[]
  readonly names: readonly string[]
  /** How many parameters may be given in place. */
  readonly inPlace: number
  /** What a call without arguments reads, where that is allowed: the same object each time. */
  readonly defaults: Readonly<Record<string, unknown>> | null
}

// --- types ----------------------------------------------------------------------------------------------------

type Test = (value: unknown) => boolean

const isNumber: Test = (value) => typeof value === 'number'
const isInt: Test = (value) => Number.isSafeInteger(value)
/** Sizes beyond 2^53 are bigints. */
const isSize: Test = (value) => isInt(value) || typeof value === 'bigint'
const isString: Test = (value) => typeof value === 'string'

/** As `every`, which passes over holes. */
function everyElement(list: readonly unknown[], test: Test): boolean {
  for (let i = 0; i < list.length; i++) if (!test(list[i])) return false
  return true
}

const listOf =
  (test: Test): Test =>
  (value) =>
    Array.isArray(value) && everyElement(value, test)

const isObject: Test = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'
/** A plain object is one only if it has what datasets have; else it holds keywords. */
const isDataset: Test = (value) => isObject(value) && (!isOptions(value) || 'at' in value || 'length' in value)
const isIterable: Test = (value) =>
  isObject(value) && typeof (value as Iterable<unknown>)[Symbol.iterator] === 'function'

/** What values of a type are; a type that is not here takes anything, which the callee looks at itself. */
const TESTS: Record<string, Test> = {
  int: isInt,
  float: isNumber,
  bool: (value) => typeof value === 'boolean',
  str: isString,
  Reduction: isString,
  Tensor: internals.isTensor,
  ScalarType: (value) => value instanceof DType,
  Device: (value) => isString(value) || value instanceof Device,
  Seed: (value) => Number.isInteger(value) || typeof value === 'bigint',
  Bytes: (value) => ArrayBuffer.isView(value) || value instanceof ArrayBuffer,
  Path: (value) => isString(value) || value instanceof URL,
  'int[]': listOf(isSize),
  // A size, or one for each dimension; null is the input's own.
  OptionalSizes: (value) => value === null || isSize(value) || listOf((size) => size === null || isSize(size))(value),
  'Tensor[]': listOf(internals.isTensor),
  Dataset: isDataset,
  Sized: isDataset,
  Datasets: isIterable,
  Indices: isIterable,
  Collate: (value) => typeof value === 'function',
  Hook: (value) => typeof value === 'function',
  LeafHook: (value) => typeof value === 'function',
  TensorFunction: (value) => typeof value === 'function',
  Tagger: (value) => typeof value === 'function',
  Deserializer: (value) => typeof value === 'function',
}
/** How messages name the types. */
const NAMES: Record<string, string> = {
  ScalarType: 'torch.dtype',
  Device: 'torch.device',
  Reduction: 'str',
  Seed: 'int',
  Bytes: 'ArrayBuffer or typed array',
  Path: 'str or URL',
  'int[]': 'tuple of ints',
  OptionalSizes: 'int, tuple of ints or null',
  'Tensor[]': 'tuple of Tensors',
  Datasets: 'iterable of datasets',
  Indices: 'iterable',
  Collate: 'function',
  Hook: 'function',
  LeafHook: 'function',
  TensorFunction: 'function',
  Tagger: 'function',
  Deserializer: 'function',
}
/** Types whose values are plain objects. */
const OBJECTS = new Set([
  'StateDict',
  'StateDicts',
  'Metadata',
  'ExtraFiles',
  'NamedModules',
  'NamedValues',
  'ParamGroup',
  'Settings',
  'OptimizerState',
  'Dataset',
  'Sized',
  'Value',
  'Savable',
])

const anything: Test = () => true

function testOf(type: string): Test {
  if (type.endsWith('?')) {
    const test = testOf(type.slice(0, -1))
    return (value) => value === null || test(value)
  }
  if (type.startsWith("'")) return isString
  if (type.includes('|')) {
    const tests = type.split('|').map(testOf)
    return (value) => tests.some((test) => test(value))
  }
  // int[2]: a number, or a list; float(2): a list of 2, which may hold tensors.
  const sizes = /^(int|float)\[\d\]$/.exec(type)
  if (sizes !== null) {
    const test = sizes[1] === 'int' ? isSize : isNumber
    return (value) => test(value) || listOf(test)(value)
  }
  const tuple = /^\w+\((\d)\)$/.exec(type)
  if (tuple !== null) return (value) => Array.isArray(value) && value.length === Number(tuple[1])
  return TESTS[type] ?? anything
}

function nameOf(type: string): string {
  if (type.endsWith('?')) return `${nameOf(type.slice(0, -1))} or null`
  if (type.startsWith("'")) return 'str'
  if (type.includes('|')) return [...new Set(type.split('|').map(nameOf))].join(' or ')
  const sizes = /^(int|float)\[\d\]$/.exec(type)
  if (sizes !== null) return `${sizes[1]} or tuple of ${sizes[1]}s`
  const tuple = /^(\w+)\((\d)\)$/.exec(type)
  if (tuple !== null) return `tuple of ${tuple[2]} ${tuple[1]}s`
  return NAMES[type] ?? type
}

/** A value's type by Python's name. */
function pythonType(value: unknown): string {
  if (value === null) return 'NoneType'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  if (typeof value === 'object') return Object.hasOwn(value, 're') ? 'complex' : describe(value)
  return { boolean: 'bool', string: 'str', bigint: 'int' }[typeof value as string] ?? describe(value)
}

/** What Python says itself of arguments of other types, by callable and parameter. */
const COMPLAINTS: Record<string, (value: unknown) => string> = {
  'nn.HuberLoss.delta': (value) => `delta must be a float or int, got: <class '${pythonType(value)}'>`,
}
for (const layer of ['RNN', 'LSTM', 'GRU']) {
  const types = { bias: 'bool', batch_first: 'bool', input_size: 'int', hidden_size: 'int' }
  for (const [name, type] of Object.entries(types)) {
    COMPLAINTS[`nn.${layer}.${name}`] = (value) => `${name} should be of type ${type}, got: ${pythonType(value)}`
  }
}

// --- signatures -----------------------------------------------------------------------------------------------

const known = new Map<string, Signature>()

/** A callable's parameters, read from the table when they are first asked for. */
export function signatureOf(key: SignatureKey): Signature {
  let signature = known.get(key)
  if (signature === undefined) {
    signature = parse(key)
    known.set(key, signature)
  }
  return signature
}

function parse(key: SignatureKey): Signature {
  const text = signatures[key]
  const parts = text === '' ? [] : text.split(', ')
  const star = parts.indexOf('*')
  const parameters = parts
    .filter((part) => part !== '*')
    .map((part): Parameter => {
      const [, name, type, value] = /^(\w+):([^=]*)(?:=(.*))?$/.exec(part) as unknown as [
        string,
        string,
        string,
        string?,
      ]
      const required = value === undefined
      return {
        name,
        type,
        required,
        default: required ? undefined : value === 'Infinity' ? Number.POSITIVE_INFINITY : JSON.parse(value),
        isWholeFloat: /^-?\d+\.0$/.test(value ?? ''),
        accepts: testOf(type),
        complaint: COMPLAINTS[`${key}.${name}`],
        takesObject: OBJECTS.has(type.replace('?', '')) || (type === 'unknown' && required),
      }
    })
  return {
    callee: key.slice(key.lastIndexOf('.') + 1),
    parameters,
    names: parameters.map(({ name }) => name),
    inPlace: star === -1 ? parameters.length : star,
    defaults: parameters.some(({ required }) => required)
      ? null
      : Object.freeze(Object.fromEntries(parameters.map((parameter) => [parameter.name, parameter.default]))),
  }
}

/** Whether Python prints the value of a callable's parameter with .0: it is a default that is a float and whole. */
export function printsAsFloat(key: string, name: string, value: unknown): boolean {
  if (!Object.hasOwn(signatures, key)) return false
  const parameter = signatureOf(key as SignatureKey).parameters.find((each) => each.name === name)
  return parameter?.isWholeFloat === true && parameter.default === value
}

// --- reading --------------------------------------------------------------------------------------------------

/** The keyword arguments, where the last argument holds them. */
function keywordsOf(signature: Signature, args: readonly unknown[], count: number): Record<string, unknown> | null {
  const last = args[count - 1]
  if (typeof last !== 'object' || !isOptions(last)) return null
  const parameter = signature.parameters[count - 1]
  if (count > signature.inPlace || parameter?.takesObject !== true || !parameter.accepts(last)) return last
  const isKeywords =
    Object.hasOwn(last, parameter.name) && Object.keys(last).every((name) => signature.names.includes(name))
  return isKeywords ? last : null
}

/** The value of each parameter, in order. `callee` names it in messages. */
function valuesOf(signature: Signature, callee: string, args: readonly unknown[]): unknown[] {
  const { parameters, inPlace } = signature
  let count = args.length
  while (count > 0 && args[count - 1] === undefined) count--
  const keywords = keywordsOf(signature, args, count)
  if (keywords !== null) {
    count--
    checkKeys(callee, keywords, signature.names)
  }
  if (count > inPlace) {
    const taken = inPlace === 1 ? '1 argument' : `${inPlace} arguments`
    throw new TypeError(`${callee}() takes ${taken} in place but ${count} were given`)
  }
  const values = new Array<unknown>(parameters.length)
  let missing: string[] | null = null
  for (let i = 0; i < parameters.length; i++) {
    const parameter = parameters[i] as Parameter
    let value = i < count ? args[i] : undefined
    if (keywords !== null && Object.hasOwn(keywords, parameter.name)) {
      const named = keywords[parameter.name]
      if (value !== undefined && named !== undefined) {
        throw new TypeError(`${callee}() got multiple values for argument '${parameter.name}'`)
      }
      value ??= named
    }
    if (value === undefined) {
      if (parameter.required) {
        missing ??= []
        missing.push(parameter.name)
      }
      values[i] = parameter.default
    } else if (parameter.accepts(value)) {
      values[i] = value
    } else {
      if (parameter.complaint !== undefined) throw new TypeError(parameter.complaint(value))
      throw explained(
        new TypeError(
          `${callee}(): argument '${parameter.name}' (position ${i + 1}) must be ${nameOf(parameter.type)}, not ${describe(value)}`,
        ),
        [value],
      )
    }
  }
  if (missing !== null) throw new TypeError(missingMessage(callee, missing))
  return values
}

function missingMessage(callee: string, names: readonly string[]): string {
  const [only] = names
  if (names.length === 1) return `${callee}() missing required argument '${only}'`
  return `${callee}() missing ${names.length} required arguments: ${names.map((name) => `'${name}'`).join(', ')}`
}

/**
 * The values of a callable's parameters by name, from what it was called with: arguments in place, then keywords, then
 * defaults. `undefined` is not given. `callee` is the name in messages, where it is not the key's last part.
 * @throws TypeError for what is missing, unknown, given twice, too much or of another type.
 */
export function readArguments(
  key: SignatureKey,
  args: readonly unknown[],
  callee?: string,
): Readonly<Record<string, unknown>> {
  const signature = signatureOf(key)
  if (args.length === 0 && signature.defaults !== null) return signature.defaults
  const values = valuesOf(signature, callee ?? signature.callee, args)
  const named: Record<string, unknown> = {}
  for (let i = 0; i < values.length; i++) named[signature.names[i] as string] = values[i]
  return named
}

/** Throws where a parameter that Python has and this library has not was given another value than its default. */
export function refuse(key: SignatureKey, values: Readonly<Record<string, unknown>>, ...names: string[]): void {
  const { callee, parameters } = signatureOf(key)
  for (const parameter of parameters) {
    if (!names.includes(parameter.name) || Object.is(values[parameter.name], parameter.default)) continue
    throw new Error(`${callee}(): ${parameter.name} is not supported (only its default, ${parameter.default})`)
  }
}

/**
 * The function that `body` is the inside of: `body` gets the values of all parameters in order. `F` is its type: the
 * generated one, unless the caller knows a better one.
 */
export function pythonFunction<F>(key: SignatureKey, body: (...values: never[]) => unknown): F {
  const inside = body as (...values: unknown[]) => unknown
  const callee = key.slice(key.lastIndexOf('.') + 1)
  const invoke = (...args: unknown[]): unknown => inside(...valuesOf(signatureOf(key), callee, args))
  return Object.defineProperty(invoke, 'name', { value: callee }) as F
}

// --- names ----------------------------------------------------------------------------------------------------

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, substitution))
    }
    row = next
  }
  return row[b.length] as number
}

/** ` (did you mean 'lr'?)`, or nothing where no name is near. */
export function suggestion(name: string, candidates: readonly string[]): string {
  const longer = candidates.find((candidate) => name.length > 2 && candidate.startsWith(name))
  if (longer !== undefined) return ` (did you mean '${longer}'?)`
  const nearest = candidates
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0]
  return nearest !== undefined && nearest.distance <= name.length / 2 ? ` (did you mean '${nearest.candidate}'?)` : ''
}

/** Throws for keys that are no parameter's. */
export function checkKeys(callee: string, options: object, names: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (names.includes(key)) continue
    throw new TypeError(`${callee}() got an unexpected keyword argument '${key}'${suggestion(key, names)}`)
  }
}

/** Checks that a count is a whole number from `least` on. */
export function checkCount(callee: string, name: string, value: number, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${callee}: ${name} must be a whole number of at least ${least}, got ${value}`)
  }
}
