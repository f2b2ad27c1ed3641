// x.index(...) and x.index_set_([...], v) against a table that Python made (scripts/reference/indexing.py).

import { describe, expect, test } from 'vitest'
import torch, { type DType, type Index, type Tensor } from '../lib/index.js'
import { expectTensor, fixture, type Values } from './helpers.js'

interface TensorSpec {
  tensor: (number | boolean)[]
  shape: number[]
  dtype: string
}
type ItemSpec = null | number | boolean | string | { slice: (number | null)[] } | { list: number[] } | TensorSpec

interface Get {
  shape: number[]
  index: ItemSpec[]
  result?: Values
  view?: boolean
  error?: string
}

interface Put extends Omit<Get, 'result' | 'view'> {
  value: number | TensorSpec
  after?: Values
}

const { gets, puts } = fixture<{ gets: Get[]; puts: Put[] }>('indexing_table.json')

const make = (shape: number[]): Tensor =>
  torch
    .arange(
      shape.reduce((product, size) => product * size, 1),
      { dtype: torch.float64 },
    )
    .reshape(shape)

function tensorOf({ tensor, shape, dtype }: TensorSpec): Tensor {
  const type = (torch as unknown as Record<string, DType>)[dtype] as DType
  return torch.tensor(tensor.map(Number), { dtype: type }).reshape(shape)
}

function item(spec: ItemSpec): Index {
  if (typeof spec !== 'object' || spec === null) return spec
  if ('slice' in spec) {
    const [start, stop, step] = spec.slice as [number | null, number | null, number | null]
    return torch.slice(start, stop, step)
  }
  return 'list' in spec ? spec.list : tensorOf(spec)
}

/** Python's words, less what it says of its own types and syntax. */
function expectRefusal(run: () => unknown, error: string): void {
  expect(error).not.toBe('')
  expect(run).toThrow(error)
}

describe('x[...]', () => {
  test.each(gets)('$shape $index', ({ shape, index, result, view, error }) => {
    const x = make(shape)
    const run = () => x.index(...index.map(item))
    if (error !== undefined) return expectRefusal(run, error)
    const found = run()
    expectTensor(found, result as Values)
    const before = x.clone()
    found.add_(1)
    expect(!torch.equal(x, before)).toBe(view)
  })
})

describe('x[...] = v', () => {
  test.each(puts)('$shape $index = $value', ({ shape, index, value, after, error }) => {
    const x = make(shape)
    const run = () => x.index_set_(index.map(item), typeof value === 'number' ? value : tensorOf(value))
    if (error !== undefined) return expectRefusal(run, error)
    run()
    expectTensor(x, after as Values)
  })
})
