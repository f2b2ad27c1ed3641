export type Reduction = 'none' | 'mean' | 'sum'

/** libtorch's number for a reduction. */
export function reductionCode(reduction: string): number {
  const code = ['none', 'mean', 'sum'].indexOf(reduction)
  if (code === -1)
    throw new RangeError(`${reduction} is not a valid value for reduction: expected 'none', 'mean' or 'sum'`)
  return code
}
