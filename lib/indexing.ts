// x[...] of Python as x.index(...), and x[...] = v as x.index_set_([...], v).

import { fromData, type NestedArray } from './data.js'
import * as dtypes from './dtype.js'
import { aten } from './operator_table.js'
import { internals, type Tensor } from './tensor.js'

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

type Item = number | null | boolean | Slice | Tensor | typeof ELLIPSIS
const ELLIPSIS = Symbol('...')

function parseText(text: string): Item[] {
  return text.split(',').map((part) => {
    const item = part.trim()
    if (item === '...') return ELLIPSIS
    if (item === 'None') return null
    if (/^[+-]?\d+$/.test(item)) return Number(item)
    const bounds = item.split(':').map((bound) => bound.trim())
    const valid = bounds.length >= 2 && bounds.length <= 3 && bounds.every((bound) => /^([+-]?\d+)?$/.test(bound))
    if (!valid)
      throw new TypeError(`'${item}' is no index: expected for example '0', '1:', ':-1', '::2', '...' or 'None'`)
    const [start, stop, step] = bounds.map((bound) => (bound === '' ? null : Number(bound)))
    return new Slice(start ?? null, stop ?? null, step ?? null)
  })
}

function parse(indices: readonly Index[]): Item[] {
  return indices.flatMap((index): Item[] => {
    if (typeof index === 'string') return parseText(index)
    if (typeof index === 'bigint') return [Number(index)]
    if (Array.isArray(index)) return [positions(index)]
    if (index === null || ['number', 'boolean'].includes(typeof index)) return [index as Item]
    if (index instanceof Slice) return [index]
    if (internals.isTensor(index)) return [withoutDimensions(index)]
    throw new TypeError(
      `${String(index)} is no index: expected a number, string, null, boolean, torch.slice, tensor or array`,
    )
  })
}

/** As in Python, an integer or boolean tensor without dimensions stands for its value. */
function withoutDimensions(index: Tensor): Item {
  if (index.dim() !== 0 || index.dtype.is_floating_point || index.dtype.is_complex) return index
  const value = aten<number | boolean>('item', index)
  return isMask(index) ? Boolean(value) : Number(value)
}

function positions(list: readonly NestedArray[]): Tensor {
  const isMask = (value: NestedArray): boolean =>
    Array.isArray(value) ? value.length > 0 && isMask(value[0] as NestedArray) : typeof value === 'boolean'
  return fromData(list, isMask(list) ? dtypes.bool : dtypes.int64)
}

const isMask = (tensor: Tensor) => tensor.dtype === dtypes.bool || tensor.dtype === dtypes.uint8

/** How many dimensions of the tensor an item stands for. */
function consumed(item: Item): number {
  if (item === null || item === ELLIPSIS || typeof item === 'boolean') return 0
  if (internals.isTensor(item) && isMask(item)) return item.dim()
  return 1
}

/** The view that the plain items pick, and the tensors that pick from it, null for dimensions taken whole. */
function applyPlain(tensor: Tensor, items: readonly Item[]): { view: Tensor; picks: (Tensor | null)[] } {
  const wanted = items.reduce<number>((sum, item) => sum + consumed(item), 0)
  if (wanted > tensor.dim()) throw new RangeError(`too many indices for tensor of dimension ${tensor.dim()}`)
  if (items.filter((item) => item === ELLIPSIS).length > 1)
    throw new RangeError("an index can only have a single '...'")
  let view = tensor
  let dim = 0
  const picks: (Tensor | null)[] = []
  const pick = (index: Tensor) => {
    while (picks.length < dim) picks.push(null)
    picks[dim++] = index
  }
  for (const item of items) {
    if (item === ELLIPSIS) dim += tensor.dim() - wanted
    else if (item === null) view = aten<Tensor>('unsqueeze', view, dim++)
    else if (typeof item === 'number') view = selected(view, dim, item)
    else if (typeof item === 'boolean') {
      view = aten<Tensor>('unsqueeze', view, dim)
      pick(fromData(item ? [0] : [], dtypes.int64))
    } else if (item instanceof Slice) view = sliced(view, dim++, item)
    else if (isMask(item)) {
      checkMask(item, view, dim)
      for (const index of aten<Tensor[]>('nonzero_numpy', item)) pick(index)
    } else pick(item)
  }
  return { view, picks }
}

function checkMask(mask: Tensor, view: Tensor, dim: number): void {
  const shape = view.shape
  mask.shape.forEach((size, i) => {
    if (size !== shape[dim + i]) {
      throw new RangeError(
        `The shape of the mask [${mask.shape.join(', ')}] at index ${i} does not match the shape of the indexed tensor ` +
          `[${shape.join(', ')}] at index ${dim + i}`,
      )
    }
  })
}

function selected(view: Tensor, dim: number, index: number): Tensor {
  if (view.dim() === 0) {
    throw new RangeError('invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number')
  }
  const size = view.size(dim)
  if (!Number.isInteger(index) || index < -size || index >= size) {
    throw new RangeError(`index ${index} is out of bounds for dimension ${dim} with size ${size}`)
  }
  return aten<Tensor>('select', view, dim, index)
}

function sliced(view: Tensor, dim: number, { start, stop, step }: Slice): Tensor {
  if (step !== null && step <= 0) throw new RangeError('step must be greater than zero')
  return start === null && stop === null && step === null
    ? aten<Tensor>('slice', view, dim)
    : aten<Tensor>('slice', view, dim, start, stop, step ?? 1)
}

/** x[indices] */
export function getIndex(tensor: Tensor, indices: readonly Index[]): Tensor {
  const { view, picks } = applyPlain(tensor, parse(indices))
  if (picks.length > 0) return aten<Tensor>('index', view, picks)
  // As in Python, x[...] is another tensor over the same data.
  return view === tensor ? aten<Tensor>('alias', view) : view
}

/** x[indices] = value */
export function setIndex(tensor: Tensor, indices: readonly Index[], value: Tensor | NestedArray): void {
  const { view, picks } = applyPlain(tensor, parse(indices))
  const source = internals.isTensor(value) ? value : aten<Tensor>('to', fromData(value, undefined), tensor)
  if (picks.length > 0) {
    aten('index_put_', view, picks, aten<Tensor>('to', source, tensor.dtype))
    return
  }
  // Leading dimensions of size 1 are dropped, as Python does.
  let trimmed = source
  while (trimmed.dim() > view.dim() && trimmed.size(0) === 1) trimmed = aten<Tensor>('squeeze', trimmed, 0)
  aten('copy_', view, trimmed)
}
