// torch.nn.attention, as scripts/reference/attention.py has it in Python.

import { expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectTensor, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'

const { attention } = nn
const { SDPBackend, sdpa_kernel } = attention
const sdpa = nn.functional.scaled_dot_product_attention
const reference = fixture('attention.json')

function drawn(queries: number, keys: number): [q: Tensor, k: Tensor, v: Tensor] {
  torch.manual_seed(0)
  return [queries, keys, keys].map((n) => torch.randn(1, 2, n, 4)) as [Tensor, Tensor, Tensor]
}

interface Biased {
  make: 'causal_upper_left' | 'causal_lower_right'
  size: [number, number]
  text: string
  output: Values
  scaled: Values
  gradient: Values
}

test.each(filled(reference.biased as Biased[]))('$make $size', ({ make, size, text, output, scaled, gradient }) => {
  const bias = attention.bias[make](...size)
  expect([bias instanceof torch.Tensor, bias.variant]).toEqual([true, make === 'causal_upper_left' ? 1 : 2])
  expect(String(bias)).toBe(text)
  const [q, k, v] = drawn(...size)
  q.requires_grad_()
  const result = sdpa(q, k, v, bias)
  result.nan_to_num().sum().backward()
  expectTensor(result, output, FEW_ULPS)
  expectTensor(q.grad as Tensor, gradient, FEW_ULPS)
  expectTensor(sdpa(q, k, v, { attn_mask: bias, scale: 0.25 }), scaled, FEW_ULPS)
  expectTensor(sdpa(q, k, v, bias, 0, false), output, FEW_ULPS)
  expectTensor(sdpa(q, { key: k, value: v, attn_mask: bias }), output, FEW_ULPS)
  // Dropout that stands in its place, after the mask.
  torch.manual_seed(1)
  const dropped = sdpa(q, k, v, bias, 0.5)
  torch.manual_seed(1)
  expect(dropped.equal(sdpa(q, k, v, { attn_mask: bias, dropout_p: 0.5 }))).toBe(true)
  expect(dropped.nan_to_num().equal(result.nan_to_num())).toBe(false)
})

interface Kernel {
  name: string
  order: number[]
  after: number[]
}

/** What computes: the name of its node, or the message that says that nothing can. */
function computedBy(): Kernel['name'] {
  const [q, k, v] = drawn(3, 3)
  try {
    return sdpa(q, k, v.requires_grad_()).grad_fn?.name() ?? 'nothing'
  } catch (error) {
    return (error as Error).message.replace(/ \(in aten::.*/, '')
  }
}

test('sdpa_kernel chooses, in both of its forms, and leaves everything as it was', () => {
  expect(SDPBackend).toEqual(reference.backends)
  const { MATH, FLASH_ATTENTION, EFFICIENT_ATTENTION } = SDPBackend
  const all = Object.values(SDPBackend).filter((backend) => backend >= 0)
  const found: Record<string, string> = {
    default: sdpa_kernel(all, computedBy),
    flash: sdpa_kernel(FLASH_ATTENTION, computedBy),
    math: sdpa_kernel([MATH, MATH], computedBy),
    efficient: sdpa_kernel([EFFICIENT_ATTENTION], {}, computedBy),
    ordered: sdpa_kernel([MATH, FLASH_ATTENTION], { set_priority: true }, computedBy),
  }
  expect(found).toEqual(
    Object.fromEntries(
      Object.entries(reference.kernels as Record<string, Kernel>).map(([key, { name }]) => [key, name]),
    ),
  )
  const { order, after } = filled(reference.kernels.ordered as Kernel)
  const options = { set_priority: true }
  expect(sdpa_kernel([MATH, FLASH_ATTENTION], options, () => native.sdp_priority_order())).toEqual(order)
  expect(native.sdp_priority_order()).toEqual(after)
  expect(found.math).not.toBe(found.flash)
  {
    using _ = sdpa_kernel(MATH)
    expect(computedBy()).toBe(found.math)
    {
      using _ = sdpa_kernel(FLASH_ATTENTION, true)
      expect([computedBy(), torch.backends.cuda.math_sdp_enabled()]).toEqual([found.flash, false])
    }
    expect([computedBy(), torch.backends.cuda.flash_sdp_enabled()]).toEqual([found.math, false])
  }
  expect(computedBy()).toBe(found.default)
  expect(() =>
    sdpa_kernel(EFFICIENT_ATTENTION, () => {
      throw new Error('thrown')
    }),
  ).toThrow('thrown')
  expect(computedBy()).toBe(found.default)
  expect(() => sdpa_kernel(7 as never)).toThrow('Backend must be an instance of SDPBackend or a list of SDPBackend')
  expect(() => sdpa_kernel('MATH' as never)).toThrow(/'backends'/)
})

test('messages are Python’s', () => {
  const [q, k, v] = drawn(2, 2)
  const bias = attention.bias.causal_upper_left(2, 2)
  expect(() => sdpa(q, k, v, bias, 0, true)).toThrow(reference.messages.causal)
  expect(() => sdpa(q, k, v, { attn_mask: bias, is_causal: true })).toThrow(reference.messages.causal)
  expect(() => attention.bias.causal_lower_right(2)).toThrow(reference.messages.size)
  expect(() => new attention.bias.CausalBias(3 as never, 2, 2)).toThrow('variant must be a CausalVariant, got 3')
})

test('implementations of flash attention are installed and removed', () => {
  const seen: string[] = []
  attention.register_flash_attention_impl('mine', {
    register_fn: () => {
      seen.push('in')
      return { remove: () => seen.push('out') }
    },
  })
  expect([attention.list_flash_attention_impls(), attention.current_flash_attention_impl()]).toEqual([['mine'], null])
  attention.activate_flash_attention_impl('mine')
  expect(attention.current_flash_attention_impl()).toBe('mine')
  attention.activate_flash_attention_impl('mine')
  attention.restore_flash_attention_impl()
  expect([seen, attention.current_flash_attention_impl()]).toEqual([['in', 'out', 'in', 'out'], null])
  expect(() => attention.activate_flash_attention_impl('FA3')).toThrow(
    "Unknown flash attention impl 'FA3'. Available implementations: ['mine']",
  )
})
