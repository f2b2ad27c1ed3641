// From a list of samples to a batch.

// biome-ignore-all lint/suspicious/noExplicitAny: datasets have samples of any type, and indices of any type

import { types } from 'node:util'
import { strided } from '../../core/device.js'
import { float64 } from '../../core/dtype.js'
import { scope } from '../../core/scope.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { stack } from '../../generated/functions.js'
import { pythonFunction } from '../../operators/arguments.js'
import { isPlainObject } from '../../operators/options.js'
import type { NestedArray, TypedArray } from '../../tensor/elements.js'
import { as_tensor, tensor } from '../../tensor/factories.js'

/** What `default_collate` makes of samples of a type. */
export type Collated<Sample> = 0 extends 1 & Sample
  ? any
  : Sample extends PromiseLike<infer Given>
    ? Collated<Given>
    : Sample extends Tensor | TypedArray | number | bigint | boolean
      ? Tensor
      : Sample extends string
        ? string[]
        : Sample extends ArrayBuffer
          ? ArrayBuffer[]
          : Sample extends ReadonlyMap<infer Key, infer Value>
            ? Map<Key, Collated<Value>>
            : Sample extends object
              ? { -readonly [K in keyof Sample]: Collated<Sample[K]> }
              : never

/** What `default_convert` makes of a sample of a type. */
export type Converted<Sample> = 0 extends 1 & Sample
  ? any
  : Sample extends PromiseLike<infer Given>
    ? Converted<Given>
    : Sample extends TypedArray
      ? Tensor
      : Sample extends Tensor | ArrayBuffer
        ? Sample
        : Sample extends ReadonlyMap<infer Key, infer Value>
          ? Map<Key, Converted<Value>>
          : Sample extends readonly unknown[]
            ? { -readonly [K in keyof Sample]: Converted<Sample[K]> }
            : Sample extends object
              ? { [K in keyof Sample]: Converted<Sample[K]> }
              : Sample

const isTypedArray = (value: unknown): value is TypedArray => types.isTypedArray(value)

/** The class as Python would print it. */
function className(value: unknown): string {
  if (value === null) return 'NoneType'
  if (typeof value !== 'object') return typeof value
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? name : 'object'
}

function collateTensors(batch: readonly Tensor[]): Tensor {
  if ((batch[0] as Tensor).layout !== strided) {
    throw new Error(
      'Batches of sparse tensors are not currently supported by the default collate_fn; please provide a custom ' +
        'collate_fn to handle them appropriately.',
    )
  }
  return stack(batch, 0)
}

/** What each sample has under a key. */
function valuesOf<Sample>(
  batch: readonly Sample[],
  key: unknown,
  has: (sample: Sample) => boolean,
  get: (sample: Sample) => unknown,
) {
  return batch.map((sample) => {
    if (!has(sample))
      throw new RangeError(`default_collate: the first sample has '${String(key)}', another one has not`)
    return get(sample)
  })
}

/** As Python, by the type of the first sample. */
function collate(batch: readonly unknown[]): unknown {
  const first = batch[0]
  if (internals.isTensor(first)) return collateTensors(batch as Tensor[])
  if (typeof first === 'number') return tensor(batch as number[], { dtype: float64 })
  if (typeof first === 'bigint' || typeof first === 'boolean') return tensor(batch as NestedArray)
  if (typeof first === 'string' || types.isAnyArrayBuffer(first)) return [...batch]
  if (isTypedArray(first))
    return scope(() =>
      stack(
        (batch as TypedArray[]).map((array) => as_tensor(array)),
        0,
      ),
    )
  if (types.isMap(first)) {
    const maps = batch as Map<unknown, unknown>[]
    const columns = [...first.keys()].map((key): [unknown, unknown] => [
      key,
      collate(
        valuesOf(
          maps,
          key,
          (map) => types.isMap(map) && map.has(key),
          (map) => map.get(key),
        ),
      ),
    ])
    return new Map(columns)
  }
  if (Array.isArray(first)) {
    const lists = batch as unknown[][]
    if (lists.some((list) => !Array.isArray(list) || list.length !== first.length)) {
      throw new RangeError('each element in list of batch should be of equal size')
    }
    return first.map((_, i) => collate(lists.map((list) => list[i])))
  }
  if (isPlainObject(first)) {
    const objects = batch as Record<string, unknown>[]
    const columns = Object.keys(first).map((key): [string, unknown] => [
      key,
      collate(
        valuesOf(
          objects,
          key,
          (object) => isPlainObject(object) && Object.hasOwn(object, key),
          (object) => object[key],
        ),
      ),
    ])
    return Object.fromEntries(columns)
  }
  throw new TypeError(
    `default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found <class '${className(first)}'>`,
  )
}

/**
 * Samples as one batch, by the type of the first one: tensors are stacked, with the batch as first dimension, and so are
 * typed arrays, as tensors of their type. Numbers give float64 (Python's floats), bigints int64 (Python's ints), booleans
 * bool; strings and ArrayBuffers stay a list. Arrays are collated position by position, plain objects and Maps key by key.
 *
 *     default_collate([[x0, 3n], [x1, 5n]]) // [torch.stack([x0, x1]), tensor([3, 5])]
 *
 * https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.default_collate
 */
export const default_collate = pythonFunction<
  <Sample>(...args: [batch: readonly Sample[]] | [options: { batch: readonly Sample[] }]) => Collated<Sample>
>('utils.data.default_collate', (batch: readonly unknown[]) => {
  if (!Array.isArray(batch))
    throw new TypeError(`default_collate: a batch is a list of samples, not ${className(batch)}`)
  if (batch.length === 0) throw new RangeError('default_collate: the batch has no samples')
  return collate(batch)
})

function convert(value: unknown): unknown {
  if (internals.isTensor(value)) return value
  if (isTypedArray(value)) return as_tensor(value)
  if (Array.isArray(value)) return value.map(convert)
  if (types.isMap(value)) return new Map([...value].map(([key, each]) => [key, convert(each)]))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, convert(each)]))
}

/**
 * A sample with its typed arrays as tensors, in arrays, plain objects and Maps too; all else as it is.
 *
 * https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.default_convert
 */
export const default_convert = pythonFunction<
  <Sample>(...args: [data: Sample] | [options: { data: Sample }]) => Converted<Sample>
>('utils.data.default_convert', convert)
