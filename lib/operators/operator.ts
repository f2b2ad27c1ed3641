// How a call in TypeScript reaches an operator of libtorch: arguments out, results in. Native code knows the schemas.

import { Device, Layout, MemoryFormat } from '../core/device.js'
import { DType, dtypeOf } from '../core/dtype.js'
import { TAG_BASE, Tag } from '../core/generated/contract.js'
import { native, succeeded } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { explained } from './errors.js'
import { Generator } from './generator.js'
import { isOptions } from './options.js'

const { handleOf, isTensor, wrap } = internals

const PLAIN = Tag.Plain
const TENSOR = Tag.Tensor
const DTYPE = Tag.DType

/** A number, bigint, boolean or complex number: what PyTorch calls a Scalar. */
export type Scalar = number | bigint | boolean | Complex

export interface Complex {
  re: number
  im: number
}

/** An operator by name, found in libtorch at its first call. */
export class Operator {
  #id = -1

  constructor(
    readonly name: string,
    /** The overloads' names, separated by commas, '-' for the one without; undefined for all that libtorch has. */
    readonly overloads?: string,
  ) {}

  get id(): number {
    if (this.#id === -1) {
      this.#id = native.operator(this.name, this.overloads)
      if (this.#id === -1) {
        throw new Error(
          `${this.name} is not in the loaded libtorch ${native.libtorch_version}; it needs another version`,
        )
      }
    }
    return this.#id
  }

  /** The names of the tensors that an overload writes its `count` results to. */
  outputNames(count: number): string[] | undefined {
    for (const schema of native.signatures(this.id)) {
      const signature = schema.slice(0, schema.lastIndexOf('->'))
      const names = [...signature.matchAll(/Tensor\(\w!\) (\w+)(?=[,)])/g)].map((match) => match[1] as string)
      if (names.length === count && signature.includes('*, ')) return names
    }
    return undefined
  }

  readonly #returnNames = new Map<number, string[]>()

  /** The names of an overload's results, '' where one has none. */
  returnNames(overload: number): string[] {
    let names = this.#returnNames.get(overload)
    if (names === undefined) {
      names = native.return_names(this.id, overload)
      this.#returnNames.set(overload, names)
    }
    return names
  }
}

/** Python's `out=(a, b)`: each tensor under the name that an overload with as many results has for it. */
function withNamedOutputs(operator: Operator, options: Record<string, unknown>): Record<string, unknown> {
  const { out, ...rest } = options as { out: readonly Tensor[] }
  const names = operator.outputNames(out.length)
  if (names === undefined) return options
  return { ...rest, ...Object.fromEntries(names.map((name, i) => [name, out[i]])) }
}

/** Calls an operator with positional arguments and, as the last one, an object of keyword arguments. */
function call(operator: Operator, args: readonly unknown[]): unknown {
  let values = args
  let names: string[] | undefined
  const last = args[args.length - 1]
  if (typeof last === 'object' && isOptions(last)) {
    const options = Object.hasOwn(last, 'out') && Array.isArray(last.out) ? withNamedOutputs(operator, last) : last
    const given = Object.entries(options).filter(([, value]) => value !== undefined)
    values = [...args.slice(0, -1), ...given.map(([, value]) => value)]
    if (given.length > 0) names = given.map(([name]) => name)
  }
  let tags = 0
  let unit = 1
  const raw = new Array<unknown>(values.length)
  for (let i = 0; i < values.length; i++, unit *= TAG_BASE) {
    const value = values[i]
    if (typeof value !== 'object' || value === null) {
      raw[i] = value
    } else if (isTensor(value)) {
      raw[i] = handleOf(value)
      tags += unit * TENSOR
    } else if (Array.isArray(value)) {
      const tensors = isTensorList(value)
      raw[i] = tensors ? value.map((item: Tensor | null) => (item === null ? null : handleOf(item))) : value
      if (tensors) tags += unit * TENSOR
    } else if (value instanceof DType) {
      raw[i] = value.code
      tags += unit * DTYPE
    } else {
      raw[i] = rawObject(value)
    }
  }
  let result: unknown
  try {
    result = succeeded(callNative(operator.id, tags, names, raw))
  } catch (error) {
    throw explained(error, values)
  }
  if (typeof result === 'number') return tensorOf(result, values)
  return resultsOf(operator, result as unknown[], values)
}

/** `call` for the commonest calls: one tensor, or two. */
function callOne(operator: Operator, a: Tensor): unknown {
  let result: unknown
  try {
    result = succeeded(native.call_tensors(operator.id, handleOf(a)))
  } catch (error) {
    throw explained(error)
  }
  if (typeof result === 'number') return result > 0 ? wrap(result) : a
  return resultsOf(operator, result as unknown[], [a])
}

function callTwo(operator: Operator, a: Tensor, b: Tensor): unknown {
  let result: unknown
  try {
    result = succeeded(native.call_tensors(operator.id, handleOf(a), handleOf(b)))
  } catch (error) {
    throw explained(error)
  }
  if (typeof result === 'number') return result > 0 ? wrap(result) : result === -1 ? a : b
  return resultsOf(operator, result as unknown[], [a, b])
}

