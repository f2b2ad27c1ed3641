// torch.testing.assert_close, finfo, iinfo and promotion, as scripts/reference/testing.py has them in Python.

import { describe, expect, test } from 'vitest'
import torch, { type DType, type Tensor } from '../lib/index.js'
import { filled, fixture } from './helpers.js'

const reference = fixture('testing.json')
const { assert_close } = torch.testing
const T = torch.tensor
const f64 = { dtype: torch.float64 }
const nan = Number.NaN
const dtype = (name: string) => (torch as unknown as Record<string, DType>)[name] as DType

const CASES: Record<string, () => void> = {
  equal: () => assert_close(T([1, 2]), T([1, 2])),
  within: () => assert_close(T([1, 2]), T([1 + 1e-6, 2])),
  far: () => assert_close(T([1, 2, 3]), T([1, 2.5, 3])),
  matrix: () =>
    assert_close(
      T([
        [1, 2],
        [3, 4],
      ]),
      T([
        [1.5, 2],
        [3, 4.25],
      ]),
    ),
  whole_difference: () => assert_close(T([1, 2]), T([3, 2])),
  double: () => assert_close(T([1, 2], f64), T([1, 2.001], f64)),
  half: () => assert_close(T([1, 2]).half(), T([1, 2.5]).half()),
  integers: () => assert_close(T([1n, 2n, 3n]), T([1n, 5n, 3n])),
  booleans: () => assert_close(T([true, false]), T([true, true])),
  complex: () =>
    assert_close(
      T([
        { re: 1, im: 2 },
        { re: 0, im: 3 },
      ]),
      T([
        { re: 1, im: 2 },
        { re: 0, im: 3.5 },
      ]),
    ),
  zero_expected: () => assert_close(T([1, 0.5]), T([1, 0])),
  nan: () => assert_close(T([1, nan]), T([1, nan])),
  equal_nan: () => assert_close(T([1, nan]), T([1, nan]), { equal_nan: true }),
  infinite: () => assert_close(T([1, Infinity]), T([1, -Infinity])),
  scalar: () => assert_close(T(1), T(2)),
  scalar_fraction: () => assert_close(T(0.5, f64), T(0.75, f64)),
  scalar_integer: () => assert_close(T(3n), T(5n)),
  shape: () => assert_close(T([1]), T([1, 2])),
  dtype: () => assert_close(T([1]), T([1], f64)),
  no_dtype: () => assert_close(T([1]), T([1], f64), { check_dtype: false }),
  no_dtype_far: () => assert_close(T([1n]), T([1.5], f64), { check_dtype: false }),
  stride: () => assert_close(torch.ones(2, 3), torch.ones(3, 2).T, { check_stride: true }),
  layout: () => assert_close(torch.ones(2, 2), torch.ones(2, 2).to_sparse()),
  no_layout: () => assert_close(torch.ones(2, 2), torch.ones(2, 2).to_sparse(), { check_layout: false }),
  device: () => assert_close(torch.ones(2), torch.ones(2, { device: 'meta' })),
  tolerances: () => assert_close(T([1, 2]), T([1.05, 2.5]), { rtol: 0.01, atol: 0.1 }),
  tolerances_within: () => assert_close(T([1, 2]), T([1.05, 2.05]), { rtol: 0.01, atol: 0.1 }),
  exact: () => assert_close(T([1, 2]), T([1, 2.0000002]), { rtol: 0, atol: 0 }),
  one_tolerance: () => assert_close(T([1]), T([1]), { rtol: 0.1 }),
  list: () => assert_close([T([1]), T([2])], [T([1]), T([3])]),
  nested: () => assert_close({ a: [T([1])], b: T([2]) }, { a: [T([1.5])], b: T([2]) }),
  lengths: () => assert_close([T([1])], [T([1]), T([2])]),
  keys: () => assert_close({ a: T([1]), c: T([1]) }, { a: T([1]), b: T([2]) }),
  numbers: () => assert_close(1.5, 2.25),
  whole_numbers: () => assert_close(1, 2),
  close_numbers: () => assert_close(1.5, 1.5 + 1e-9),
  message: () => assert_close(T([1]), T([2]), { msg: 'mine' }),
  message_function: () => assert_close(T([1]), T([2]), { msg: (m) => `Header\n\n${m}` }),
  sparse: () =>
    assert_close(
      T([
        [1, 0],
        [0, 2],
      ]).to_sparse(),
      T([
        [1, 0],
        [0, 3],
      ]).to_sparse(),
    ),
  sparse_count: () =>
    assert_close(
      T([
        [1, 0],
        [0, 2],
      ]).to_sparse(),
      T([
        [1, 0],
        [0, 0],
      ]).to_sparse(),
    ),
  sparse_places: () =>
    assert_close(
      T([
        [1, 0],
        [0, 0],
      ]).to_sparse_csr(),
      T([
        [0, 1],
        [0, 0],
      ]).to_sparse_csr(),
    ),
}

