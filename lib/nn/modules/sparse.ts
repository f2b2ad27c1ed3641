import { no_grad } from '../../autograd/grad_mode.js'
import type { Tensor } from '../../core/tensor.js'
import { empty } from '../../generated/functions.js'
import { embedding, embedding_bag } from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import type { Factory } from './factory.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/**
 * A table of vectors, read by row numbers: y = weight[input].
 *
 * - num_embeddings, embedding_dim: how many vectors, and their size
 * - padding_idx (null): the row that stands for no word: it starts at zero and gets no gradient; below 0 from the end
 * - max_norm (null): rows that are read and whose norm is larger are scaled down to it, in place
 * - norm_type (2): the p of that norm
 * - scale_grad_by_freq (false): whether a row's gradient is divided by how often the row was read in the call
 * - sparse (false): whether the weight's gradient is a sparse tensor, of the rows that were read (for SGD, SparseAdam)
 * - device, dtype: of the parameter
 *
 * Input int64 or int32 (*), output (*, embedding_dim). Parameter: weight (num_embeddings, embedding_dim), which starts in
 * N(0, 1).
 *
 * @throws where padding_idx is no row; where the input is no integer, or holds what is no row.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Embedding.html
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
    this.num_embeddings = num_embeddings
    this.embedding_dim = embedding_dim
    this.padding_idx = rowOf(padding_idx, num_embeddings, 'Padding_idx')
    this.max_norm = values.max_norm
    this.norm_type = values.norm_type
    this.scale_grad_by_freq = values.scale_grad_by_freq
    this.sparse = values.sparse
    this.weight = new Parameter(tableOf([num_embeddings, embedding_dim], _weight, { device, dtype }), !_freeze)
    if (_weight === null) this.reset_parameters()
  }

  reset_parameters(): void {
    resetTable(this)
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

  /**
   * An embedding of the rows of `embeddings` (num_embeddings, embedding_dim), over its data. `freeze` (true) keeps them
   * from being learned; the other arguments are the constructor's.
   */
  static from_pretrained(...args: Arguments['nn.Embedding.from_pretrained']): Embedding {
    const { embeddings, freeze, ...settings } = read('nn.Embedding.from_pretrained', args)
    const [num_embeddings, embedding_dim] = tableSizes(embeddings)
    return new this({ num_embeddings, embedding_dim, _weight: embeddings, _freeze: freeze, ...settings })
  }
}

/** The row that padding_idx means, counted from the end where it is below 0. */
function rowOf(padding_idx: number | null, rows: number, name: string): number | null {
  if (padding_idx === null) return null
  // Row 0 of a table without rows is let pass, as in Python.
  if (padding_idx !== 0 && (padding_idx >= rows || padding_idx < -rows)) {
    throw new RangeError(`${name} must be within num_embeddings`)
  }
  return padding_idx < 0 ? rows + padding_idx : padding_idx
}

function tableOf(shape: readonly number[], given: Tensor | null, { device, dtype }: Factory): Tensor {
  if (given === null) return empty(shape, { device, dtype })
  if (!given.shape.equals(shape)) {
    throw new RangeError('Shape of weight does not match num_embeddings and embedding_dim')
  }
  return given
}

function tableSizes(embeddings: Tensor): [number, number] {
  if (embeddings.dim() !== 2) throw new RangeError('Embeddings parameter is expected to be 2-dimensional')
  return [embeddings.size(0), embeddings.size(1)]
}

/** All rows to N(0, 1), the padding's to zero. */
function resetTable({ weight, padding_idx }: { weight: Parameter; padding_idx: number | null }): void {
  init.normal_(weight)
  if (padding_idx !== null) no_grad(() => void weight.select(0, padding_idx).fill_(0))
}

