// Stacks of layers, and the Transformer (Vaswani et al. 2017).

import { get_fastpath_enabled } from '../../backends/mha.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import { triu } from '../../generated/functions.js'
import { aten } from '../../operators/ops.js'
import { deepcopy } from '../../tensor/deepcopy.js'
import { full } from '../../tensor/factories.js'
import { additive } from '../functional/mask.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import * as init from '../init.js'
import { ModuleList } from './container.js'
import { Module } from './module.js'
import { asksForGradients, isAutocasting, isOnCpuOrGpu } from './multihead_attention.js'
import { LayerNorm } from './normalization.js'
import { TransformerDecoderLayer, TransformerEncoderLayer } from './transformer_layers.js'

/** The number of time steps. */
const lengthOf = (input: Tensor, batch_first: boolean): number => input.size(input.dim() !== 2 && batch_first ? 1 : 0)

const causalMask = (size: number, options: Partial<Pick<Values['nn.Transformer'], 'device' | 'dtype'>>): Tensor =>
  triu(full([size, size], -Infinity, options), 1)

/** Whether a mask is the causal one, where nobody says it. */
function isCausal(mask: Tensor | null, given: boolean | null, size: number): boolean {
  if (given !== null || mask === null) return given === true
  const causal = causalMask(size, { device: mask.device, dtype: mask.dtype })
  return mask.shape.equals(causal.shape) && mask.eq(causal).all().item<boolean>()
}

function clones<M extends Module>(layer: M, count: number): ModuleList<M> {
  return new ModuleList(Array.from({ length: count }, () => deepcopy(layer)))
}

/** Why a stack of these layers does not drop padding where it could; null where it does. */
function whyNotNested(layer: Module): string | null {
  const name = 'encoder_layer'
  if (!(layer instanceof TransformerEncoderLayer)) return `${name} was not TransformerEncoderLayer`
  const { self_attn, norm1, norm2 } = layer
  if (layer.norm_first) return `${name}.norm_first was True`
  if (!self_attn.batch_first) {
    return `${name}.self_attn.batch_first was not True(use batch_first for better inference performance)`
  }
  if (!self_attn._qkv_same_embed_dim) return `${name}.self_attn._qkv_same_embed_dim was not True`
  if (self_attn.in_proj_bias === null) return `${name}.self_attn was passed bias=False`
  if (layer.activation_relu_or_gelu === 0) return `${name}.activation_relu_or_gelu was not True`
  if (norm1.eps !== norm2.eps) return `${name}.norm1.eps was not equal to ${name}.norm2.eps`
  return self_attn.num_heads % 2 === 1 ? `${name}.self_attn.num_heads is odd` : null
}

/**
 * Copies of a layer, one after the other: x ← layer_i(x), then norm(x).
 *
 * - encoder_layer: what is copied; the copies start with its weights
 * - num_layers: how many copies
 * - norm (null): a module after the last of them
 * - enable_nested_tensor (true): whether padding is left out in evaluation where the layers are one operator each and only
 *   src_key_padding_mask is given; the layers' output is zero there
 * - mask_check (true): whether that is done only where all padding is on the right
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerEncoder.html
 * @see A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
 */
export class TransformerEncoder extends Module {
  layers: ModuleList<TransformerEncoderLayer>
  num_layers: number
  norm: Module | null
  enable_nested_tensor: boolean
  use_nested_tensor: boolean
  mask_check: boolean

  constructor(...args: Arguments['nn.TransformerEncoder']) {
    super()
    const { encoder_layer, num_layers, norm, enable_nested_tensor, mask_check } = read('nn.TransformerEncoder', args)
    this.layers = clones(encoder_layer as TransformerEncoderLayer, num_layers)
    this.num_layers = num_layers
    this.norm = norm
    this.enable_nested_tensor = enable_nested_tensor
    const why = whyNotNested(encoder_layer)
    this.use_nested_tensor = enable_nested_tensor && why === null
    this.mask_check = mask_check
    if (enable_nested_tensor && why !== null) {
      warn(`enable_nested_tensor is True, but self.use_nested_tensor is False because ${why}`)
    }
  }

  /** `src` (S, N, E) or (S, E); masks as MultiheadAttention's. `is_causal`: whether `mask` is the causal one; null finds out. */
  forward(...args: Arguments['nn.TransformerEncoder.forward']): Tensor {
    const given = read('nn.TransformerEncoder.forward', args)
    const { src } = given
    let padding = additive(given.src_key_padding_mask, 'src_key_padding_mask', src, given.mask, 'mask')
    const mask = additive(given.mask, 'mask', src)
    const first = this.layers.at(0)
    const nested = this._isNested(src, mask, padding)
    let output = src
    if (nested) {
      output = aten._nested_tensor_from_mask(src, (padding as Tensor).logical_not(), false) as Tensor
      padding = null
    }
    const is_causal = isCausal(mask, given.is_causal, lengthOf(src, first.self_attn?.batch_first === true))
    for (const layer of this.layers) {
      output = layer(output, { src_mask: mask, is_causal, src_key_padding_mask: padding })
    }
    if (nested) output = output.to_padded_tensor(0, [...src.shape])
    return this.norm === null ? output : this.norm(output)
  }

  /** Whether padding is left out. */
  private _isNested(src: Tensor, mask: Tensor | null, padding: Tensor | null): boolean {
    const [first] = this.layers
    if (!get_fastpath_enabled() || !this.use_nested_tensor || first === undefined || first.training) return false
    if (src.dim() !== 3 || padding === null || mask !== null || isAutocasting()) return false
    const aligned = () => aten._nested_tensor_from_mask_left_aligned(src, padding.logical_not()) as unknown as boolean
    if (this.mask_check && !aligned()) return false
    return isOnCpuOrGpu(src) && !asksForGradients(first._tensors(src))
  }
}

