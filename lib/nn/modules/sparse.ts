import { no_grad } from '../../autograd/grad_mode.js'
import type { Tensor } from '../../core/tensor.js'
import { empty } from '../../generated/functions.js'
import { checkCount } from '../../operators/arguments.js'
import { embedding } from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/**
 * A table of vectors: int64 indices (*) in, (*, embedding_dim) out. Weight (num_embeddings, embedding_dim) starts in
 * N(0, 1), the row `padding_idx` at zero.
 */
export class Embedding extends Module {
  readonly num_embeddings: number
  readonly embedding_dim: number
  readonly padding_idx: number | null
  max_norm: number | null
  norm_type: number
  scale_grad_by_freq: boolean
  sparse: boolean
  declare weight: Parameter

  constructor(...args: Arguments['nn.Embedding']) {
    super()
    const values = read('nn.Embedding', args)
    const { num_embeddings, embedding_dim, padding_idx, _weight, _freeze, device, dtype } = values
    checkCount('Embedding', 'num_embeddings', num_embeddings, 0)
    checkCount('Embedding', 'embedding_dim', embedding_dim, 0)
    if (padding_idx !== null && (padding_idx >= num_embeddings || padding_idx < -num_embeddings)) {
      throw new RangeError('Padding_idx must be within num_embeddings')
    }
    this.num_embeddings = num_embeddings
    this.embedding_dim = embedding_dim
    this.padding_idx = padding_idx !== null && padding_idx < 0 ? num_embeddings + padding_idx : padding_idx
    this.max_norm = values.max_norm
    this.norm_type = values.norm_type
    this.scale_grad_by_freq = values.scale_grad_by_freq
    this.sparse = values.sparse
    if (_weight === null) {
      const made = empty([num_embeddings, embedding_dim], { device, dtype })
      this.weight = new Parameter(made, !_freeze)
      this.reset_parameters()
    } else {
      if (!_weight.shape.equals([num_embeddings, embedding_dim])) {
        throw new RangeError('Shape of weight does not match num_embeddings and embedding_dim')
      }
      this.weight = new Parameter(_weight, !_freeze)
    }
  }

  reset_parameters(): void {
    init.normal_(this.weight)
    const { padding_idx } = this
    if (padding_idx !== null) no_grad(() => void this.weight.select(0, padding_idx).fill_(0))
  }

  forward(input: Tensor): Tensor {
    const { padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse } = this
    return embedding(input, this.weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
  }

  override extra_repr(): string {
    const { num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse } = this
    let text = `${num_embeddings}, ${embedding_dim}`
    if (padding_idx !== null) text += `, padding_idx=${padding_idx}`
    if (max_norm !== null) text += `, ${settings({ max_norm })}`
    if (norm_type !== 2) text += `, ${settings({ norm_type })}`
    if (scale_grad_by_freq) text += ', scale_grad_by_freq=True'
    return sparse ? `${text}, sparse=True` : text
  }
}
