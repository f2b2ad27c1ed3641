import { expect, test } from 'vitest'
import torch, { type Tensor } from '../lib/index.js'
import { expectTensor, fixture } from './helpers.js'

const reference = fixture('indexing.json')
const x = torch.arange(60).reshape(3, 4, 5)
const rows = torch.tensor([2n, 0n])
const mask = x.index(':, 0, 0').gt(10)
const matrix_mask = x.index(':, :, 0').remainder(10).eq(0)

test('x.index gives what Python’s x[...] gives', () => {
  const results: Record<string, Tensor> = {
    rows: x.index(rows),
    'rows, 1': x.index(rows, 1),
    ':, rows': x.index(':', rows),
    'rows, :, rows': x.index(rows, ':', rows),
    '0, rows': x.index(0, rows),
    mask: x.index(mask),
    'mask, 1:3': x.index(mask, '1:3'),
    matrix_mask: x.index(matrix_mask),
    'matrix_mask, 1:3': x.index(matrix_mask, '1:3'),
    True: x.index(true),
    False: x.index(false),
    list: x.index([0, 2]),
    scalar: x.index(torch.tensor(1n)),
    'scalar, 0': x.index(torch.tensor(-1n), 0),
    true_scalar: x.index(torch.tensor(true)),
    false_scalar: x.index(torch.tensor(false)),
    bool_list: x.index([true, false, true]),
  }
  expect(Object.keys(reference.get)).toEqual(expect.arrayContaining(Object.keys(results)))
  for (const [name, expected] of Object.entries(reference.get)) {
    // What is not listed above is written the same in both languages.
    expectTensor(results[name] ?? x.index(name), expected as never, 0, name)
  }
})

test('x.index_set_ does what Python’s x[...] = v does', () => {
  const assigned: Record<string, (y: Tensor) => void> = {
    '0': (y) => y.index_set_([0], -1),
    ':, 1:3': (y) => y.index_set_([':', '1:3'], 7),
    rows: (y) => y.index_set_([rows], -2),
    mask: (y) => y.index_set_([mask], 9),
    row: (y) => y.index_set_([0, 0], torch.arange(5)),
    broadcast: (y) => y.index_set_([':', 0], torch.arange(5).reshape(1, 5)),
    matrix_mask: (y) => y.index_set_([matrix_mask], 3),
  }
  expect(Object.keys(assigned).sort()).toEqual(Object.keys(reference.set).sort())
  for (const [name, assign] of Object.entries(assigned)) {
    const y = x.clone()
    assign(y)
    expectTensor(y, reference.set[name], 0, name)
  }
})

test('views share their data', () => {
  const y = torch.zeros(2, 3)
  y.index(0).add_(1)
  y.index(':', torch.slice(2, null)).fill_(5)
  expect(y.tolist()).toEqual([
    [1, 1, 5],
    [0, 0, 5],
  ])
  expect(y.index(null, '...').shape.equals([1, 2, 3])).toBe(true)
})

test('gradients flow through', () => {
  const w = torch.ones(3, 2, { requires_grad: true })
  w.index([0, 2]).sum().add(w.index('1:').mul(2).sum()).backward()
  expect(w.grad?.tolist()).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ])
})

test('a tensor iterates over its first dimension', () => {
  expect([...torch.arange(6).reshape(3, 2)].map((row) => row.tolist())).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ])
  expect(() => [...torch.tensor(1)]).toThrow(/0-d/)
})

test.each([
  ['an index out of range', () => x.index(3), /index 3 is out of bounds for dimension 0 with size 3/],
  ['too many indices', () => x.index(0, 0, 0, 0), /too many indices for tensor of dimension 3/],
  ['a negative step', () => x.index('::-1'), /step must be greater than zero/],
  ['a fractional index', () => x.index(0.5), /whole number/],
  ['NaN', () => x.index(Number.NaN), /whole number/],
  ['words', () => x.index('first'), /'first' is not an index/],
  ['an object', () => x.index({} as never), /is not an index/],
  ['a mask that does not fit', () => x.index(torch.tensor([true, false])), /mask \[2\]/],
  ['an index tensor of floats', () => x.index(torch.tensor([0, 1])), /0n, 2n/],
  ['an index of a scalar', () => torch.tensor(1).index(0), /too many indices|0-dim/],
  ['a value that does not fit', () => x.clone().index_set_([0], torch.zeros(7)), /size|shape/],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message)
})
