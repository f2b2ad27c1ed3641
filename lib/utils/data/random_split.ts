import { warn } from '../../core/warn.js'
import { randperm } from '../../generated/functions.js'
import { pythonFunction } from '../../operators/arguments.js'
import type { Generator } from '../../operators/generator.js'
import type { AnyDataset } from './dataset.js'
import { numbersOf } from './sampler.js'
import { lengthOf } from './sized.js'
import { Subset, type SubsetOf } from './subset.js'

type Options = { generator?: Generator | null | undefined }

interface RandomSplit {
  /**
   * Parts of a dataset without common samples, chosen at random: of the lengths given, or of these fractions of its
   * length if they sum up to 1 (what remains of rounding down goes to the first parts).
   *
   * https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.random_split
   */
  <D extends AnyDataset, const L extends readonly number[]>(
    ...args:
      | [dataset: D, lengths: L, generator?: Generator | null | Options | undefined]
      | [dataset: D, options: { lengths: L } & Options]
      | [options: { dataset: D; lengths: L } & Options]
  ): { -readonly [Part in keyof L]: SubsetOf<D> }
}

/** As Python's sum of floats, which carries along what rounding takes. */
function sum(values: readonly number[]): number {
  let [total, lost] = [0, 0]
  for (const value of values) {
    const next = total + value
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total
    total = next
  }
  return total + lost
}

function lengthsOf(fractions: readonly number[], length: number): number[] {
  const lengths = fractions.map((fraction, i) => {
    if (fraction < 0 || fraction > 1) throw new RangeError(`Fraction at index ${i} is not between 0 and 1`)
    return Math.floor(length * fraction)
  })
  const remainder = length - sum(lengths)
  for (let i = 0; i < remainder; i++) lengths[i % lengths.length] = (lengths[i % lengths.length] as number) + 1
  lengths.forEach((part, i) => {
    if (part === 0) warn(`Length of split at index ${i} is 0. This might result in an empty dataset.`)
  })
  return lengths
}

export const random_split = pythonFunction<RandomSplit>(
  'utils.data.random_split',
  (dataset: AnyDataset, given: readonly number[], generator: Generator | null) => {
    const length = lengthOf(dataset)
    const total = sum(given)
    const lengths = total <= 1 && total >= 1 - 1e-9 ? lengthsOf(given, length) : given
    if (sum(lengths) !== length) {
      throw new RangeError('Sum of input lengths does not equal the length of the input dataset!')
    }
    const bad = lengths.find((part) => !Number.isInteger(part))
    if (bad !== undefined) throw new TypeError(`random_split(): a length must be a whole number, not ${bad}`)
    const indices = Array.from(numbersOf(length, () => randperm(length, { generator })))
    let end = 0
    return lengths.map((part) => {
      end += part
      return new Subset(dataset, indices.slice(end - part, end))
    })
  },
)
