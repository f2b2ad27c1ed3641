import { warn } from '../core/warn.js'

export type Reduction = 'none' | 'mean' | 'sum'

/** libtorch's number for a reduction. */
export function reductionCode(reduction: string): number {
  const code = ['none', 'mean', 'sum'].indexOf(reduction)
  if (code === -1)
    throw new RangeError(`${reduction} is not a valid value for reduction: expected 'none', 'mean' or 'sum'`)
  return code
}

/** The reduction that PyTorch's two old flags stand for, where one is given. */
export function reductionOf(size_average: boolean | null, reduce: boolean | null, reduction: Reduction): Reduction {
  if (size_average === null && reduce === null) return reduction
  const named: Reduction = reduce === false ? 'none' : size_average === false ? 'sum' : 'mean'
  warn(`size_average and reduce args will be deprecated, please use reduction='${named}' instead.`)
  return named
}
