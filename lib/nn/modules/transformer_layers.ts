// The layers of the Transformer's encoder and decoder (Vaswani et al. 2017).

import { get_fastpath_enabled } from '../../backends/mha.js'
import type { Tensor } from '../../core/tensor.js'
import { aten } from '../../operators/ops.js'
import * as F from '../functional/index.js'
import { additive } from '../functional/mask.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import { GELU, ReLU } from './activation.js'
import { Dropout } from './dropout.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { asksForGradients, isAutocasting, isOnCpuOrGpu, MultiheadAttention } from './multihead_attention.js'
import { LayerNorm } from './normalization.js'

type Activation = (input: Tensor) => Tensor
type LayerSettings = Values['nn.TransformerEncoderLayer']

function activationOf(activation: LayerSettings['activation']): Activation {
  if (typeof activation !== 'string') return activation
  if (activation === 'relu') return F.relu as Activation
  if (activation === 'gelu') return F.gelu as Activation
  throw new Error(`activation should be relu/gelu, not ${activation}`)
}

type Decoding = Pick<TransformerDecoderLayer, 'multihead_attn' | 'norm3' | 'dropout3'>

/** What the layers of encoder and decoder have in common. Their fields are in the order in which they are made. */
class Layer extends Module {
  declare self_attn: MultiheadAttention
  declare linear1: Linear
  declare dropout: Dropout
  declare linear2: Linear
  declare norm_first: boolean
  declare norm1: LayerNorm
  declare norm2: LayerNorm
  declare dropout1: Dropout
  declare dropout2: Dropout
  declare activation: Activation

  constructor(settings: LayerSettings, decoder: boolean) {
    super()
    const { d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, norm_first, bias } = settings
    const { batch_first, device, dtype } = settings
    const made = { bias, device, dtype }
    const attention = () => new MultiheadAttention(d_model, nhead, { dropout, batch_first, ...made })
    const norm = () => new LayerNorm(d_model, { eps: layer_norm_eps, ...made })
    const decoding = this as unknown as Decoding
    this.self_attn = attention()
    if (decoder) decoding.multihead_attn = attention()
    this.linear1 = new Linear(d_model, dim_feedforward, made)
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dim_feedforward, d_model, made)
    this.norm_first = norm_first
    this.norm1 = norm()
    this.norm2 = norm()
    if (decoder) decoding.norm3 = norm()
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    if (decoder) decoding.dropout3 = new Dropout(dropout)
    this.activation = activationOf(activation)
  }

  protected attend(
    attention: MultiheadAttention,
    dropout: Dropout,
    [query, key]: readonly [Tensor, Tensor],
    attn_mask: Tensor | null,
    key_padding_mask: Tensor | null,
    is_causal: boolean,
  ): Tensor {
    const [output] = attention(query, key, key, { attn_mask, key_padding_mask, is_causal, need_weights: false })
    return dropout(output)
  }

  protected feedForward(x: Tensor, dropout: Dropout): Tensor {
    return dropout(this.linear2(this.dropout(this.activation(this.linear1(x)))))
  }
}

/**
 * Attention of a sequence to itself, and a feed-forward network, each summed with its input.
 *
 *     x ← LayerNorm(x + Attention(x, x, x))      x ← LayerNorm(x + W₂ activation(W₁ x + b₁) + b₂)
 *
 * With norm_first x ← x + Attention(LayerNorm(x)), and so on. There is dropout behind both parts and behind the activation.
 *
 * - d_model: E, the width of input and output
 * - nhead: the heads of the attention
 * - dim_feedforward (2048): F, the width inside the feed-forward network
 * - dropout (0.1): the probability of a number to be zeroed in training
 * - activation ('relu'): 'relu', 'gelu', or a function or module of one tensor
 * - layer_norm_eps (1e-5): the eps of the normalisations
 * - batch_first (false): whether tensors are (N, S, E) instead of (S, N, E)
 * - norm_first (false): whether normalisation stands before each part instead of behind its sum
 * - bias (true): whether Linear and LayerNorm have biases
 * - device, dtype: of the parameters
 *
 * Parts: self_attn (MultiheadAttention), linear1 (E to F), linear2 (F to E), norm1, norm2.
 *
 * In evaluation, batch first and without gradients, with ReLU or GELU and an even nhead, the layer is one operator.
 *
 * @throws where d_model is no multiple of nhead, or activation is another name.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerEncoderLayer.html
 * @see A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
 */
export class TransformerEncoderLayer extends Layer {
  /** 1 for ReLU, 2 for GELU, 0 for another activation. */
  activation_relu_or_gelu: 0 | 1 | 2

  constructor(...args: Arguments['nn.TransformerEncoderLayer']) {
    super(read('nn.TransformerEncoderLayer', args), false)
    const { activation } = this
    const isRelu = activation === F.relu || activation instanceof ReLU
    const isGelu = activation === F.gelu || activation instanceof GELU
    this.activation_relu_or_gelu = isRelu ? 1 : isGelu ? 2 : 0
  }

  /** `src` (S, N, E) or (S, E); `src_mask` and `src_key_padding_mask` as MultiheadAttention's masks. Gives src's shape. */
  forward(...args: Arguments['nn.TransformerEncoderLayer.forward']): Tensor {
    const { src, is_causal, ...masks } = read('nn.TransformerEncoderLayer.forward', args)
    const padding = additive(masks.src_key_padding_mask, 'src_key_padding_mask', src, masks.src_mask, 'src_mask')
    const mask = additive(masks.src_mask, 'src_mask', src)
    if (this._isFast(src)) return this._inOne(src, mask, padding)
    const { self_attn, dropout1, dropout2 } = this
    const attended = (x: Tensor) => this.attend(self_attn, dropout1, [x, x], mask, padding, is_causal)
    if (this.norm_first) {
      const x = src.add(attended(this.norm1(src)))
      return x.add(this.feedForward(this.norm2(x), dropout2))
    }
    const x = this.norm1(src.add(attended(src)))
    return this.norm2(x.add(this.feedForward(x, dropout2)))
  }

