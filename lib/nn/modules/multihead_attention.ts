import { is_autocast_enabled } from '../../amp/autocast.js'
import { is_grad_enabled } from '../../autograd/grad_mode.js'
import { get_fastpath_enabled } from '../../backends/mha.js'
import type { Tensor } from '../../core/tensor.js'
import { empty } from '../../generated/functions.js'
import { aten } from '../../operators/ops.js'
import { multi_head_attention_forward } from '../functional/attention.js'
import { additive } from '../functional/mask.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import { NonDynamicallyQuantizableLinear } from './linear.js'
import { Module } from './module.js'

type Given = Values['nn.MultiheadAttention.forward']

/** Whether operators that know no gradients may be taken: no tensor asks for one. */
export function asksForGradients(tensors: readonly (Tensor | null)[]): boolean {
  return is_grad_enabled() && tensors.some((tensor) => tensor?.requires_grad === true)
}

export const isOnCpuOrGpu = (tensor: Tensor | null): boolean =>
  tensor === null || tensor.device.type === 'cpu' || tensor.device.type === 'cuda'

/** Whether autocast is at work on GPUs. As in Python, that on CPUs does not count here. */
export const isAutocasting = (): boolean => is_autocast_enabled('cuda')

/**
 * Attention of several heads: each compares queries with keys in a space of its own, and gives the mean of the values that
 * the comparison weighs.
 *
 *     MultiHead(Q, K, V) = Concat(head_1, ..., head_h) Wᴼ      head_i = Attention(Q W_iᵠ, K W_iᴷ, V W_iⱽ)
 *     Attention(Q, K, V) = softmax(Q Kᵀ / √d + mask) V         d = E / h, the width of a head
 *
 * - embed_dim: E, the width of queries and outputs
 * - num_heads: h, how many heads share E
 * - dropout (0): the probability of a weight to be zeroed in training
 * - bias (true): whether the projections have biases
 * - add_bias_kv (false): whether a learned key and value more are looked at
 * - add_zero_attn (false): whether a key and value of zeros more are looked at
 * - kdim, vdim (null): the widths of keys and values; null is E
 * - batch_first (false): whether tensors are (N, L, E) instead of (L, N, E)
 * - device, dtype: of the parameters
 *
 * Parameters: in_proj_weight (3E, E), or, where kdim or vdim is not E, q_proj_weight (E, E), k_proj_weight (E, kdim) and
 * v_proj_weight (E, vdim), which start as Glorot's (xavier_uniform_); in_proj_bias (3E) at zero; out_proj, a Linear with a
 * bias of zero; bias_k and bias_v (1, 1, E) from xavier_normal_.
 *
 * In evaluation, attention of a batch to itself, batch first and without gradients, is one operator.
 *
 * @throws where embed_dim or num_heads is not above 0, or embed_dim is no multiple of num_heads.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MultiheadAttention.html
 * @see A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
 */
export class MultiheadAttention extends Module {
  embed_dim: number
  kdim: number
  vdim: number
  _qkv_same_embed_dim: boolean
  num_heads: number
  dropout: number
  batch_first: boolean
  head_dim: number
  declare q_proj_weight: Parameter | null
  declare k_proj_weight: Parameter | null
  declare v_proj_weight: Parameter | null
  declare in_proj_weight: Parameter | null
  declare in_proj_bias: Parameter | null
  out_proj: NonDynamicallyQuantizableLinear
  declare bias_k: Parameter | null
  declare bias_v: Parameter | null
  add_zero_attn: boolean

  constructor(...args: Arguments['nn.MultiheadAttention']) {
    super()
    const values = read('nn.MultiheadAttention', args)
    const { embed_dim, num_heads, dropout, bias, add_bias_kv, add_zero_attn, kdim, vdim, batch_first } = values
    const { device, dtype } = values
    if (embed_dim <= 0 || num_heads <= 0) {
      throw new RangeError(
        `embed_dim and num_heads must be greater than 0, got embed_dim=${embed_dim} and num_heads=${num_heads} instead`,
      )
    }
    this.embed_dim = embed_dim
    this.kdim = kdim ?? embed_dim
    this.vdim = vdim ?? embed_dim
    this._qkv_same_embed_dim = this.kdim === embed_dim && this.vdim === embed_dim
    this.num_heads = num_heads
    this.dropout = dropout
    this.batch_first = batch_first
    this.head_dim = Math.floor(embed_dim / num_heads)
    if (this.head_dim * num_heads !== embed_dim) throw new Error('embed_dim must be divisible by num_heads')
    const weight = (...size: number[]) => new Parameter(empty(size, { device, dtype }))
    const apart = !this._qkv_same_embed_dim
    this.register_parameter('q_proj_weight', apart ? weight(embed_dim, embed_dim) : null)
    this.register_parameter('k_proj_weight', apart ? weight(embed_dim, this.kdim) : null)
    this.register_parameter('v_proj_weight', apart ? weight(embed_dim, this.vdim) : null)
    this.register_parameter('in_proj_weight', apart ? null : weight(3 * embed_dim, embed_dim))
    this.register_parameter('in_proj_bias', bias ? weight(3 * embed_dim) : null)
    this.out_proj = new NonDynamicallyQuantizableLinear(embed_dim, embed_dim, { bias, device, dtype })
    this.bias_k = add_bias_kv ? weight(1, 1, embed_dim) : null
    this.bias_v = add_bias_kv ? weight(1, 1, embed_dim) : null
    this.add_zero_attn = add_zero_attn
    this._reset_parameters()
  }

