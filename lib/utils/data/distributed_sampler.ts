import { randperm } from '../../generated/functions.js'
import { Generator } from '../../operators/generator.js'
import { type Arguments, read } from './generated/arguments.js'
import { numbersOf, Sampler } from './sampler.js'
import { lengthOf, type Sized } from './sized.js'

/**
 * The part of a dataset's indices that is one process's, of `num_replicas` that train together: `rank` says whose. All
 * parts are equally long: indices are repeated, or left out with `drop_last`. Call `set_epoch` before each pass, else all
 * are in the same order.
 *
 * https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.distributed.DistributedSampler
 */
export class DistributedSampler extends Sampler {
  readonly dataset: Sized
  readonly num_replicas: number
  readonly rank: number
  readonly shuffle: boolean
  readonly seed: number
  readonly drop_last: boolean
  readonly num_samples: number
  readonly total_size: number
  epoch = 0

  constructor(...args: Arguments['utils.data.DistributedSampler']) {
    super()
    const values = read('utils.data.DistributedSampler', args, new.target.name)
    if (values.num_replicas === null || values.rank === null) {
      throw new Error('Requires distributed package to be available: give num_replicas and rank')
    }
    if (values.rank >= values.num_replicas || values.rank < 0) {
      const last = values.num_replicas - 1
      throw new RangeError(`Invalid rank ${values.rank}, rank should be in the interval [0, ${last}]`)
    }
    this.dataset = values.dataset
    this.num_replicas = values.num_replicas
    this.rank = values.rank
    this.shuffle = values.shuffle
    this.seed = values.seed
    this.drop_last = values.drop_last
    const samples = lengthOf(this.dataset) / this.num_replicas
    this.num_samples = this.drop_last ? Math.floor(samples) : Math.ceil(samples)
    this.total_size = this.num_samples * this.num_replicas
  }

  get length(): number {
    return this.num_samples
  }

  override *[Symbol.iterator](): IterableIterator<number> {
    const length = lengthOf(this.dataset)
    const order = this.shuffle ? this.#shuffled(length) : null
    for (let i = this.rank; i < this.total_size; i += this.num_replicas) {
      const position = i % length
      yield order === null ? position : (order[position] as number)
    }
  }

  #shuffled(length: number): ArrayLike<number> {
    const generator = new Generator().manual_seed(this.seed + this.epoch)
    return numbersOf(length, () => randperm(length, { generator }))
  }

  /** Says which pass over the data comes next: each has an order of its own, the same one in all processes. */
  set_epoch(...args: Arguments['utils.data.DistributedSampler.set_epoch']): void {
    this.epoch = read('utils.data.DistributedSampler.set_epoch', args).epoch
  }
}
