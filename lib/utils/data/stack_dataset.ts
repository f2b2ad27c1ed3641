// biome-ignore-all lint/suspicious/noExplicitAny: datasets have samples of any type, and indices of any type

import { isPlainObject } from '../../operators/options.js'
import { type AnyDataset, Dataset, getsItems, type SampleOf, sampleAt } from './dataset.js'
import { allOf, isPromise } from './promises.js'
import { lengthOf } from './sized.js'

/** Datasets side by side, equally long: a sample has one of each, in a list or, where they are named, in an object. */
class StackDatasetClass<Sample = any> extends Dataset<Sample> {
  static override readonly name: string = 'StackDataset'
  readonly datasets: AnyDataset[] | Record<string, AnyDataset>
  readonly #length: number

  constructor(...args: unknown[]) {
    super()
    const [first, ...others] = args
    const isNamed = isPlainObject(first) && typeof first.at !== 'function'
    if (others.some((other) => isNamed || (isPlainObject(other) && typeof other.at !== 'function'))) {
      throw new TypeError(
        'Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both types are given.',
      )
    }
    this.datasets = (isNamed ? { ...first } : args) as AnyDataset[] | Record<string, AnyDataset>
    const all = Object.values(this.datasets)
    if (all.length === 0) throw new RangeError('At least one dataset should be passed')
    this.#length = lengthOf(all[0])
    if (all.some((dataset) => lengthOf(dataset) !== this.#length))
      throw new RangeError('Size mismatch between datasets')
  }

  get length(): number {
    return this.#length
  }

  override at(index: unknown): Sample {
    return gathered(mapValues(this.datasets, (dataset) => sampleAt(dataset, index))) as Sample
  }

  getitems(indices: unknown[]): Sample[] | Promise<Sample[]> {
    const columns = mapValues(this.datasets, (dataset) =>
      getsItems(dataset) ? dataset.getitems(indices) : gathered(indices.map((index) => sampleAt(dataset, index))),
    )
    const rows = (all: Values<unknown>) => {
      const checked = mapValues(all, (samples) => {
        const { length } = samples as unknown[]
        if (length === indices.length) return samples as unknown[]
        throw new RangeError(`Nested dataset's output size mismatch. Expected ${indices.length}, got ${length}`)
      })
      return indices.map((_, i) => mapValues(checked, (samples) => samples[i]) as Sample)
    }
    const all = gathered(columns)
    return isPromise(all) ? all.then(rows) : rows(all)
  }
}

type Values<T> = T[] | Record<string, T>

function mapValues<T, R>(values: Values<T>, change: (value: T) => R): Values<R> {
  if (Array.isArray(values)) return values.map(change)
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]))
}

/** The values, or where there are promises among them a promise of all. */
function gathered(values: Values<unknown>): Values<unknown> | Promise<Values<unknown>> {
  const list = Object.values(values)
  if (!list.some(isPromise)) return values
  return allOf(list).then((all) => {
    const each = all[Symbol.iterator]()
    return mapValues(values, () => each.next().value)
  })
}

interface StackDatasetConstructor {
  readonly prototype: StackDatasetClass
  new <D extends readonly AnyDataset[]>(...datasets: D): StackDataset<{ -readonly [K in keyof D]: SampleOf<D[K]> }>
  new <D extends Readonly<Record<string, AnyDataset>>>(
    datasets: D,
  ): StackDataset<{ -readonly [K in keyof D]: SampleOf<D[K]> }>
}

export interface StackDataset<Sample = any> extends StackDatasetClass<Sample> {}
export const StackDataset = StackDatasetClass as unknown as StackDatasetConstructor
