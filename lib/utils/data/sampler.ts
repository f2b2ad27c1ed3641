// Samplers: in which order a loader takes a dataset's samples.

import { float64, int32, int64 } from '../../core/dtype.js'
import { pythonRepr } from '../../core/python_repr.js'
import { keep, scope } from '../../core/scope.js'
import type { Tensor } from '../../core/tensor.js'
import { empty, multinomial, randint, randperm } from '../../generated/functions.js'
import { Generator } from '../../operators/generator.js'
import { as_tensor } from '../../tensor/factories.js'
import { type Arguments, read } from './generated/arguments.js'
import { lengthOf, type Sized } from './sized.js'

/**
 * Indices in some order, one by one or in lists. Subclasses have `[Symbol.iterator]` (Python's `__iter__`), which each
 * pass over the data calls, and mostly a `length`.
 */
export class Sampler<Index = number> implements Iterable<Index> {
  [Symbol.iterator](): Iterator<Index> {
    const error = new Error('Subclasses of Sampler should implement [Symbol.iterator] (Python’s __iter__).')
    error.name = 'NotImplementedError'
    throw error
  }
}

/** The whole numbers below `end` of a tensor, which is freed at once. */
export function numbersOf(end: number, draw: () => Tensor): Int32Array | Float64Array {
  return scope(() => {
    const numbers = draw().to(end < 2 ** 31 ? int32 : float64)
    return numbers.to_typed_array({ copy: true }) as Int32Array | Float64Array
  })
}

/** A seed as Python draws it, of 63 bits, from this generator or from the default one. */
export function drawSeed(generator: Generator | null): bigint {
  return scope(() => {
    const seed = empty([], { dtype: int64 }).random_({ generator })
    return (seed.to_typed_array() as BigInt64Array)[0] as bigint
  })
}

/** Refuses a count that is no positive whole number, in Python's words. */
export function checkPositive(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return
  throw new RangeError(`${name} should be a positive integer value, but got ${name}=${pythonRepr(value)}`)
}

/** All samples, from the first to the last. */
export class SequentialSampler extends Sampler {
  readonly data_source: Sized

  constructor(...args: Arguments['utils.data.SequentialSampler']) {
    super()
    this.data_source = read('utils.data.SequentialSampler', args, new.target.name).data_source
  }

  get length(): number {
    return lengthOf(this.data_source)
  }

  override *[Symbol.iterator](): IterableIterator<number> {
    const { length } = this
    for (let i = 0; i < length; i++) yield i
  }
}

/**
 * Samples in random order: each once or, with `replacement`, whichever is drawn; `num_samples` of them, or as many as
 * there are. Without a generator each pass draws a seed from the default one.
 */
export class RandomSampler extends Sampler {
  readonly data_source: Sized
  readonly replacement: boolean
  readonly generator: Generator | null
  readonly #num_samples: number | null

  constructor(...args: Arguments['utils.data.RandomSampler']) {
    super()
    const { data_source, replacement, num_samples, generator } = read('utils.data.RandomSampler', args, new.target.name)
    this.data_source = data_source
    this.replacement = replacement
    this.generator = generator
    this.#num_samples = num_samples
    checkPositive('num_samples', this.num_samples)
  }

  /** How many indices a pass gives. A dataset may change its length meanwhile. */
  get num_samples(): number {
    return this.#num_samples ?? lengthOf(this.data_source)
  }

  get length(): number {
    return this.num_samples
  }

  override *[Symbol.iterator](): IterableIterator<number> {
    const n = lengthOf(this.data_source)
    const { num_samples } = this
    const generator = this.generator ?? new Generator().manual_seed(drawSeed(null))
    if (n === 0) throw new RangeError('RandomSampler: there is no sample to draw')
    if (this.replacement) {
      // As many at once as Python draws.
      for (let left = num_samples; left >= 0; left -= 32) {
        const some = numbersOf(n, () => randint(n, [Math.min(left, 32)], { dtype: int64, generator }))
        for (let i = 0; i < some.length; i++) yield some[i] as number
      }
    } else {
      // Python draws the last ones also where it takes none of them.
      for (let left = num_samples; left >= 0; left -= n) {
        const all = numbersOf(n, () => randperm(n, { generator }))
        for (let i = 0; i < Math.min(left, n); i++) yield all[i] as number
      }
    }
  }
}

/** The indices of a list, each once, in random order. */
export class SubsetRandomSampler extends Sampler {
  readonly indices: ArrayLike<number>
  readonly generator: Generator | null

  constructor(...args: Arguments['utils.data.SubsetRandomSampler']) {
    super()
    const { indices, generator } = read('utils.data.SubsetRandomSampler', args, new.target.name)
    this.indices = indices
    this.generator = generator
  }

  get length(): number {
    return lengthOf(this.indices)
  }

  override *[Symbol.iterator](): IterableIterator<number> {
    const { generator, length } = this
    const order = numbersOf(length, () => randperm(length, { generator }))
    for (let i = 0; i < length; i++) yield this.indices[order[i] as number] as number
  }
}

/**
 * `num_samples` positions among the weights, each drawn by its weight; without `replacement` none twice. The weights need
 * not sum up to 1.
 */
export class WeightedRandomSampler extends Sampler {
  /** (n), float64. */
  readonly weights: Tensor
  readonly num_samples: number
  readonly replacement: boolean
  readonly generator: Generator | null

  constructor(...args: Arguments['utils.data.WeightedRandomSampler']) {
    super()
    const values = read('utils.data.WeightedRandomSampler', args, new.target.name)
    checkPositive('num_samples', values.num_samples)
    this.weights = keep(as_tensor(values.weights as Tensor, { dtype: float64 }))
    if (this.weights.dim() !== 1) {
      const shape = pythonRepr([...this.weights.shape])
      throw new RangeError(`weights should be a 1d sequence but given weights have shape ${shape}`)
    }
    this.num_samples = values.num_samples
    this.replacement = values.replacement
    this.generator = values.generator
  }

  get length(): number {
    return this.num_samples
  }

  override *[Symbol.iterator](): IterableIterator<number> {
    const { weights, num_samples, replacement, generator } = this
    const drawn = numbersOf(weights.size(0), () => multinomial(weights, num_samples, replacement, { generator }))
    for (let i = 0; i < drawn.length; i++) yield drawn[i] as number
  }
}
