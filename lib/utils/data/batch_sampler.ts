import { type Arguments, read } from './generated/arguments.js'
import { checkPositive, Sampler } from './sampler.js'
import { lengthOf } from './sized.js'

/**
 * Lists of `batch_size` indices of another sampler. The last one holds what is left, unless `drop_last` leaves it out.
 *
 *     [...new BatchSampler(new SequentialSampler(data), 3, false)] // [[0, 1, 2], [3, 4, 5], [6]]
 */
export class BatchSampler<Index = number> extends Sampler<Index[]> {
  readonly sampler: Iterable<Index>
  readonly batch_size: number
  readonly drop_last: boolean

  constructor(...args: Arguments['utils.data.BatchSampler']) {
    super()
    const { sampler, batch_size, drop_last } = read('utils.data.BatchSampler', args, new.target.name)
    checkPositive('batch_size', batch_size)
    this.sampler = sampler
    this.batch_size = batch_size
    this.drop_last = drop_last
  }

  get length(): number {
    const batches = lengthOf(this.sampler) / this.batch_size
    return this.drop_last ? Math.floor(batches) : Math.ceil(batches)
  }

  override *[Symbol.iterator](): IterableIterator<Index[]> {
    let batch: Index[] = []
    for (const index of this.sampler) {
      batch.push(index)
      if (batch.length < this.batch_size) continue
      yield batch
      batch = []
    }
    if (batch.length > 0 && !this.drop_last) yield batch
  }
}
