// Tensors in arrays and plain objects: the arguments and results of recorded functions.

import { internals, type Tensor } from '../core/tensor.js'
import { isPlainObject } from '../operators/options.js'

/** The tensors of a value, through arrays and plain objects, in order. */
export function tensorsIn(value: unknown): Tensor[] {
  if (internals.isTensor(value)) return [value]
  if (Array.isArray(value)) return value.flatMap(tensorsIn)
  if (isPlainObject(value)) return Object.values(value).flatMap(tensorsIn)
  return []
}

/** The value with other tensors in their places. */
export function withTensors(value: unknown, next: Iterator<Tensor>): unknown {
  if (internals.isTensor(value)) return next.next().value
  if (Array.isArray(value)) return value.map((item) => withTensors(item, next))
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withTensors(item, next)]))
  }
  return value
}

/** Copies to the place where a recording reads. */
export const copyTo = (target: Tensor, source: Tensor): void => {
  if (target !== source) target.copy_(source, { non_blocking: true })
}
