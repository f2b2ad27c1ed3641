// x[...] of Python as x.index(...), and x[...] = v as x.index_set_([...], v).

import * as dtypes from '../core/dtype.js'
import { INDEX_NUMBERS, IndexKind } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { describe } from '../operators/describe.js'
import { explained } from '../operators/errors.js'
import type { Scalar } from '../operators/operator.js'
import { isComplex } from '../operators/options.js'
import { fromData, MOST_DIMENSIONS, type NestedArray } from './elements.js'

/** a:b:step. Made by `torch.slice`, or written as a string: '1:', '::2'. */
export class Slice {
  constructor(
    readonly start: number | null,
    readonly stop: number | null,
    readonly step: number | null,
  ) {}
}

/** A slice with computed bounds, as Python's slice(start, stop, step); null leaves a bound open. */
export function slice(stop: number | null): Slice
export function slice(start: number | null, stop: number | null, step?: number | null): Slice
export function slice(start: number | null, stop?: number | null, step: number | null = null): Slice {
  return stop === undefined ? new Slice(null, start, step) : new Slice(start, stop, step)
}

/**
 * One item of an index: a position; a slice as a string ('1:', '::2') or made by `torch.slice`; '...'; null for a new
 * axis; a boolean; a tensor or nested array of positions, or a mask. A string may hold several items: ':, -1, :'.
 */
export type Index = number | bigint | string | null | boolean | Slice | Tensor | readonly NestedArray[]

// How native code reads an item (native/contract.h): its kind and three numbers, NaN for what is left open.
const NONE = IndexKind.None
const INTEGER = IndexKind.Integer
const BOOLEAN = IndexKind.Boolean
const ELLIPSIS = IndexKind.Ellipsis
const SLICE = IndexKind.Slice
const TENSOR = IndexKind.Tensor

type Item = [kind: number, a?: number, b?: number, c?: number]

function sliceItem(start: number | null, stop: number | null, step: number | null): Item {
  return [SLICE, start ?? Number.NaN, stop ?? Number.NaN, step ?? Number.NaN]
}

function parseText(text: string): Item[] {
  return text.split(',').map((part): Item => {
    const item = part.trim()
    if (item === '...') return [ELLIPSIS]
    if (item === 'None') return [NONE]
    if (/^[+-]?\d+$/.test(item)) return [INTEGER, Number(item)]
    const bounds = item.split(':').map((bound) => bound.trim())
    const valid = bounds.length >= 2 && bounds.length <= 3 && bounds.every((bound) => /^([+-]?\d+)?$/.test(bound))
    if (!valid)
      throw new TypeError(`'${item}' is not an index: expected for example '0', '1:', ':-1', '::2', '...' or 'None'`)
    const [start = null, stop = null, step = null] = bounds.map((bound) => (bound === '' ? null : Number(bound)))
    return sliceItem(start, stop, step)
  })
}

/** The items; the tensors behind them go to `tensors`. */
function parse(indices: readonly Index[], tensors: Tensor[]): Item[] {
  return indices.flatMap((index): Item[] => {
    if (typeof index === 'number' || typeof index === 'bigint') {
      const position = Number(index)
      if (!Number.isInteger(position)) throw new TypeError(`${index} is not an index: expected a whole number`)
      return [[INTEGER, position]]
    }
    if (typeof index === 'string') return parseText(index)
    if (index === null) return [[NONE]]
    if (typeof index === 'boolean') return [[BOOLEAN, Number(index)]]
    if (index instanceof Slice) return [sliceItem(index.start, index.stop, index.step)]
    if (Array.isArray(index) || internals.isTensor(index)) {
      const tensor = internals.isTensor(index) ? index : positions(index as readonly NestedArray[])
      tensors.push(tensor)
      return [[TENSOR, internals.handleOf(tensor)]]
    }
    throw new TypeError(
      `${String(index)} is not an index: expected a number, string, null, boolean, torch.slice, tensor or array`,
    )
  })
}

/** In an array that fromData has taken, and which is thus no deeper than a tensor may be. */
const hasFraction = (value: NestedArray): boolean =>
  Array.isArray(value) ? value.some(hasFraction) : typeof value === 'number' && !Number.isInteger(value)

function positions(list: readonly NestedArray[]): Tensor {
  let first: unknown = list
  // How deep they may be nested is for fromData to say.
  for (let depth = 0; Array.isArray(first) && depth <= MOST_DIMENSIONS; depth++) first = first[0]
  if (typeof first === 'boolean') return fromData(list, dtypes.bool)
  const whole = fromData(list, dtypes.int64)
  if (hasFraction(list)) throw new TypeError('an array of positions must hold whole numbers')
  return whole
}

function encode(items: readonly Item[]): Float64Array {
  const numbers = new Float64Array(INDEX_NUMBERS * items.length)
  items.forEach((item, i) => {
    numbers.set(item as number[], INDEX_NUMBERS * i)
  })
  return numbers
}

/** x[indices] */
export function getIndex(tensor: Tensor, indices: readonly Index[]): Tensor {
  const tensors: Tensor[] = []
  const items = encode(parse(indices, tensors))
  try {
    return internals.wrap(native.get_item(internals.handleOf(tensor), items))
  } catch (error) {
    throw explained(error)
  } finally {
    native.reachable(tensors)
  }
}

/** What is assigned, in the tensor's own dtype: a number keeps all its digits, and one that does not fit is refused. */
function valueFor(tensor: Tensor, value: NestedArray): Tensor {
  const { dtype, device } = tensor
  // Quantized tensors take floats.
  const own = dtype.name.startsWith('q') ? dtypes.float32 : dtype
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return aten.to(fromData(value, own), { device })
  const fits = isComplex(value) || ['number', 'bigint', 'boolean'].includes(typeof value)
  if (!fits) throw new TypeError(`index_set_(): the value must be a tensor, number or array, not ${describe(value)}`)
  return aten.full([], value as Scalar, { dtype: own, device })
}

/** x[indices] = value */
export function setIndex(tensor: Tensor, indices: readonly Index[], value: Tensor | NestedArray): void {
  const tensors: Tensor[] = []
  const items = encode(parse(indices, tensors))
  const source = internals.isTensor(value) ? value : valueFor(tensor, value)
  try {
    native.set_item(internals.handleOf(tensor), items, internals.handleOf(source))
  } catch (error) {
    throw explained(error)
  } finally {
    native.reachable(tensors)
  }
}
