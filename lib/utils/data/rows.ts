// A TensorDataset's samples as a batch, taken at once instead of one by one.

import { strided } from '../../core/device.js'
import { scope } from '../../core/scope.js'
import type { Tensor } from '../../core/tensor.js'
import { index_select } from '../../generated/functions.js'
import { tensor } from '../../tensor/factories.js'
import { Subset } from './subset.js'
import { TensorDataset } from './tensor_dataset.js'

/** Whether its rows are like a stack of its samples, with the same strides and no graph that would show how. */
const isPlain = (tensor: Tensor): boolean =>
  tensor.layout === strided && !tensor.is_quantized && !tensor.requires_grad && tensor.is_contiguous()

/** Positions from the start; null where one of the indices is none. */
function positionsOf(indices: ArrayLike<unknown>, length: number): Int32Array | null {
  if (length >= 2 ** 31) return null
  const positions = new Int32Array(indices.length)
  for (let i = 0; i < positions.length; i++) {
    const index = indices[i] as number
    if (!Number.isInteger(index) || index < -length || index >= length) return null
    positions[i] = index < 0 ? index + length : index
  }
  return positions
}

/**
 * What default_collate makes of samples of a TensorDataset, or of its Subsets; null where it may be something else, as
 * for subclasses.
 */
export function rowsOf(dataset: unknown, indices: ArrayLike<unknown>): Tensor[] | null {
  if (dataset instanceof Subset) {
    const { at, getitems } = Subset.prototype
    if (dataset.at !== at || dataset.getitems !== getitems) return null
    const inside = positionsOf(indices, dataset.length)
    return (
      inside &&
      rowsOf(
        dataset.dataset,
        Array.from(inside, (position) => dataset.indices[position]),
      )
    )
  }
  if (!(dataset instanceof TensorDataset)) return null
  if (dataset.at !== TensorDataset.prototype.at || 'getitems' in dataset || indices.length === 0) return null
  const { tensors } = dataset
  const positions = tensors.every(isPlain) ? positionsOf(indices, dataset.length) : null
  if (positions === null) return null
  return scope(() => {
    const rows = tensor(positions)
    return tensors.map((each: Tensor) => index_select(each, 0, rows.to(each.device)))
  })
}