/** Spreading an array into a native call costs as much as a small operator, so the common lengths are written out. */
function callNative(id: number, tags: number, names: string[] | undefined, raw: readonly unknown[]): unknown {
  switch (raw.length) {
    case 1:
      return native.call(id, tags, names, raw[0])
    case 2:
      return native.call(id, tags, names, raw[0], raw[1])
    case 3:
      return native.call(id, tags, names, raw[0], raw[1], raw[2])
    case 4:
      return native.call(id, tags, names, raw[0], raw[1], raw[2], raw[3])
    default:
      return native.call(id, tags, names, ...raw)
  }
}

function isTensorList(list: readonly unknown[]): boolean {
  let some = false
  // A loop that ends at the first hole: a long array may consist of them.
  for (let i = 0; i < list.length; i++) {
    const item = list[i]
    if (isTensor(item)) some = true
    else if (item !== null) return false
  }
  return some
}

function rawObject(value: object): unknown {
  if (value instanceof Device) return value.spec
  if (value instanceof Layout || value instanceof MemoryFormat) return value.toString()
  if (value instanceof Generator) return value.native
  return value
}

/** A new tensor; or, where the operator returned one of its arguments, that very object. */
function tensorOf(handle: number, values: readonly unknown[]): Tensor {
  return handle > 0 ? wrap(handle) : (values[-handle - 1] as Tensor)
}

function resultsOf(operator: Operator, encoded: readonly unknown[], values: readonly unknown[]): unknown {
  const results: unknown[] = []
  for (let i = 1; i < encoded.length; i += 2) results.push(decode(encoded[i] as number, encoded[i + 1], values))
  if (results.length === 0) return undefined
  if (results.length === 1) return results[0]
  const names = operator.returnNames(encoded[0] as number)
  return names.includes('') ? results : new NamedTuple(names, results)
}

function decode(tag: number, value: unknown, values: readonly unknown[]): unknown {
  if (tag === PLAIN || value === null) return value
  if (tag === DTYPE) return dtypeOf(value as number)
  if (Array.isArray(value)) return value.map((handle) => (handle === null ? null : wrap(handle)))
  return tensorOf(value as number, values)
}

/**
 * As many tensors as the call makes: of `x.split(2)`, `x.unbind()`. Typed so that `const [q, k, v] = x.chunk(3)` needs no
 * assertion under noUncheckedIndexedAccess: only the caller knows how many there are.
 */
export type Tensors = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, ...Tensor[]]

/** Several results of an operator that PyTorch names: `x.max(1).values`, or `const [values, indices] = x.max(1)`. */
export type Named<T extends readonly unknown[], F> = Iterable<T[number]> &
  F & { readonly length: T['length'] } & {
    readonly [K in Extract<keyof T, `${number}`>]: T[K]
  }

/** What has names and places, as results of several tensors have. */
export class NamedTuple implements Iterable<unknown> {
  readonly [index: number]: unknown
  declare readonly length: number

  constructor(names: readonly string[], results: readonly unknown[]) {
    Object.defineProperty(this, 'length', { value: results.length })
    results.forEach((value, i) => {
      Object.defineProperty(this, i, { value })
      Object.defineProperty(this, names[i] as string, { value, enumerable: true })
    })
  }

  *[Symbol.iterator](): Iterator<unknown> {
    for (let i = 0; i < this.length; i++) yield this[i]
  }
}

/** The function that calls an operator. `varargs`: sizes may come as separate numbers, as in `torch.zeros(2, 3)`. */
export function operatorFunction(name: string, operator: Operator, varargs: Varargs): (...args: unknown[]) => unknown {
  const invoke = (...args: unknown[]): unknown => {
    const [a, b] = args
    if (args.length === 2 && isTensor(a) && isTensor(b)) return callTwo(operator, a, b)
    if (args.length === 1 && isTensor(a)) return callOne(operator, a)
    return call(operator, varargs === 0 ? args : gatherSizes(args, 0, varargs))
  }
  return Object.defineProperty(invoke, 'name', { value: name })
}

/** The method that calls an operator with the receiver as its first argument. */
export function operatorMethod(name: string, operator: Operator, varargs: Varargs): (...args: unknown[]) => unknown {
  function method(this: unknown, ...rest: unknown[]): unknown {
    if (!isTensor(this)) throw new TypeError(`Tensor.${name} was called on something that is no tensor`)
    const [other] = rest
    if (rest.length === 1 && isTensor(other)) return callTwo(operator, this, other)
    if (rest.length === 0) return callOne(operator, this)
    const args = new Array<unknown>(rest.length + 1)
    args[0] = this
    for (let i = 0; i < rest.length; i++) args[i + 1] = rest[i]
    return call(operator, varargs === 0 ? args : gatherSizes(args, 1, varargs))
  }
  return Object.defineProperty(method, 'name', { value: name })
}

/** From how many separate numbers on a list of sizes may be given (0: never). */
export type Varargs = 0 | 1 | 2

function gatherSizes(args: unknown[], first: number, varargs: Varargs): unknown[] {
  let end = first
  while (end < args.length && typeof args[end] === 'number') end++
  const rest = args.slice(end)
  const onlyNumbers = rest.length === 0 || (rest.length === 1 && isOptions(rest[0]))
  if (end - first < varargs || !onlyNumbers) return args
  return [...args.slice(0, first), args.slice(first, end), ...rest]
}
