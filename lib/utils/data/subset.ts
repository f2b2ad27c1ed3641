// biome-ignore-all lint/suspicious/noExplicitAny: datasets have samples of any type, and indices of any type

import { type AnyDataset, Dataset, getsItems, readerOf, type SampleOf, sampleAt } from './dataset.js'
import { type Arguments, read } from './generated/arguments.js'
import { lengthOf } from './sized.js'

/** Some of a dataset's samples, by their indices there. */
export class Subset<Sample = any> extends Dataset<Sample> {
  readonly dataset: AnyDataset
  readonly indices: ArrayLike<any>

  constructor(...args: Arguments['utils.data.Subset']) {
    super()
    const { dataset, indices } = read('utils.data.Subset', args, new.target.name)
    this.dataset = dataset
    this.indices = indices
    if (this.at !== Subset.prototype.at && this.getitems === Subset.prototype.getitems) {
      const error = new Error(
        `${new.target.name} overrides at but not getitems, by which a DataLoader reads a Subset. A simple one: ` +
          'getitems(indices) { return indices.map((index) => this.at(index)) }',
      )
      error.name = 'NotImplementedError'
      throw error
    }
  }

  get length(): number {
    return lengthOf(this.indices)
  }

  override at(index: number): Sample
  override at(index: number[]): Sample
  override at(index: number | number[]): Sample {
    const inside = Array.isArray(index) ? index.map((each) => this.#inside(each)) : this.#inside(index)
    return sampleAt(this.dataset, inside) as Sample
  }

  getitems(indices: number[]): Sample[] | Promise<Sample[]> {
    const inside = indices.map((index) => this.#inside(index))
    const { dataset } = this
    if (getsItems(dataset)) return dataset.getitems(inside) as Sample[] | Promise<Sample[]>
    return inside.map(readerOf(dataset)) as Sample[]
  }

  #inside(index: number): unknown {
    const { length } = this
    if (!Number.isInteger(index) || index < -length || index >= length) throw new RangeError('list index out of range')
    return this.indices[index < 0 ? index + length : index]
  }
}

/** The Subset of a dataset. */
export type SubsetOf<D> = Subset<SampleOf<D>>