/**
 * Sums, means or maxima of bags of an embedding's rows, without the rows themselves in memory. A call is an Embedding's,
 * and then `sum(1)`, `mean(1)` or `amax(1)` for bags of one length.
 *
 * - num_embeddings, embedding_dim: how many vectors, and their size
 * - max_norm (null), norm_type (2), scale_grad_by_freq (false): as of Embedding; the last is not for 'max'
 * - mode ('mean'): what of a bag is returned, its 'sum', 'mean' or 'max'
 * - sparse (false): whether the weight's gradient is a sparse tensor; not for 'max'
 * - include_last_offset (false): whether offsets ends with the end of the last bag
 * - padding_idx (null): the row that stands for no word: it starts at zero, gets no gradient, and counts in no bag
 * - device, dtype: of the parameter
 *
 * Called with `input`, `offsets` (null) and `per_sample_weights` (null):
 *
 * - input: int64 or int32 row numbers, (B, N) for B bags of N rows; or (N), all bags one after another
 * - offsets: where each bag begins in an input (N), (B); or (B + 1) with include_last_offset; null for an input (B, N)
 * - per_sample_weights: a factor for each row that is read, of the input's shape, for 'sum' alone
 *
 * Output (B, embedding_dim), zeros for an empty bag. Parameter: weight (num_embeddings, embedding_dim), which starts in
 * N(0, 1).
 *
 * @throws where padding_idx is no row; where input and offsets do not fit each other, or what the mode has not is asked.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.EmbeddingBag.html
 */
export class EmbeddingBag extends Module {
  readonly num_embeddings: number
  readonly embedding_dim: number
  max_norm: number | null
  norm_type: number
  scale_grad_by_freq: boolean
  readonly padding_idx: number | null
  declare weight: Parameter
  mode: 'sum' | 'mean' | 'max'
  sparse: boolean
  include_last_offset: boolean

  constructor(...args: Arguments['nn.EmbeddingBag']) {
    super()
    const values = read('nn.EmbeddingBag', args)
    const { num_embeddings, embedding_dim, padding_idx, _weight, device, dtype } = values
    this.num_embeddings = num_embeddings
    this.embedding_dim = embedding_dim
    this.max_norm = values.max_norm
    this.norm_type = values.norm_type
    this.scale_grad_by_freq = values.scale_grad_by_freq
    this.padding_idx = rowOf(padding_idx, num_embeddings, 'padding_idx')
    this.weight = new Parameter(tableOf([num_embeddings, embedding_dim], _weight, { device, dtype }))
    if (_weight === null) this.reset_parameters()
    this.mode = values.mode
    this.sparse = values.sparse
    this.include_last_offset = values.include_last_offset
  }

  reset_parameters(): void {
    resetTable(this)
  }

  forward(...args: Arguments['nn.EmbeddingBag.forward']): Tensor {
    const { input, offsets, per_sample_weights } = read('nn.EmbeddingBag.forward', args)
    return embedding_bag(
      input,
      this.weight,
      offsets,
      this.max_norm,
      this.norm_type,
      this.scale_grad_by_freq,
      this.mode,
      this.sparse,
      per_sample_weights,
      this.include_last_offset,
      this.padding_idx,
    )
  }

  override extra_repr(): string {
    const { num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, mode } = this
    let text = `${num_embeddings}, ${embedding_dim}`
    if (max_norm !== null) text += `, ${settings({ max_norm })}`
    if (norm_type !== 2) text += `, ${settings({ norm_type })}`
    if (scale_grad_by_freq) text += ', scale_grad_by_freq=True'
    text += `, mode='${mode}'`
    return padding_idx === null ? text : `${text}, padding_idx=${padding_idx}`
  }

  /**
   * A bag of the rows of `embeddings` (num_embeddings, embedding_dim), over its data. `freeze` (true) keeps them from
   * being learned; the other arguments are the constructor's.
   */
  static from_pretrained(...args: Arguments['nn.EmbeddingBag.from_pretrained']): EmbeddingBag {
    const { embeddings, freeze, ...settings } = read('nn.EmbeddingBag.from_pretrained', args)
    const [num_embeddings, embedding_dim] = tableSizes(embeddings)
    const bag = new this({ num_embeddings, embedding_dim, _weight: embeddings, ...settings })
    bag.weight.requires_grad = !freeze
    return bag
  }
}
