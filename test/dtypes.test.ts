// Every dtype: numbers in and out as in Python (scripts/reference/testing.py), and integers beyond 2^53 without loss.

import { afterEach, describe, expect, test } from 'vitest'
import torch, { type Complex, type DType } from '../lib/index.js'
import { filled, fixture } from './helpers.js'

const reference = fixture('testing.json')
const dtypeOf = (name: string) => (torch as unknown as Record<string, DType>)[name] as DType
const VALUES = [0, 1, -1, 0.1, 2.5, 3.3, 100, 0.001]
const real = (value: unknown) => (typeof value === 'object' ? (value as Complex).re : Number(value))

describe.each(
  Object.entries(filled(reference.dtypes) as Record<string, { itemsize: number; values: number[]; item: number }>),
)('%s', (name, expected) => {
  const dtype = dtypeOf(name)
  const whole = !dtype.is_floating_point && !dtype.is_complex
  const values = whole ? VALUES.map(Math.abs).map(Math.trunc) : VALUES
  const tensor = torch.tensor(values, { dtype })

  test('takes numbers and gives them back', () => {
    expect(dtype.itemsize).toBe(expected.itemsize)
    expect((tensor.tolist() as unknown[]).map(real)).toEqual(expected.values)
    expect(real(tensor.index(4).item())).toBe(expected.item)
  })

  test('gives a typed array, and is made from one', () => {
    const array = tensor.to_typed_array()
    const step = dtype.is_complex ? 2 : 1
    expect(Array.from(array, Number).filter((_, i) => i % step === 0)).toEqual(expected.values)
    const made = torch.tensor(array, { dtype: dtype.is_complex ? torch.float64 : dtype })
    expect((made.tolist() as unknown[]).map(Number).filter((_, i) => i % step === 0)).toEqual(expected.values)
  })
})

describe('integers beyond 2^53', () => {
  test.each(Object.entries(filled(reference.big) as Record<string, string[]>))('%s loses nothing', (name, expected) => {
    const tensor = torch.tensor(expected.map(BigInt), { dtype: dtypeOf(name) })
    expect((tensor.tolist() as unknown as (number | bigint)[]).map(String)).toEqual(expected)
    expect([...tensor].map((element) => String(element.item()))).toEqual(expected)
    expect(Array.from(tensor.to_typed_array(), String)).toEqual(expected)
  })

  test('come as bigint, and safe ones as numbers', () => {
    expect(torch.tensor([2n ** 53n]).item<bigint>()).toBe(2n ** 53n)
    expect(torch.tensor([5n]).item()).toBe(5)
    expect(torch.tensor([2n ** 62n, 1n]).tolist()).toEqual([2n ** 62n, 1])
  })

  test('go into operators as bigint', () => {
    const x = torch.tensor([1n]).add((2n ** 62n) as never)
    expect(x.item<bigint>()).toBe(2n ** 62n + 1n)
    expect(() => torch.tensor([1n]).add((2n ** 64n) as never)).toThrow(/64 bits/)
  })
})

describe('the default dtype', () => {
  afterEach(() => torch.set_default_dtype(torch.float32))

  test('is what numbers and factories become', () => {
    torch.set_default_dtype(torch.float64)
    expect([torch.tensor([1]), torch.zeros(1), torch.full([1], 2), torch.randn(1)].map(({ dtype }) => dtype)).toEqual(
      Array(4).fill(torch.float64),
    )
    expect(torch.tensor([{ re: 1, im: 2 }]).dtype).toBe(torch.complex128)
    expect(String(torch.tensor([1, 2.5]))).toBe('tensor([1.0000, 2.5000])')
    expect(torch.finfo().dtype).toBe('float64')
    expect(new torch.nn.Linear(2, 2).weight.dtype).toBe(torch.float64)
  })

  test('is floating-point', () => {
    expect(() => torch.set_default_dtype(torch.int64)).toThrow(/only floating-point types/)
  })
})

test('apply_ and map_ replace elements', () => {
  expect(
    torch
      .arange(3)
      .apply_((x) => (x as number) * 2)
      .tolist(),
  ).toEqual([0, 2, 4])
  const sums = torch.ones(2, 2).map_(torch.tensor([1, 2]), (a, b) => (a as number) + (b as number))
  expect(sums.tolist()).toEqual([
    [2, 3],
    [2, 3],
  ])
  expect(() => torch.ones(1, { requires_grad: true }).apply_((x) => x)).toThrow(/requires grad/)
})