describe('assert_close', () => {
  test.each(Object.entries(CASES))('%s', (name, run) => {
    let message: string | null = null
    try {
      run()
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toBe(reference.cases[name]?.message ?? null)
  })

  test('has the reference’s cases', () => {
    expect(Object.keys(CASES).sort()).toEqual(Object.keys(reference.cases).sort())
  })

  test('refuses what it cannot compare', () => {
    expect(() => assert_close('a' as never, 'a' as never)).toThrow(/string and string/)
    expect(() => assert_close(T([1]), 1)).toThrow(/Tensor and number/)
  })
})

describe('dtypes', () => {
  test.each(Object.entries(filled(reference.finfo)))('finfo(%s)', (name, expected) => {
    expect({ ...torch.finfo(dtype(name)) }).toEqual(expected)
  })

  test.each(Object.entries(filled(reference.iinfo as Record<string, Record<string, unknown>>)))(
    'iinfo(%s)',
    (name, expected) => {
      const { bits, max, min, dtype: text } = torch.iinfo(dtype(name))
      expect({ bits, max: String(max), min: String(min), dtype: text }).toEqual(expected)
    },
  )

  test('finfo and iinfo refuse each other’s dtypes', () => {
    expect(() => torch.finfo(torch.int32)).toThrow(/floating point/)
    expect(() => torch.iinfo(torch.float32)).toThrow(/integer/)
    expect(() => torch.iinfo(torch.bool)).toThrow(/not supported/)
  })

  test('promotion and casts', () => {
    for (const [pair, expected] of Object.entries(filled(reference.promote))) {
      const [a, b] = pair.split(' ') as [string, string]
      expect(String(torch.promote_types(dtype(a), dtype(b))), pair).toBe(expected)
      expect(torch.can_cast(dtype(a), dtype(b)), pair).toBe(reference.can_cast[pair])
    }
    expect(torch.result_type(T([1n]), 1.5)).toBe(torch.float32)
    expect(torch.result_type(T([1n]), 2)).toBe(torch.int64)
  })
})

describe('equality_tester lets toEqual compare tensors', () => {
  const { equality_tester } = torch.testing
  const nan = torch.tensor([1, Number.NaN])
  const pairs: [name: string, a: Tensor, b: Tensor, equal: boolean][] = [
    ['elements', torch.tensor([1, 2]), torch.tensor([1, 2]), true],
    ['other elements', torch.tensor([1, 2]), torch.tensor([1, 3]), false],
    ['no dimensions', torch.tensor(1), torch.tensor(1), true],
    ['another shape', torch.ones(2), torch.ones(2, 1), false],
    ['another dtype', torch.ones(2), torch.ones(2, { dtype: torch.float64 }), false],
    ['another layout', torch.eye(2), torch.eye(2).to_sparse(), false],
    ['sparse', torch.eye(2).to_sparse(), torch.eye(2).to_sparse(), true],
    ['NaN', nan, nan.clone(), true],
    ['NaN beside another number', nan, torch.tensor([2, Number.NaN]), false],
    ['what needs a gradient', torch.ones(2, { requires_grad: true }), torch.ones(2), true],
    ['no elements', torch.empty(0), torch.empty(0), true],
  ]
  test.each(pairs)('%s', (_, a, b, equal) => {
    expect(equality_tester(a, b)).toBe(equal)
  })
  test('what is no tensor is left to others', () => {
    expect([equality_tester(1, 1), equality_tester(torch.ones(1), 1), equality_tester([1], torch.ones(1))]).toEqual([
      undefined,
      false,
      false,
    ])
  })
  test('in vitest, at any depth', () => {
    expect(() => expect(torch.ones(1)).toEqual(torch.ones(1))).toThrow('addEqualityTesters')
    expect.addEqualityTesters([equality_tester])
    expect({ a: [torch.ones(2)], n: 1 }).toEqual({ a: [torch.ones(2)], n: 1 })
    expect({ a: [torch.ones(2)] }).toStrictEqual({ a: [torch.ones(2)] })
    expect({ a: [torch.ones(2)] }).not.toEqual({ a: [torch.zeros(2)] })
    expect(torch.tensor(1)).not.toEqual(torch.tensor(2))
  })
})
