// torch.nn.functional: rows of a table, alone and in bags.

import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'

/** Scales down rows whose norm is too large, in place and without autograd. */
function renormalize(weight: Tensor, input: Tensor, max_norm: number, norm_type: number): void {
  torch.embedding_renorm_(weight.detach(), input.contiguous(), max_norm, norm_type)
}

export interface EmbeddingOptions {
  /** The row that gets no gradient. */
  padding_idx?: number | null | undefined
  /** Rows with a larger norm are scaled down to it, in place. */
  max_norm?: number | null | undefined
  norm_type?: number | undefined
  scale_grad_by_freq?: boolean | undefined
  sparse?: boolean | undefined
}

export const embedding = pythonFunction<signature.nn_functional_embedding>(
  'nn.functional.embedding',
  (
    input: Tensor,
    weight: Tensor,
    padding_idx: number | null,
    max_norm: number | null,
    norm_type: number,
    scale_grad_by_freq: boolean,
    sparse: boolean,
  ) => {
    let padding = -1
    if (padding_idx !== null) {
      const rows = weight.size(0)
      if (padding_idx >= rows || padding_idx < -rows) {
        throw new RangeError('Padding_idx must be within num_embeddings')
      }
      padding = padding_idx < 0 ? rows + padding_idx : padding_idx
    }
    if (max_norm !== null) renormalize(weight, input, max_norm, norm_type)
    return torch.embedding(weight, input, padding, scale_grad_by_freq, sparse)
  },
)

const MODES = ['sum', 'mean', 'max']

export const embedding_bag = pythonFunction<signature.nn_functional_embedding_bag>(
  'nn.functional.embedding_bag',
  (
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | null,
    max_norm: number | null,
    norm_type: number,
    scale_grad_by_freq: boolean,
    mode: string,
    sparse: boolean,
    per_sample_weights: Tensor | null,
    include_last_offset: boolean,
    padding_idx: number | null,
  ) => {
    if (per_sample_weights !== null && !input.shape.equals(per_sample_weights.shape)) {
      throw new RangeError(
        `embedding_bag: If per_sample_weights (${per_sample_weights.shape}) is not None, then it must have the same ` +
          `shape as the input (${input.shape})`,
      )
    }
    if (weight.dim() !== 2) {
      throw new RangeError(`weight has to be a 2D Tensor, but got Tensor of dimension ${weight.dim()}`)
    }
    let [rows, starts, last, factors] = [input, offsets, include_last_offset, per_sample_weights]
    if (input.dim() === 2) {
      if (offsets !== null) {
        throw new RangeError(
          'if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length ' +
            "sequences. However, found offsets of type <class 'torch.Tensor'>",
        )
      }
      const { dtype, device } = input
      starts = torch.arange(0, input.numel(), input.size(1), { dtype, device })
      rows = input.reshape([-1])
      last = false
      factors = per_sample_weights?.reshape([-1]) ?? null
    } else if (input.dim() === 1) {
      if (offsets === null) throw new RangeError('offsets has to be a 1D Tensor but got None')
      if (offsets.dim() !== 1) throw new RangeError('offsets has to be a 1D Tensor')
    } else {
      throw new RangeError(`input has to be 1D or 2D Tensor, but got Tensor of dimension ${input.dim()}`)
    }
    const code = MODES.indexOf(mode)
    if (code === -1) throw new RangeError('mode has to be one of sum, mean or max')
    if (mode === 'max' && scale_grad_by_freq) {
      throw new RangeError('max mode does not support scaling the gradient by the frequency')
    }
    if (mode === 'max' && sparse) throw new RangeError('max mode does not support sparse weights')
    if (max_norm !== null) renormalize(weight, rows, max_norm, norm_type)
    if (per_sample_weights !== null && mode !== 'sum') {
      throw new Error(
        'embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for ' +
          `mode='sum' (got mode='${mode}'). Please open a feature request on GitHub.`,
      )
    }
    const [output] = torch.embedding_bag(
      weight,
      rows,
      // One dimension has offsets, two have got them here.
      starts as Tensor,
      scale_grad_by_freq,
      code,
      sparse,
      factors,
      last,
      padding_idx,
    )
    return output
  },
)
