// torch.sparse: products, sums and softmaxes that stay sparse.

import type { Tensor } from './core/tensor.js'
import * as aten from './generated/aten.js'
import { type Arguments, read } from './operators/generated/arguments.js'

/** The product of a sparse and another matrix; `reduce` ('sum', 'mean', 'amax', 'amin') says how rows are reduced. */
export function mm(...args: Arguments['sparse.mm']): Tensor {
  const { mat1, mat2, reduce } = read('sparse.mm', args)
  return reduce === null ? aten._sparse_mm(mat1, mat2) : aten._sparse_mm(mat1, mat2, reduce)
}

/** beta mat + alpha (mat1 @ mat2), with mat1 sparse. */
export function addmm(...args: Arguments['sparse.addmm']): Tensor {
  const { mat, mat1, mat2, beta, alpha } = read('sparse.addmm', args)
  return aten._sparse_addmm(mat, mat1, mat2, { beta, alpha })
}

/** alpha (mat1 @ mat2) at the places of the sparse input (CSR) alone, plus beta input. */
export function sampled_addmm(...args: Arguments['sparse.sampled_addmm']): Tensor {
  const { input, mat1, mat2, beta, alpha, out } = read('sparse.sampled_addmm', args)
  const options = { beta, alpha }
  if (out === null) return aten.sparse_sampled_addmm(input, mat1, mat2, options)
  return aten.sparse_sampled_addmm(input, mat1, mat2, { ...options, out })
}

/** The sum over some dimensions of a sparse tensor, or over all. */
export function sum(...args: Arguments['sparse.sum']): Tensor {
  const { input, dim, dtype } = read('sparse.sum', args)
  if (dtype === null) return dim === null ? aten._sparse_sum(input) : aten._sparse_sum(input, dim)
  return dim === null ? aten._sparse_sum(input, { dtype }) : aten._sparse_sum(input, dim, { dtype })
}

/** Softmax of a sparse tensor, in which missing elements count as -inf. */
export function softmax(...args: Arguments['sparse.softmax']): Tensor {
  const { input, dim, dtype } = read('sparse.softmax', args)
  return aten._sparse_softmax(input, dim, dtype)
}

/** The logarithm of `softmax`. */
export function log_softmax(...args: Arguments['sparse.log_softmax']): Tensor {
  const { input, dim, dtype } = read('sparse.log_softmax', args)
  return aten._sparse_log_softmax(input, dim, dtype)
}

/** A sparse matrix with the rows of `diagonals` on its diagonals `offsets`. */
export function spdiags(...args: Arguments['sparse.spdiags']): Tensor {
  const { diagonals, offsets, shape, layout } = read('sparse.spdiags', args)
  return aten._spdiags(diagonals, offsets, shape, layout)
}