/**
 * Copies of a layer, one after the other, which all look at the encoder's output: x ← layer_i(x, memory), then norm(x).
 *
 * - decoder_layer: what is copied; the copies start with its weights
 * - num_layers: how many copies
 * - norm (null): a module after the last of them
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerDecoder.html
 * @see A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
 */
export class TransformerDecoder extends Module {
  layers: ModuleList<TransformerDecoderLayer>
  num_layers: number
  norm: Module | null

  constructor(...args: Arguments['nn.TransformerDecoder']) {
    super()
    const { decoder_layer, num_layers, norm } = read('nn.TransformerDecoder', args)
    this.layers = clones(decoder_layer as TransformerDecoderLayer, num_layers)
    this.num_layers = num_layers
    this.norm = norm
  }

  /** `tgt` (T, N, E), `memory` (S, N, E); masks as MultiheadAttention's. `tgt_is_causal`: null finds out. */
  forward(...args: Arguments['nn.TransformerDecoder.forward']): Tensor {
    const { tgt, memory, tgt_is_causal, ...masks } = read('nn.TransformerDecoder.forward', args)
    const first = this.layers.at(0)
    const length = lengthOf(tgt, first.self_attn?.batch_first === true)
    const is_causal = isCausal(masks.tgt_mask, tgt_is_causal, length)
    let output = tgt
    for (const layer of this.layers) output = layer(output, memory, { ...masks, tgt_is_causal: is_causal })
    return this.norm === null ? output : this.norm(output)
  }
}

/**
 * Encoder and decoder: decoder(tgt, encoder(src)), each with a LayerNorm at its end.
 *
 * - d_model (512): E, the width of inputs and output
 * - nhead (8): the heads of all attentions
 * - num_encoder_layers, num_decoder_layers (6): how many layers
 * - dim_feedforward (2048): F, the width inside the feed-forward network
 * - dropout (0.1): the probability of a number to be zeroed in training
 * - activation ('relu'): 'relu', 'gelu', or a function or module of one tensor
 * - custom_encoder, custom_decoder (null): modules in the places of the two
 * - layer_norm_eps (1e-5): the eps of the normalisations
 * - batch_first (false): whether tensors are (N, S, E) and (N, T, E) instead of (S, N, E) and (T, N, E)
 * - norm_first (false): whether normalisation stands before each part instead of behind its sum
 * - bias (true): whether Linear and LayerNorm have biases
 * - device, dtype: of the parameters
 *
 * All parameters of two dimensions or more start as Glorot's (xavier_uniform_), those of given modules too.
 *
 * @throws where d_model is no multiple of nhead, or activation is another name.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Transformer.html
 * @see A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
 */
export class Transformer extends Module {
  encoder: Module
  decoder: Module
  d_model: number
  nhead: number
  batch_first: boolean

  constructor(...args: Arguments['nn.Transformer']) {
    super()
    const values = read('nn.Transformer', args)
    const { num_encoder_layers, num_decoder_layers, custom_encoder, custom_decoder, ...settings } = values
    const { d_model, layer_norm_eps: eps, bias, device, dtype } = settings
    const norm = () => new LayerNorm(d_model, { eps, bias, device, dtype })
    this.encoder =
      custom_encoder ?? new TransformerEncoder(new TransformerEncoderLayer(settings), num_encoder_layers, norm())
    this.decoder =
      custom_decoder ?? new TransformerDecoder(new TransformerDecoderLayer(settings), num_decoder_layers, norm())
    this._reset_parameters()
    this.d_model = d_model
    this.nhead = settings.nhead
    this.batch_first = settings.batch_first
  }

  /**
   * `src` (S, N, E) and `tgt` (T, N, E), or both without the batch N, give (T, N, E). `src_mask` (S, S), `tgt_mask` (T, T),
   * `memory_mask` (T, S) and the padding masks (N, S) or (N, T) as MultiheadAttention's. `src_is_causal` and `tgt_is_causal`:
   * whether the mask is the causal one; null finds out.
   *
   * @throws where the batches of src and tgt, or their widths and d_model, differ.
   */
  forward(...args: Arguments['nn.Transformer.forward']): Tensor {
    const given = read('nn.Transformer.forward', args)
    const { src, tgt, src_mask, src_key_padding_mask, src_is_causal, ...others } = given
    const batchDim = this.batch_first ? 0 : 1
    if (src.dim() === 3 && src.size(batchDim) !== tgt.size(batchDim)) {
      throw new Error('the batch number of src and tgt must be equal')
    }
    if (src.size(-1) !== this.d_model || tgt.size(-1) !== this.d_model) {
      throw new Error('the feature number of src and tgt must be equal to d_model')
    }
    const memory = this.encoder(src, { mask: src_mask, src_key_padding_mask, is_causal: src_is_causal })
    return this.decoder(tgt, memory, others)
  }

  /** A mask (sz, sz) of zeros, with -∞ for what comes later. */
  static generate_square_subsequent_mask(...args: Arguments['nn.Transformer.generate_square_subsequent_mask']): Tensor {
    const { sz, device, dtype } = read('nn.Transformer.generate_square_subsequent_mask', args)
    return causalMask(sz, { device, dtype })
  }

  _reset_parameters(): void {
    for (const parameter of this.parameters()) if (parameter.dim() > 1) init.xavier_uniform_(parameter)
  }
}
