// Datasets: samples by their index, or one after the other; and several in a row.

// biome-ignore-all lint/suspicious/noExplicitAny: datasets have samples of any type, and indices of any type

import { types } from 'node:util'
import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { type Arguments, read } from './generated/arguments.js'
import { lengthOf } from './sized.js'

/**
 * Samples by their index. Subclasses have `at(index)` (Python's `__getitem__`) and mostly a `length` (Python's `__len__`);
 * those that load several at once have `getitems(indices)` too (Python's `__getitems__`), which gives a list of samples.
 * Either may give a promise: then the loader is iterated over by `for await`. An index is a whole number, unless a
 * sampler gives others.
 *
 * https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.Dataset
 */
export class Dataset<Sample = any> {
  at(_index: any): Sample {
    throw notImplemented('Subclasses of Dataset should implement at (Python’s __getitem__).')
  }

  /** The samples of this one, then those of another one. Python's `a + b`. */
  add(other: AnyDataset): Dataset {
    return new ConcatDataset([this, other])
  }
}

/**
 * Samples one after the other, as from a stream: subclasses have `[Symbol.iterator]`, or `[Symbol.asyncIterator]` and are
 * then iterated over by `for await`. With workers each has its own copy, and `get_worker_info()` says which part of the
 * samples is its.
 *
 * https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.IterableDataset
 */
export class IterableDataset<Sample = any> extends Dataset<Sample> {
  /** The samples of this one, then those of another one, which is an IterableDataset too. Python's `a + b`. */
  override add(other: AnyDataset): Dataset {
    return new ChainDataset([this, other])
  }
}

/** What a loader takes: whatever is indexed as Python's lists, dicts and tensors are, or an IterableDataset. */
export type AnyDataset = { at(index: any): any } | Tensor | ReadonlyMap<any, any>

/** What a dataset's samples are. */
export type SampleOf<D> = 0 extends 1 & D
  ? any
  : D extends Tensor
    ? Tensor
    : D extends ReadonlyMap<any, infer Value>
      ? Value
      : D extends { [Symbol.iterator](): Iterator<infer Sample> }
        ? Sample
        : D extends { [Symbol.asyncIterator](): AsyncIterator<infer Sample> }
          ? Sample
          : D extends { at(index: any): infer Sample }
            ? Sample
            : unknown

/** Python's dataset[index]: a function, as what kind of dataset it is takes longer to find out than to read a sample. */
export function readerOf(dataset: AnyDataset): (index: unknown) => unknown {
  if (internals.isTensor(dataset)) return (index) => dataset.index(index as number)
  if (types.isMap(dataset)) {
    return (index) => {
      if (!dataset.has(index)) throw new RangeError(`the dataset, a Map, has no key ${String(index)}`)
      return dataset.get(index)
    }
  }
  if (Array.isArray(dataset) || ArrayBuffer.isView(dataset)) {
    const list = dataset as unknown[]
    return (index) => {
      if (!Number.isInteger(index)) throw new TypeError(`list indices must be integers, not ${describe(index)}`)
      const position = index as number
      if (position >= list.length || position < -list.length) throw new RangeError('list index out of range')
      return list.at(position)
    }
  }
  if (typeof (dataset as Dataset).at !== 'function') {
    throw new TypeError(`'${describe(dataset)}' object is not subscriptable: a dataset has \`at(index)\``)
  }
  return (index) => (dataset as Dataset).at(index)
}

export const sampleAt = (dataset: AnyDataset, index: unknown): unknown => readerOf(dataset)(index)

/** Whether a dataset loads several samples at once. */
export function getsItems(dataset: AnyDataset): dataset is AnyDataset & { getitems(indices: unknown[]): unknown } {
  return typeof (dataset as { getitems?: unknown }).getitems === 'function'
}

/** Datasets in a row, each with `at` and a `length`. A negative index counts from the end. */
export class ConcatDataset<Sample = any> extends Dataset<Sample> {
  readonly datasets: AnyDataset[]
  /** How many samples there are up to the end of each. */
  readonly cumulative_sizes: number[]

  constructor(...args: Arguments['utils.data.ConcatDataset']) {
    super()
    const { datasets } = read('utils.data.ConcatDataset', args, new.target.name)
    this.datasets = [...datasets]
    if (this.datasets.length === 0) throw new RangeError('datasets should not be an empty iterable')
    if (this.datasets.some((dataset) => dataset instanceof IterableDataset)) {
      throw new TypeError('ConcatDataset does not support IterableDataset')
    }
    let size = 0
    this.cumulative_sizes = this.datasets.map((dataset) => {
      size += lengthOf(dataset)
      return size
    })
  }

  get length(): number {
    return this.cumulative_sizes.at(-1) as number
  }

  override at(index: number): Sample {
    if (index < -this.length) throw new RangeError('absolute value of index should not exceed dataset length')
    const position = index < 0 ? index + this.length : index
    const found = this.cumulative_sizes.findIndex((size) => position < size)
    const dataset = this.datasets[found]
    if (dataset === undefined) throw new RangeError('list index out of range')
    return sampleAt(dataset, position - (this.cumulative_sizes[found - 1] ?? 0)) as Sample
  }
}

/** IterableDatasets, one after the other; each is opened when those before it have ended. */
export class ChainDataset<Sample = any> extends IterableDataset<Sample> {
  readonly datasets: Iterable<AnyDataset>

  constructor(...args: Arguments['utils.data.ChainDataset']) {
    super()
    this.datasets = read('utils.data.ChainDataset', args, new.target.name).datasets
  }

  get length(): number {
    let length = 0
    for (const dataset of this.#checked()) length += lengthOf(dataset)
    return length
  }

  *[Symbol.iterator](): Generator<Sample> {
    for (const dataset of this.#checked()) yield* iterableOf<Sample>(dataset)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Sample> {
    for (const dataset of this.#checked()) yield* asyncIterableOf<Sample>(dataset)
  }

  *#checked(): Generator<IterableDataset<Sample>> {
    for (const dataset of this.datasets) {
      if (!(dataset instanceof IterableDataset)) throw new TypeError('ChainDataset only supports IterableDataset')
      yield dataset
    }
  }
}

/** @throws {TypeError} where a dataset is asynchronous. */
export function iterableOf<Sample>(dataset: IterableDataset<Sample>): Iterable<Sample> {
  if (Symbol.iterator in dataset) return dataset as Iterable<Sample>
  if (Symbol.asyncIterator in dataset)
    throw new TypeError(needsAwait(`${describe(dataset)} is an asynchronous dataset`))
  throw notImplemented(`${describe(dataset)} should have [Symbol.iterator] or [Symbol.asyncIterator]`)
}

export function asyncIterableOf<Sample>(dataset: IterableDataset<Sample>): AsyncIterable<Sample> | Iterable<Sample> {
  return Symbol.asyncIterator in dataset ? (dataset as AsyncIterable<Sample>) : iterableOf(dataset)
}

/** What a loop says that meets a promise. */
export const needsAwait = (reason: string): string => `${reason}: write \`for await (const batch of loader)\``

function notImplemented(message: string): Error {
  const error = new Error(message)
  error.name = 'NotImplementedError'
  return error
}