  _reset_parameters(): void {
    const { in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight } = this
    for (const weight of [in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight]) {
      if (weight !== null) init.xavier_uniform_(weight)
    }
    if (this.in_proj_bias !== null) {
      init.constant_(this.in_proj_bias, 0)
      init.constant_(this.out_proj.bias as Parameter, 0)
    }
    if (this.bias_k !== null) init.xavier_normal_(this.bias_k)
    if (this.bias_v !== null) init.xavier_normal_(this.bias_v)
  }

  /**
   * `query` (L, N, E), `key` (S, N, kdim) and `value` (S, N, vdim), or without the batch N, or with it first. Gives the
   * output, of query's shape, and the weights (N, L, S), averaged over the heads, or (N, num_heads, L, S) where
   * `average_attn_weights` is false, or null where `need_weights` is false, which takes less time.
   *
   * `key_padding_mask` (N, S) and `attn_mask` (L, S) or (N · num_heads, L, S): true for what is not looked at, or numbers to
   * add to the scores. `is_causal` is a hint that attn_mask is the causal one.
   *
   * @throws where the numbers of dimensions or the sizes do not fit, a mask is neither boolean nor floating, or is_causal
   * comes without attn_mask.
   */
  forward(...args: Arguments['nn.MultiheadAttention.forward']): [output: Tensor, weights: Tensor | null] {
    const given = read('nn.MultiheadAttention.forward', args)
    let { query, key, value } = given
    const batched = query.dim() === 3
    const floatMask = given.attn_mask?.is_floating_point() || given.key_padding_mask?.is_floating_point()
    const key_padding_mask = additive(given.key_padding_mask, 'key_padding_mask', query, given.attn_mask, 'attn_mask')
    const attn_mask = additive(given.attn_mask, 'attn_mask', query)
    if (floatMask !== true && this._isFast(given)) return this._inOne(given, key_padding_mask, attn_mask)
    if (this.batch_first && batched) {
      const [q, k, v] = [query, key, value]
      query = q.transpose(1, 0)
      // Arguments that are the same tensor stay so.
      key = k === q ? query : k.transpose(1, 0)
      value = v === k ? key : v.transpose(1, 0)
    }
    const { in_proj_weight, in_proj_bias, bias_k, bias_v, out_proj } = this
    const { q_proj_weight, k_proj_weight, v_proj_weight } = this
    const [output, weights] = multi_head_attention_forward(
      ...[query, key, value, this.embed_dim, this.num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v],
      ...[this.add_zero_attn, this.dropout, out_proj.weight, out_proj.bias, this.training, key_padding_mask],
      ...[given.need_weights, attn_mask, !this._qkv_same_embed_dim, q_proj_weight, k_proj_weight, v_proj_weight],
      ...[null, null, given.average_attn_weights, given.is_causal],
    ) as [Tensor, Tensor | null]
    return [this.batch_first && batched ? output.transpose(1, 0) : output, weights]
  }

  /** Whether one operator does it, which knows no gradients and no dropout. */
  private _isFast({ query, key, value }: Given): boolean {
    const { in_proj_weight, in_proj_bias, out_proj } = this
    if (!get_fastpath_enabled() || query.dim() !== 3 || query !== key || key !== value) return false
    if (in_proj_weight === null || in_proj_bias === null) return false
    if (query.dtype !== in_proj_bias.dtype || query.dtype !== in_proj_weight.dtype) return false
    if (this.training || this.num_heads % 2 !== 0 || !this.batch_first || this.add_zero_attn) return false
    if (this.bias_k !== null || this.bias_v !== null || isAutocasting()) return false
    const tensors = [query, in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias]
    return tensors.every(isOnCpuOrGpu) && !asksForGradients(tensors)
  }

  private _inOne(
    { query, key, value, need_weights, average_attn_weights }: Given,
    key_padding_mask: Tensor | null,
    attn_mask: Tensor | null,
  ): [output: Tensor, weights: Tensor | null] {
    const { embed_dim, num_heads, in_proj_weight, in_proj_bias, out_proj } = this
    const [mask, type] = this.merge_masks(attn_mask, key_padding_mask, query)
    const [output, weights] = aten._native_multi_head_attention(
      ...[query, key, value, embed_dim, num_heads, in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias],
      ...[mask, need_weights, average_attn_weights, type],
    ) as [Tensor, Tensor]
    return [output, need_weights ? weights : null]
  }

  /**
   * One mask of both, and its kind: 1 for keys (N, L), 2 for all (N, num_heads, L, L), null for none. `query`: (N, L, E).
   */
  merge_masks(
    ...args: Arguments['nn.MultiheadAttention.merge_masks']
  ): [mask: Tensor | null, mask_type: number | null] {
    const { attn_mask, key_padding_mask, query } = read('nn.MultiheadAttention.merge_masks', args)
    if (attn_mask === null) return [key_padding_mask, key_padding_mask === null ? null : 1]
    const [batch, length] = [query.size(0), query.size(1)]
    const all =
      attn_mask.dim() === 3
        ? attn_mask.view(batch, -1, length, length)
        : attn_mask.view(1, 1, length, length).expand(batch, this.num_heads, -1, -1)
    if (key_padding_mask === null) return [all, 2]
    return [all.add(key_padding_mask.view(batch, 1, 1, length).expand(-1, this.num_heads, -1, -1)), 2]
  }
}