  /** @internal The tensors that the layer's one operator takes. */
  _tensors(src: Tensor): (Tensor | null)[] {
    const { self_attn, norm1, norm2, linear1, linear2 } = this
    const { in_proj_weight, in_proj_bias, out_proj } = self_attn
    return [src, in_proj_weight, in_proj_bias, ...[out_proj, norm1, norm2, linear1, linear2].flatMap(withBias)]
  }

  /** Whether one operator does it, which knows no gradients and no dropout. */
  private _isFast(src: Tensor): boolean {
    const { self_attn, norm1, norm2 } = this
    if (!get_fastpath_enabled() || src.dim() !== 3 || this.training || !self_attn.batch_first) return false
    if (self_attn.in_proj_bias === null || !self_attn._qkv_same_embed_dim) return false
    if (this.activation_relu_or_gelu === 0 || norm1.eps !== norm2.eps || self_attn.num_heads % 2 === 1) return false
    if (isAutocasting() || this.modules().some((m) => m._forward_hooks.size + m._forward_pre_hooks.size > 0))
      return false
    const tensors = this._tensors(src)
    return tensors.every(isOnCpuOrGpu) && !asksForGradients(tensors)
  }

  private _inOne(src: Tensor, src_mask: Tensor | null, padding: Tensor | null): Tensor {
    const { self_attn, norm1, norm2, linear1, linear2 } = this
    const { embed_dim, num_heads, in_proj_weight, in_proj_bias, out_proj } = self_attn
    const [mask, type] = self_attn.merge_masks(src_mask, padding, src)
    return aten._transformer_encoder_layer_fwd(
      ...[src, embed_dim, num_heads, in_proj_weight, in_proj_bias, ...withBias(out_proj)],
      ...[this.activation_relu_or_gelu === 2, this.norm_first, norm1.eps, ...withBias(norm1), ...withBias(norm2)],
      ...[...withBias(linear1), ...withBias(linear2), mask, type],
    ) as Tensor
  }
}

const withBias = ({ weight, bias }: { weight: Tensor | null; bias: Tensor | null }): (Tensor | null)[] => [weight, bias]

/**
 * Attention of a sequence to itself and to the encoder's output, and a feed-forward network, each summed with its input.
 *
 *     x ← LayerNorm(x + Attention(x, x, x))      x ← LayerNorm(x + Attention(x, memory, memory))
 *     x ← LayerNorm(x + W₂ activation(W₁ x + b₁) + b₂)
 *
 * With norm_first x ← x + Attention(LayerNorm(x)), and so on. There is dropout behind all parts and behind the activation.
 *
 * - d_model: E, the width of input and output
 * - nhead: the heads of both attentions
 * - dim_feedforward (2048): F, the width inside the feed-forward network
 * - dropout (0.1): the probability of a number to be zeroed in training
 * - activation ('relu'): 'relu', 'gelu', or a function or module of one tensor
 * - layer_norm_eps (1e-5): the eps of the normalisations
 * - batch_first (false): whether tensors are (N, S, E) instead of (S, N, E)
 * - norm_first (false): whether normalisation stands before each part instead of behind its sum
 * - bias (true): whether Linear and LayerNorm have biases
 * - device, dtype: of the parameters
 *
 * Parts: self_attn, multihead_attn (to memory), linear1 (E to F), linear2 (F to E), norm1, norm2, norm3.
 *
 * @throws where d_model is no multiple of nhead, or activation is another name.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.TransformerDecoderLayer.html
 * @see A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
 */
export class TransformerDecoderLayer extends Layer {
  declare multihead_attn: MultiheadAttention
  declare norm3: LayerNorm
  declare dropout3: Dropout

  constructor(...args: Arguments['nn.TransformerDecoderLayer']) {
    super(read('nn.TransformerDecoderLayer', args), true)
  }

  /** `tgt` (T, N, E), `memory` (S, N, E), the encoder's output; masks as MultiheadAttention's. Gives tgt's shape. */
  forward(...args: Arguments['nn.TransformerDecoderLayer.forward']): Tensor {
    const given = read('nn.TransformerDecoderLayer.forward', args)
    const { tgt, memory } = given
    const { self_attn, multihead_attn, dropout1, dropout2, dropout3 } = this
    const toItself = (x: Tensor) =>
      this.attend(self_attn, dropout1, [x, x], given.tgt_mask, given.tgt_key_padding_mask, given.tgt_is_causal)
    const { memory_mask, memory_key_padding_mask, memory_is_causal } = given
    const toMemory = (x: Tensor) =>
      this.attend(multihead_attn, dropout2, [x, memory], memory_mask, memory_key_padding_mask, memory_is_causal)
    if (this.norm_first) {
      let x = tgt.add(toItself(this.norm1(tgt)))
      x = x.add(toMemory(this.norm2(x)))
      return x.add(this.feedForward(this.norm3(x), dropout3))
    }
    let x = this.norm1(tgt.add(toItself(tgt)))
    x = this.norm2(x.add(toMemory(x)))
    return this.norm3(x.add(this.feedForward(x, dropout3)))
  }
}
