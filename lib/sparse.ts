// torch.sparse: products, sums and softmaxes that stay sparse.

import type { Layout } from './core/device.js'
import type { DType } from './core/dtype.js'
import type { Tensor } from './core/tensor.js'
import * as aten from './generated/aten.js'
import type { Scalar } from './operators/operator.js'

/** The product of a sparse and another matrix; `reduce` ('sum', 'mean', 'amax', 'amin') says how rows are reduced. */
export function mm(mat1: Tensor, mat2: Tensor, reduce?: string): Tensor {
  return reduce === undefined ? aten._sparse_mm(mat1, mat2) : aten._sparse_mm(mat1, mat2, reduce)
}

interface ScaledSum {
  beta?: Scalar | undefined
  alpha?: Scalar | undefined
}

/** beta mat + alpha (mat1 @ mat2), with mat1 sparse. */
export function addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, options: ScaledSum = {}): Tensor {
  return aten._sparse_addmm(mat, mat1, mat2, { ...options })
}

/** alpha (mat1 @ mat2) at the places of the sparse input (CSR) alone, plus beta input. */
export function sampled_addmm(
  input: Tensor,
  mat1: Tensor,
  mat2: Tensor,
  options: ScaledSum & { out?: Tensor | undefined } = {},
): Tensor {
  return aten.sparse_sampled_addmm(input, mat1, mat2, { ...options })
}

/** The sum over some dimensions of a sparse tensor, or over all. */
export function sum(
  input: Tensor,
  dim: number | readonly number[] | null = null,
  { dtype }: { dtype?: DType | undefined } = {},
): Tensor {
  if (dtype === undefined) return dim === null ? aten._sparse_sum(input) : aten._sparse_sum(input, dim)
  return dim === null ? aten._sparse_sum(input, { dtype }) : aten._sparse_sum(input, dim, { dtype })
}

/** Softmax of a sparse tensor, in which missing elements count as -inf. */
export function softmax(
  input: Tensor,
  dim: number,
  { dtype = null }: { dtype?: DType | null | undefined } = {},
): Tensor {
  return aten._sparse_softmax(input, dim, dtype)
}

/** The logarithm of `softmax`. */
export function log_softmax(
  input: Tensor,
  dim: number,
  { dtype = null }: { dtype?: DType | null | undefined } = {},
): Tensor {
  return aten._sparse_log_softmax(input, dim, dtype)
}

/** A sparse matrix with the rows of `diagonals` on its diagonals `offsets`. */
export function spdiags(
  diagonals: Tensor,
  offsets: Tensor,
  shape: readonly [number, number],
  layout: Layout | null = null,
): Tensor {
  return aten._spdiags(diagonals, offsets, shape, layout)
}
