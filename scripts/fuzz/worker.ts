// Calls public operators with hostile arguments, in a process that may crash: node worker.js SEED ROUNDS FIRST LAST
// A line of JSON before each operator.

import { readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { native } from '../../lib/core/native.js'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { Tensor } from '../../lib/index.js'
import { type Parameter, parseSchema, type Schema } from '../generate/schema.js'
import { Random, tensor, value } from './values.js'

type Fn = (...args: unknown[]) => unknown

interface PublicFunction {
  space: string
  name: string
  /** Its operator, or its parameters where it is written in Python. */
  kind?: 'function' | 'class' | 'method'
  aten?: string
  parameters?: { name: string; type: string; default?: unknown; keyword_only?: boolean }[]
}

/** All public operators, where Python exposes them, and the functions that PyTorch writes in Python. */
export function publicOperators(): PublicFunction[] {
  const read = (file: string) => JSON.parse(readFileSync(join(packageRoot, 'scripts/generate', file), 'utf8'))
  const lists = read('exposed_names.json')
  const operators = ['torch', 'nn.functional', 'linalg', 'fft', 'special', 'Tensor'].flatMap((space) =>
    (lists[space] as string[]).map((name) => ({
      space,
      name,
      aten: ['linalg', 'fft', 'special'].includes(space) ? `${space}_${name}` : name,
    })),
  )
  const written = (read('python_signatures.json').signatures as PublicFunction[]).filter(
    ({ kind, space, name }) => kind === 'function' && !space.startsWith('cuda') && !CHANGES_ALL.test(name),
  )
  return [...operators, ...written]
}

/** Types that there are values of; anything stands for the others. */
const MADE = /^(Tensor|int|float|bool|str|Scalar|ScalarType|Layout|Device|MemoryFormat|Generator)(\[\d*\])?\??$/
/** Functions that change what all others do. */
const CHANGES_ALL = /^(set_|use_deterministic|manual_seed)/

/** The forms in which a function may be called. */
function schemasOf({ name, aten, parameters }: PublicFunction): Schema[] {
  if (parameters !== undefined) {
    const own = parameters.map((parameter) => ({
      name: parameter.name,
      type: MADE.test(parameter.type) ? parameter.type : 'str',
      required: !('default' in parameter),
      keywordOnly: parameter.keyword_only ?? false,
      written: false,
    }))
    return [{ text: name, name, overload: '', parameters: own, results: [] }]
  }
  const operator = native.operator(`aten::${aten}`)
  return operator === -1 ? [] : native.signatures(operator).map(parseSchema)
}

function functionOf(space: string, name: string): Fn | undefined {
  let owner: unknown = torch
  for (const part of space === 'torch' || space === 'Tensor' ? [] : space.split('.'))
    owner = (owner as Record<string, unknown>)[part]
  if (space !== 'Tensor') return (owner as Record<string, Fn>)[name]
  const method = (Tensor.prototype as unknown as Record<string, Fn>)[name]
  return method === undefined ? undefined : (self, ...rest) => method.call(self, ...rest)
}

/** Positional arguments, some of them by name. */
function argumentsOf(schema: Schema, random: Random, own = () => tensor(random)): unknown[] {
  const make = (parameter: Parameter) =>
    /^Tensor\??$/.test(parameter.type) && parameter.required ? own() : value(parameter, random)
  const positional = schema.parameters.filter(({ keywordOnly }) => !keywordOnly)
  const given = positional.filter(({ required }) => required || random.below(2) === 0)
  const inPlace = positional.slice(0, positional.findIndex((parameter) => !given.includes(parameter)) >>> 0)
  const args: unknown[] = inPlace.map(make)
  const byName: Record<string, unknown> = {}
  for (const parameter of [
    ...given.slice(inPlace.length),
    ...schema.parameters.filter(({ keywordOnly }) => keywordOnly),
  ]) {
    if (parameter.required || random.below(3) === 0) byName[parameter.name] = make(parameter)
  }
  if (Object.keys(byName).length > 0) args.push(byName)
  return args
}

/** Calls an operator once, with tensors of the caller's where it must have some. */
export function attempt(target: PublicFunction, random: Random, own: () => Tensor): unknown {
  const call = functionOf(target.space, target.name)
  const schemas = schemasOf(target)
  if (call === undefined || LEFT_OUT.has(target.name)) return undefined
  const args = argumentsOf(schemas.length > 0 ? random.of(schemas) : ANYTHING, random, own)
  return call(...(target.space === 'Tensor' && !(args[0] instanceof Tensor) ? [own(), ...args] : args))
}

/** For what has no operator of its own. */
const ANYTHING = parseSchema('aten::anything(Tensor a, Scalar b, int[2] c=0, str d="") -> Tensor')

/** Reads the result too, as that may be what crashes. */
function look(result: unknown): void {
  if (result instanceof Tensor) {
    if (result.numel() <= 1000) String(result)
    if (result.requires_grad && result.numel() > 0 && result.device.type === 'cpu') result.sum().backward()
  } else if (Array.isArray(result)) for (const item of result) look(item)
}

function attack(target: PublicFunction, seed: number, rounds: number): void {
  const { space, name } = target
  const call = functionOf(space, name)
  if (call === undefined) return
  const schemas = schemasOf(target)
  const random = new Random(
    seed * 7919 + [...`${space}.${name}`].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1e6, 7),
  )
  for (let round = 0; round < rounds; round++) {
    torch.scope(() => {
      try {
        const schema = schemas.length > 0 ? random.of(schemas) : ANYTHING
        const args = argumentsOf(schema, random)
        if (process.env.FUZZ_TRACE) writeSync(2, `${schema.text}\n  ${args.map(shown).join(', ')}\n`)
        look(call(...(space === 'Tensor' && !(args[0] instanceof Tensor) ? [tensor(random), ...args] : args)))
      } catch (error) {
        if (!(error instanceof Error)) throw error
      }
    })
  }
}

const shown = (arg: unknown): string => {
  if (arg instanceof Tensor)
    return `${arg.dtype}[${arg.shape}]${arg.layout} ${arg.device} ${arg.numel() < 30 && arg.is_cpu ? JSON.stringify(arg.layout === torch.strided ? arg.tolist() : null) : ''}`
  if (Array.isArray(arg)) return `[${arg.map(shown).join(', ')}]`
  if (typeof arg === 'object' && arg !== null && Object.getPrototypeOf(arg) === Object.prototype) {
    return `{${Object.entries(arg).map(([key, item]) => `${key}: ${shown(item)}`)}}`
  }
  return String(arg)
}

// These change the process itself.
const LEFT_OUT = new Set(['set_num_threads', 'set_num_interop_threads'])

if (process.argv[1]?.endsWith('worker.js')) {
  const [seed, rounds, first, last] = process.argv.slice(2).map(Number) as [number, number, number, number]
  torch.manual_seed(seed)
  process.removeAllListeners('warning')
  const operators = publicOperators()
  for (let i = first; i < Math.min(last, operators.length); i++) {
    const target = operators[i] as PublicFunction
    writeSync(1, `${JSON.stringify({ started: i })}\n`)
    if (!LEFT_OUT.has(target.name)) attack(target, seed, rounds)
  }
}
