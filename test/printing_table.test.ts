// What tensors of every dtype print, against a table that Python made (scripts/reference/printing.py).

import { afterEach, describe, expect, test } from 'vitest'
import torch, { type DType, type Tensor } from '../lib/index.js'
import { filled, fixture } from './helpers.js'

interface Case {
  dtype: string
  values: (number | string)[]
  shape: number[]
  step?: number
  then?: string[]
  options?: Parameters<typeof torch.set_printoptions>[0]
  printed: string
}

const { cases } = fixture<{ cases: Case[] }>('printing_table.json')
const SPECIAL: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN, '-0': -0 }

const CHANGES: Record<string, (t: Tensor) => Tensor> = {
  requires_grad: (t) => t.requires_grad_(),
  graph: (t) => t.mul(2),
  view: (t) => t.view(-1),
  conj: (t) => t.conj(),
  neg: (t) => t.conj().imag,
  transposed: (t) => t.T,
  meta: (t) => t.to('meta'),
  coo: (t) => t.to_sparse(),
  csr: (t) => t.to_sparse_csr(),
  csc: (t) => t.to_sparse_csc(),
  bsr: (t) => t.to_sparse_bsr([1, 1]),
  bsc: (t) => t.to_sparse_bsc([1, 1]),
  zero_tensor: (t) => torch.ops.aten._efficientzerotensor?.([...t.shape], { dtype: t.dtype }) as Tensor,
}

function build({ dtype: name, values, shape, step = 0, then = [] }: Case): Tensor {
  const dtype = (torch as unknown as Record<string, DType>)[name] as DType
  const count = shape.reduce((product, size) => product * size, 1)
  const listed = values.map((value) => (typeof value === 'string' ? (SPECIAL[value] as number) : value))
  const numbers = Array.from({ length: count }, (_, i) => (listed[i % listed.length] as number) + step * i)
  let tensor: Tensor
  if (dtype.is_complex) {
    const pairs = numbers.map((re, i) => ({ re, im: numbers[count - 1 - i] as number }))
    tensor = torch.tensor(pairs, { dtype: torch.complex128 }).to(dtype)
  } else {
    const exact = torch.tensor(numbers, { dtype: torch.float64 })
    tensor = dtype.is_floating_point ? exact.to(dtype) : exact.to(torch.int64).to(dtype)
  }
  return then.reduce((t, change) => (CHANGES[change] as (t: Tensor) => Tensor)(t), tensor.reshape(shape))
}

afterEach(() => torch.set_printoptions({ profile: 'default' }))

describe('printing', () => {
  test.each(filled(cases))('$dtype, $shape, $values, $then, $options', (spec) => {
    const tensor = build(spec)
    torch.set_printoptions(spec.options ?? {})
    expect(String(tensor)).toBe(spec.printed)
  })
})

test('printoptions holds for a function, and ends with it', () => {
  const x = torch.tensor([1 / 3])
  expect(torch.printoptions({ precision: 2 }, () => String(x))).toBe('tensor([0.33])')
  expect(() => torch.printoptions({ precision: 2 }, () => x.view(7).dim())).toThrow(/shape '\[7\]' is invalid/)
  expect(String(x)).toBe('tensor([0.3333])')
  expect(torch.get_printoptions().precision).toBe(4)
})
