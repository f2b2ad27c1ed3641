// torch.nn.functional.multi_head_attention_forward: attention with all its weights as arguments.

import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import * as nn from '../../generated/nn_functional.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'
import { dropout } from './dropout.js'
import { linear } from './linear.js'
import { additive } from './mask.js'

type Optional = Tensor | null

function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message)
}

/** Whether there is a batch dimension; throws if the shapes do not match. */
function isBatched(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  padding: Optional,
  mask: Optional,
  heads: number,
): boolean {
  const dims = query.dim()
  check(
    dims === 2 || dims === 3,
    `query should be unbatched 2D or batched 3D tensor but received ${dims}-D query tensor`,
  )
  const kind = dims === 3 ? 'batched (3-D)' : 'unbatched (2-D)'
  check(
    key.dim() === dims && value.dim() === dims,
    `For ${kind} \`query\`, expected \`key\` and \`value\` to be ${dims}-D but found ${key.dim()}-D and ` +
      `${value.dim()}-D tensors respectively`,
  )
  check(
    padding === null || padding.dim() === dims - 1,
    `For ${kind} \`query\`, expected \`key_padding_mask\` to be \`None\` or ${dims - 1}-D but found ` +
      `${padding?.dim()}-D tensor instead`,
  )
  check(
    mask === null || mask.dim() === 2 || mask.dim() === 3,
    `For ${kind} \`query\`, expected \`attn_mask\` to be \`None\`, 2-D or 3-D but found ${mask?.dim()}-D tensor instead`,
  )
  if (dims === 2 && mask?.dim() === 3) {
    const expected = [heads, query.size(0), key.size(0)]
    check(
      mask.shape.equals(expected),
      `Expected \`attn_mask\` shape to be (${expected.join(', ')}) but got ${mask.shape}`,
    )
  }
  return dims === 3
}

const inThree = (bias: Optional): readonly Optional[] => (bias === null ? [null, null, null] : bias.chunk(3))

const projected = (inputs: readonly Tensor[], weights: readonly Tensor[], biases: readonly Optional[]) =>
  inputs.map((input, i) => linear(input, weights[i] as Tensor, biases[i] as Optional)) as [Tensor, Tensor, Tensor]

/** Projects query, key and value by their parts of one weight; the same tensor is projected in one product. */
function projectTogether(q: Tensor, k: Tensor, v: Tensor, weight: Tensor, bias: Optional): [Tensor, Tensor, Tensor] {
  const width = q.size(-1)
  const inParts = (all: Tensor, parts: number) =>
    all.unflatten(-1, [parts, width]).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous().unbind(0)
  if (k === v && q === k) {
    const [query, key, value] = inParts(linear(q, weight, bias), 3)
    return [query, key, value]
  }
  if (k === v) {
    const parts = (tensor: Tensor) => torch.split_with_sizes(tensor, [width, 2 * width])
    const [weightQ, weightKV] = parts(weight)
    const [biasQ, biasKV] = bias === null ? [null, null] : parts(bias)
    const query = linear(q, weightQ, biasQ)
    const [key, value] = inParts(linear(k, weightKV, biasKV), 2)
    return [query, key, value]
  }
  return projected([q, k, v], weight.chunk(3), inThree(bias))
}

/** A tensor's sequence and batch dimensions, as messages show them. */
const outer = (tensor: Tensor): string => `torch.Size([${tensor.size(0)}, ${tensor.size(1)}])`

/** Projects query, key and value by weights of their own. */
function projectApart(inputs: readonly Tensor[], weights: readonly Tensor[], bias: Optional): [Tensor, Tensor, Tensor] {
  const biases = inThree(bias)
  const width = inputs[0]?.size(-1) as number
  const names = ['query', 'key', 'value']
  for (const [i, weight] of weights.entries()) {
    const columns = inputs[i]?.size(-1) as number
    check(
      weight.shape.equals([width, columns]),
      `expecting ${names[i]} weights shape of (${width}, ${columns}), but got ${weight.shape}`,
    )
  }
  for (const [i, each] of biases.entries()) {
    check(
      each === null || each.shape.equals([width]),
      `expecting ${names[i]} bias shape of (${width},), but got ${each?.shape}`,
    )
  }
  return projected(inputs, weights, biases)
}

