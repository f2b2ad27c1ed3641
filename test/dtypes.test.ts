// Every dtype: numbers in and out as in Python (scripts/reference/testing.py), and integers beyond 2^53 without loss.

import { afterEach, describe, expect, test } from 'vitest'
import torch, { type Complex, type DType, type Tensor } from '../lib/index.js'
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

/** [Python's type, value, what torch.tensor gives, what assigning gives]; null where Python refuses. */
type Conversion = [
  kind: string,
  value: string | string[],
  made: string | string[] | null,
  assigned: string | string[] | null,
]

const numberOf = (text: string) => Number(text.replace('inf', 'Infinity'))
const partsOf = (text: string | string[]) => (typeof text === 'string' ? [numberOf(text), 0] : text.map(numberOf))

describe.each(Object.entries(fixture('conversions.json') as Record<string, Conversion[]>))(
  'numbers as %s',
  (name, rows) => {
    const dtype = dtypeOf(name)
    /** A Python value as JavaScript writes it: a whole number that is safe in both ways. */
    const written = (kind: string, value: string | string[]): (number | bigint | boolean | Complex)[] => {
      if (Array.isArray(value)) return [{ re: numberOf(value[0] as string), im: numberOf(value[1] as string) }]
      if (kind === 'bool') return [value === 'True']
      if (kind === 'float') return [numberOf(value)]
      const whole = BigInt(value)
      return Number.isSafeInteger(Number(whole)) ? [whole, Number(whole)] : [whole]
    }
    const got = (tensor: Tensor): unknown => {
      const value = tensor.item() as number | bigint | boolean | Complex
      if (typeof value === 'object') return [value.re, value.im]
      return typeof value === 'number' && !dtype.is_floating_point ? BigInt(value) : value
    }
    const expected = (text: string | string[]): unknown => {
      if (dtype.is_complex) return partsOf(text)
      if (name === 'bool') return text === 'True'
      return dtype.is_floating_point ? numberOf(text as string) : BigInt(text as string)
    }
    const outcome = (make: () => Tensor): unknown => {
      try {
        return got(make())
      } catch (error) {
        expect((error as Error).message).toMatch(/without overflow|too large|fit into|complex number/)
        return null
      }
    }

    test('are what Python makes of them, or refused', () => {
      for (const [kind, value, made, assigned] of rows) {
        for (const js of written(kind, value)) {
          // Python refuses every float for uint64, JavaScript's numbers are floats.
          const asTensor = name === 'uint64' && kind === 'float' ? assigned : made
          const label = `${kind} ${value} as ${typeof js}`
          const tensor = outcome(() => torch.tensor([js], { dtype }).index(0))
          expect(tensor, `torch.tensor, ${label}`).toEqual(asTensor === null ? null : expected(asTensor))
          const set = outcome(() => torch.zeros(2, { dtype }).index_set_([0], js).index(0))
          expect(set, `assigned, ${label}`).toEqual(assigned === null ? null : expected(assigned))
          const listed = outcome(() => torch.zeros(2, { dtype }).index_set_([':1'], [js]).index(0))
          expect(listed, `assigned in an array, ${label}`).toEqual(asTensor === null ? null : expected(asTensor))
        }
      }
    })
  },
)
