// torch.nn.attention.flex_attention, as scripts/reference/flex_attention.py has it in Python.

import { describe, expect, expectTypeOf, test } from 'vitest'
import torch, { type DType, nn, type Tensor } from '../../lib/index.js'
import { expectTensor, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'

const flex = nn.attention.flex_attention
type BlockMask = nn.attention.flex_attention.BlockMask
const reference = fixture('flex_attention.json')

const OFFSETS = torch.tensor([
  [0.5, -1, 2, 0, 1],
  [1, 0, -0.5, 3, 0.25],
])
const DOCUMENTS = torch.tensor([0n, 0n, 1n, 1n, 1n, 2n, 2n, 2n])

const causal = (_b: Tensor, _h: Tensor, q: Tensor, k: Tensor) => q.ge(k)
const window = (_b: Tensor, _h: Tensor, q: Tensor, k: Tensor) => q.sub(k).abs().le(1)
const late = (_b: Tensor, _h: Tensor, q: Tensor, k: Tensor) => k.gt(0).logical_and(q.gt(1))
const MASKS: Record<string, nn.attention.flex_attention.MaskMod> = {
  causal,
  window,
  documents: (_b, _h, q, k) => DOCUMENTS.index(q).eq(DOCUMENTS.index(k)),
  heads: (_b, h, q, k) => k.le(q.add(h)),
  late,
  'causal and window': flex.and_masks(causal, window),
  'window or late': flex.or_masks(window, late),
  all: flex.noop_mask,
}
const SCORES: Record<string, nn.attention.flex_attention.ScoreMod> = {
  distance: (score, _b, _h, q, k) => score.sub(q.sub(k).abs().mul(0.1)),
  table: (score, _b, h, q, k) => score.add(OFFSETS.index(h, q.sub(k).add(2))),
  cap: (score, _b, _h, _q, _k) => score.div(3).tanh().mul(3),
  batch: (score, b, _h, _q, _k) => torch.where(b.eq(0), score, score.mul(2)),
  hidden: (score, _b, _h, q, k) => torch.where(q.ge(k), score, -Infinity),
}
const maskNamed = (name: string) => MASKS[name] as (typeof MASKS)[string]

type Sizes = [batch: number, heads: number, queries: number, keys: number, key_heads?: number]

function drawn([batch, heads, queries, keys, key_heads = heads]: Sizes, dtype: DType = torch.float32) {
  torch.manual_seed(0)
  const shapes = [[batch, heads, queries, 4], ...new Array(2).fill([batch, key_heads, keys, 4])]
  return shapes.map((shape) => torch.randn(shape, { dtype })) as [q: Tensor, k: Tensor, v: Tensor]
}

interface Attended {
  sizes: Sizes
  mask: string | null
  score: string | null
  options: { scale?: number; enable_gqa?: boolean }
  output: Values
  lse: Values
}

describe('flex_attention', () => {
  test.each(filled(reference.attention.cases as Attended[]))('$sizes $mask $score $options', (expected) => {
    const { sizes, mask, score, options, output, lse } = expected
    const [q, k, v] = drawn(sizes)
    const score_mod = score === null ? null : SCORES[score]
    const heads = mask === 'heads' ? sizes[1] : null
    const block_mask =
      mask === null ? null : flex.create_block_mask(maskNamed(mask), null, heads, sizes[2], sizes[3], { BLOCK_SIZE: 2 })
    const found = flex.flex_attention(q, k, v, score_mod, block_mask, options)
    expectTypeOf(found).toEqualTypeOf<Tensor>()
    expectTensor(found, output, FEW_ULPS)
    const [, sums] = flex.flex_attention(q, k, v, { score_mod, block_mask, ...options, return_lse: true })
    expectTensor(sums, lse, FEW_ULPS)
    const return_aux = new flex.AuxRequest({ lse: true, max_scores: true })
    const [again, aux] = flex.flex_attention(q, k, v, { score_mod, block_mask, ...options, return_aux })
    expectTensor(again, output, FEW_ULPS)
    expectTensor(aux.lse as Tensor, lse, FEW_ULPS)
    // The logarithm of a sum of exponentials is between their greatest one and that one plus the logarithm of their number.
    const more = torch.nan_to_num((aux.lse as Tensor).sub(aux.max_scores as Tensor), 0)
    expect(
      more
        .ge(-1e-6)
        .logical_and(more.le(Math.log(sizes[3]) + 1e-6))
        .all()
        .item(),
    ).toBe(true)
  })

  test('in other precisions', () => {
    const [q, k, v] = drawn([1, 1, 2, 2], torch.float64)
    expectTensor(flex.flex_attention(q, k, v), reference.attention.double, 1e-14)
    const half = flex.flex_attention(q.half(), k.half(), v.half())
    expectTensor(half, reference.attention.half, 2 ** -9)
  })

  test('has gradients, which are those of scaled_dot_product_attention', () => {
    const tensors = drawn([2, 2, 3, 3])
    for (const tensor of tensors) tensor.requires_grad_()
    const block_mask = flex.create_block_mask({
      mask_mod: causal,
      B: null,
      H: null,
      Q_LEN: 3,
      KV_LEN: 3,
      BLOCK_SIZE: 2,
    })
    flex
      .flex_attention(...tensors, SCORES.distance, block_mask)
      .square()
      .sum()
      .backward()
    tensors.forEach((tensor, i) => {
      expectTensor(tensor.grad as Tensor, reference.gradients[i], 4 * FEW_ULPS)
    })
  })
})

interface Blocks {
  mask: string
  args: [B: number | null, H: number | null, q: number, k: number]
  size: number | number[]
  separate: boolean
  text: string
  shape: number[]
  sparsity: number
  tensors: Record<string, Values | null>
  whole: string
  small: string
  dense: Values
}

describe('BlockMask', () => {
  test.each(filled(reference.blocks.cases as Blocks[]))('$mask $args $size $separate', (expected) => {
    const { mask, args, size: BLOCK_SIZE, separate: separate_full_blocks } = expected
    const made = flex.create_block_mask(maskNamed(mask), ...args, { BLOCK_SIZE, separate_full_blocks })
    expect([String(made), made.shape]).toEqual([expected.text, expected.shape])
    expect(made.sparsity()).toBeCloseTo(expected.sparsity, 10)
    for (const [name, values] of Object.entries(expected.tensors)) {
      const tensor = (made as unknown as Record<string, Tensor | null>)[name] ?? null
      if (values === null) expect(tensor, name).toBeNull()
      else expectTensor(tensor as Tensor, values, 0, name)
    }
    expect(made.to_string(-1, 1)).toBe(expected.whole)
    expect(made.to_string({ grid_size: [3, 2] })).toBe(expected.small)
    expectTensor(made.to_dense(), expected.dense)
    expect(String(made.to('cpu'))).toBe(expected.text)
  })

  test('has parts, corners and tuples', () => {
    const base = flex.create_block_mask(maskNamed('heads'), 2, 3, 6, 8, 'cpu', 2)
    const others: Record<string, BlockMask> = {
      first: base.index(0),
      head: base.index(':', -1),
      row: base.index(1, '1:', 0),
      adjusted: base._adjust(4, 4),
    }
    for (const [name, other] of Object.entries(others)) {
      const { text, dense } = reference.blocks.others[name] as { text: string; dense: Values }
      expect(String(other), name).toBe(text)
      expectTensor(other.to_dense(), dense, 0, name)
    }
    expectTensor(flex.create_mask(maskNamed('heads'), 2, 3, 2, 4), reference.blocks.mask)
    expectTensor(flex.create_mask(SCORES.hidden as never, null, null, 3, 3), reference.blocks.score)
    expect([base.as_tuple().length, base.as_tuple(false).length]).toEqual([
      reference.blocks.tuple,
      reference.blocks.pairs,
    ])
  })
})

test('messages are Python’s', () => {
  const messageOf = (run: () => unknown): string => {
    try {
      run()
    } catch (error) {
      return (error as Error).message
    }
    return 'no error'
  }
  const [q, k, v] = drawn([2, 2, 4, 4])
  const attend = flex.flex_attention
  const block_mask = flex.create_block_mask(causal, null, null, 4, 4, 'cpu', 2)
  const wide = flex.create_block_mask(causal, null, null, 8, 8, 'cpu', 2)
  const [first, counts] = [':1', block_mask.kv_num_blocks]
  expect({
    embedding: messageOf(() => attend(q, k.index('...', ':2'), v)),
    heads: messageOf(() => attend(q, k.index(':', first), v.index(':', first))),
    groups: messageOf(() => attend(...drawn([1, 3, 4, 4, 2]), { enable_gqa: true })),
    dimensions: messageOf(() => attend(q.index(0), k.index(0), v.index(0))),
    batch: messageOf(() => attend(q, k.index(first), v.index(first))),
    "mask's batch": messageOf(() => attend(q, k.index(first), v.index(first), { block_mask })),
    smaller: messageOf(() => attend(...drawn([2, 2, 6, 6]), { block_mask })),
    larger: messageOf(() => attend(q, k, v, { block_mask: wide })),
    sliced: messageOf(() => attend(q, k, v, { block_mask: block_mask.index(0) })),
    both: messageOf(() => attend(q, k, v, { return_lse: true, return_aux: { lse: true } } as never)),
    arguments: messageOf(() => flex.create_mask((b: Tensor, _h: Tensor) => b, null, null, 2, 2)),
    parts: messageOf(() => flex.BlockMask.from_kv_blocks(counts, block_mask.kv_indices, counts)),
  }).toEqual(reference.messages)
  expect(() => block_mask.index(0).mask_mod(q, q, q, q)).toThrow(/sliced BlockMask/)
  expect(() => flex.or_masks(causal, 1 as never)).toThrow('All inputs should be callable mask_mods')
  expect(() => flex.create_block_mask(causal, null, null, 4, 4, { compute_dq_write_order: true })).toThrow(
    /not supported/,
  )
})