export const multi_head_attention_forward = pythonFunction<signature.nn_functional_multi_head_attention_forward>(
  'nn.functional.multi_head_attention_forward',
  (
    givenQuery: Tensor,
    givenKey: Tensor,
    givenValue: Tensor,
    embed_dim_to_check: number,
    num_heads: number,
    in_proj_weight: Optional,
    in_proj_bias: Optional,
    bias_k: Optional,
    bias_v: Optional,
    add_zero_attn: boolean,
    dropout_p: number,
    out_proj_weight: Tensor,
    out_proj_bias: Optional,
    training: boolean,
    key_padding_mask: Optional,
    need_weights: boolean,
    attn_mask: Optional,
    use_separate_proj_weight: boolean,
    q_proj_weight: Optional,
    k_proj_weight: Optional,
    v_proj_weight: Optional,
    static_k: Optional,
    static_v: Optional,
    average_attn_weights: boolean,
    is_causal: boolean,
  ): [output: Tensor, weights: Tensor | null] => {
    const batched = isBatched(givenQuery, givenKey, givenValue, key_padding_mask, attn_mask, num_heads)
    // As in Python, arguments that are the same tensor share a product only where they have a batch dimension.
    const withBatch = (tensor: Tensor): Tensor => (batched ? tensor : tensor.unsqueeze(1))
    const [query, key, value] = [withBatch(givenQuery), withBatch(givenKey), withBatch(givenValue)]
    const givenPadding = batched ? key_padding_mask : (key_padding_mask?.unsqueeze(0) ?? null)
    let padding = additive(givenPadding, 'key_padding_mask', query, attn_mask, 'attn_mask')
    const [targets, batch, width] = query.shape as unknown as [number, number, number]
    check(
      !is_causal || attn_mask !== null,
      'Need attn_mask if specifying the is_causal hint. You may use the Transformer module method ' +
        '`generate_square_subsequent_mask` to create this mask.',
    )
    const maskImplied = is_causal && padding === null && !need_weights
    let mask = maskImplied ? null : additive(attn_mask, 'attn_mask', query)
    const causal = is_causal && padding === null && maskImplied

    check(width === embed_dim_to_check, `was expecting embedding dimension of ${embed_dim_to_check}, but got ${width}`)
    const head = Math.floor(width / num_heads)
    check(head * num_heads === width, `embed_dim ${width} not divisible by num_heads ${num_heads}`)
    if (use_separate_proj_weight) {
      check(
        key.size(0) === value.size(0) && key.size(1) === value.size(1),
        `key's sequence and batch dims ${outer(key)} do not match value's ${outer(value)}`,
      )
    } else {
      check(key.shape.equals(value.shape), `key shape ${key.shape} does not match value shape ${value.shape}`)
    }
    let inputs: [Tensor, Tensor, Tensor]
    if (use_separate_proj_weight) {
      const weights = [q_proj_weight, k_proj_weight, v_proj_weight]
      for (const [i, name] of ['q', 'k', 'v'].entries()) {
        check(weights[i] !== null, `use_separate_proj_weight is True but ${name}_proj_weight is None`)
      }
      inputs = projectApart([query, key, value], weights as Tensor[], in_proj_bias)
    } else {
      check(in_proj_weight !== null, 'use_separate_proj_weight is False but in_proj_weight is None')
      inputs = projectTogether(query, key, value, in_proj_weight, in_proj_bias)
    }
    let [q, k, v] = inputs

    if (mask !== null) {
      const expected = mask.dim() === 2 ? [targets, key.size(0)] : [batch * num_heads, targets, key.size(0)]
      check(
        mask.shape.equals(expected),
        `The shape of the ${mask.dim()}D attn_mask is ${mask.shape}, but should be (${expected.join(', ')}).`,
      )
      if (mask.dim() === 2) mask = mask.unsqueeze(0)
    }
    const padOne = (tensor: Optional) => (tensor === null ? null : aten.pad(tensor, [0, 1]))
    check(bias_v !== null || bias_k === null, 'bias_k is set but bias_v is None')
    check(bias_k !== null || bias_v === null, 'bias_v is set but bias_k is None')
    if (bias_k !== null && bias_v !== null) {
      check(static_k === null, 'bias cannot be added to static key.')
      check(static_v === null, 'bias cannot be added to static value.')
      k = torch.cat([k, bias_k.repeat([1, batch, 1])])
      v = torch.cat([v, bias_v.repeat([1, batch, 1])])
      mask = padOne(mask)
      padding = padOne(padding)
    }
    const inHeads = (tensor: Tensor, fixed: Optional, name: string): Tensor => {
      if (fixed === null) return tensor.view([tensor.size(0), batch * num_heads, head]).transpose(0, 1)
      check(
        fixed.size(0) === batch * num_heads,
        `expecting ${name}.size(0) of ${batch * num_heads}, but got ${fixed.size(0)}`,
      )
      check(fixed.size(2) === head, `expecting ${name}.size(2) of ${head}, but got ${fixed.size(2)}`)
      return fixed
    }
    q = inHeads(q, null, 'query')
    k = inHeads(k, static_k, 'static_k')
    v = inHeads(v, static_v, 'static_v')
    if (add_zero_attn) {
      const zero = torch.zeros([batch * num_heads, 1, head], { dtype: k.dtype, device: k.device })
      k = torch.cat([k, zero], 1)
      v = torch.cat([v, zero], 1)
      mask = padOne(mask)
      padding = padOne(padding)
    }
    const sources = k.size(1)
    if (padding !== null) {
      check(padding.size(0) === batch, `Expected key_padded_mask.shape[0] to be ${batch}, but got ${padding.size(0)}`)
      check(
        padding.size(1) === sources,
        `Expected key_padded_mask.shape[1] to be ${sources}, but got ${padding.size(1)}`,
      )
      const each = padding
        .view([batch, 1, 1, sources])
        .expand([-1, num_heads, -1, -1])
        .reshape([batch * num_heads, 1, sources])
      mask = mask === null ? each : mask.add(each)
    }
    const p = training ? dropout_p : 0
    const out = (attended: Tensor): Tensor => {
      const result = linear(attended, out_proj_weight, out_proj_bias)
      const shaped = result.view([targets, batch, result.size(1)])
      return batched ? shaped : shaped.squeeze(1)
    }
    if (!need_weights) {
      const four = (tensor: Tensor, length: number) => tensor.view([batch, num_heads, length, head])
      if (mask !== null) {
        mask = mask.size(0) === 1 && mask.dim() === 3 ? mask.unsqueeze(0) : mask.view([batch, num_heads, -1, sources])
      }
      const [four_q, four_k, four_v] = [four(q, targets), four(k, sources), four(v, sources)]
      const attended = nn.scaled_dot_product_attention(four_q, four_k, four_v, mask, p, causal)
      return [out(attended.permute([2, 0, 1, 3]).reshape([batch * targets, width])), null]
    }
    const scaled = q.mul(Math.sqrt(1 / q.size(2)))
    const keys = k.transpose(-2, -1)
    const scores = mask === null ? scaled.bmm(keys) : torch.baddbmm(mask, scaled, keys)
    let weights = scores.softmax(-1)
    if (p > 0) weights = dropout(weights, { p })
    const attended = weights
      .bmm(v)
      .transpose(0, 1)
      .reshape([targets * batch, width])
    let shown = weights.view([batch, num_heads, targets, sources])
    if (average_attn_weights) shown = shown.mean(1)
    return [out(attended), batched ? shown : shown.squeeze(0)]
  },
)
