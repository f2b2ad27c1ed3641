// TorchScript's values on their way to native code and back: see ScriptKind in native/contract.h.

import { Device, device, Layout, MemoryFormat } from '../core/device.js'
import { DType } from '../core/dtype.js'
import { ScriptKind } from '../core/generated/contract.js'
import { type Handle, type NativeScript, native } from '../core/native.js'
import { internals } from '../core/tensor.js'
import { describe } from '../operators/describe.js'
import { Generator } from '../operators/generator.js'
import { NamedTuple } from '../operators/operator.js'
import { isComplex, isPlainObject } from '../operators/options.js'

/** A value that holds itself has no end. */
const DEEPEST = 100

/** What holds an object of TorchScript's. */
export interface Scripted {
  readonly [SCRIPT]: NativeScript
}

export const SCRIPT = Symbol('script')

const isScripted = (value: unknown): value is Scripted =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') && SCRIPT in value

type Items = Iterable<unknown>

/** libtorch's numbers, by which TorchScript knows them. */
const LAYOUTS = ['strided', 'sparse_coo', 'sparse_csr', '', 'sparse_csc', 'sparse_bsr', 'sparse_bsc']
const MEMORY_FORMATS = ['contiguous_format', 'preserve_format', 'channels_last', 'channels_last_3d']

function encodeDict(entries: Iterable<readonly [unknown, unknown]>, depth: number): unknown[] {
  const encoded: unknown[] = [ScriptKind.Dict, false]
  for (const [key, value] of entries) encoded.push(encode(key, depth), encode(value, depth))
  return encoded
}

/** A value as native code reads it. */
export function encode(value: unknown, depth = 0): unknown {
  if (depth > DEEPEST) throw new RangeError(`a value is nested more than ${DEEPEST} deep`)
  if (value === undefined) return null
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value
  if (internals.isTensor(value)) return [ScriptKind.Tensor, internals.handleOf(value)]
  if (isScripted(value)) return [ScriptKind.Object, value[SCRIPT]]
  if (value instanceof DType) return [ScriptKind.DType, value.code]
  if (value instanceof Device) return value.spec
  if (value instanceof Layout) return LAYOUTS.indexOf(value.name)
  if (value instanceof MemoryFormat) return MEMORY_FORMATS.indexOf(value.name)
  if (value instanceof Generator) return value.native
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof NamedTuple) {
    const encoded: unknown[] = [ScriptKind.List]
    for (const item of value as unknown as Items) encoded.push(encode(item, depth + 1))
    return encoded
  }
  if (value instanceof Map) return encodeDict(value, depth + 1)
  if (isComplex(value) && Object.keys(value).length === 2) return [ScriptKind.Complex, value.re, value.im]
  if (isPlainObject(value)) return encodeDict(Object.entries(value), depth + 1)
  throw new TypeError(`TorchScript has no values such as ${describe(value)}`)
}

/** Makes what holds an object or a module of a class. */
export type Wrap = (script: NativeScript, className: string, isModule: boolean) => unknown

/** A value that native code gave. */
export function decode(value: unknown, wrap: Wrap): unknown {
  if (!Array.isArray(value)) return value
  const [kind, first, second] = value
  const items = (from: number): unknown[] => value.slice(from).map((item) => decode(item, wrap))
  switch (kind) {
    case ScriptKind.Tensor:
      return internals.wrap(first as Handle)
    case ScriptKind.List:
      return items(1)
    case ScriptKind.Tuple:
      return first === null ? items(2) : new NamedTuple(first as string[], items(2))
    case ScriptKind.Dict: {
      const entries: [unknown, unknown][] = []
      for (let i = 2; i < value.length; i += 2) entries.push([decode(value[i], wrap), decode(value[i + 1], wrap)])
      return first === true ? Object.assign(Object.create(null), Object.fromEntries(entries)) : new Map(entries)
    }
    case ScriptKind.Complex:
      return { re: first as number, im: second as number }
    case ScriptKind.Device:
      return device(first as string)
    case ScriptKind.Future:
      return new Future(decode(first, wrap))
    default:
      return wrap(first as NativeScript, second as string, kind === ScriptKind.Module)
  }
}

/**
 * A value that is computed elsewhere. TorchScript's own, which its `torch.jit.fork` makes, are there once the method that
 * gives them is done.
 */
export class Future<T = unknown> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  done(): boolean {
    return true
  }

  value(): T {
    return this.#value
  }

  wait(): T {
    return this.#value
  }
}

/** Keeps what is passed from the garbage collector until here. */
export const keepUntilHere = (...values: unknown[]): void => native.reachable(...values)
