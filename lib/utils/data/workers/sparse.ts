// Sparse tensors travel as the strided ones that they are made of.

import { sparse_bsc, sparse_bsr, sparse_coo, sparse_csc, sparse_csr } from '../../../core/device.js'
import type { Tensor } from '../../../core/tensor.js'
import { sparse_compressed_tensor, sparse_coo_tensor } from '../../../generated/functions.js'
import { aten } from '../../../operators/ops.js'

const COMPRESSED = [sparse_csr, sparse_csc, sparse_bsr, sparse_bsc]

/** The parts of a sparse tensor, or of one on its way. */
export interface Parts<Part> {
  readonly indices: Part[]
  readonly values: Part
  readonly shape: number[]
  /** The name of a compressed layout. */
  readonly layout: string
  readonly is_coalesced: boolean
}

const uncoalesced = (name: '_indices' | '_values', tensor: Tensor) => (aten[name] as (x: Tensor) => Tensor)(tensor)

export function partsOf<Part>(tensor: Tensor, change: (part: Tensor) => Part): Parts<Part> {
  const { layout, shape } = tensor
  const common = { shape: [...shape], layout: layout.name }
  if (layout === sparse_coo) {
    const indices = [change(uncoalesced('_indices', tensor))]
    return { ...common, indices, values: change(uncoalesced('_values', tensor)), is_coalesced: tensor.is_coalesced() }
  }
  const byRows = layout === sparse_csr || layout === sparse_bsr
  const indices = byRows ? [tensor.crow_indices(), tensor.col_indices()] : [tensor.ccol_indices(), tensor.row_indices()]
  return { ...common, indices: indices.map(change), values: change(tensor.values()), is_coalesced: false }
}

export function ofParts({ indices, values, shape, layout: name, is_coalesced }: Parts<Tensor>): Tensor {
  const [first, second] = indices as [Tensor, Tensor?]
  const layout = COMPRESSED.find((each) => each.name === name)
  if (second === undefined || layout === undefined) return sparse_coo_tensor(first, values, shape, { is_coalesced })
  return sparse_compressed_tensor(first, second, values, shape, { layout })
}
