/** A size for each spatial dimension, or one for all of them. */
export type Sizes = number | readonly number[]

/** As Python's modules keep a size for each of `count` dimensions: a list stays as it is, whatever its length. */
export const ntuple = (sizes: Sizes, count: number): readonly number[] =>
  typeof sizes === 'number' ? new Array<number>(count).fill(sizes) : sizes

/** `sizes` for each of `count` dimensions. */
export function repeated(sizes: Sizes, count: number): number[] {
  if (typeof sizes === 'number') return new Array<number>(count).fill(sizes)
  return sizes.length === 1 && count > 1 ? new Array<number>(count).fill(sizes[0] as number) : [...sizes]
}
