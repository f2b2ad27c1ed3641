// Jacobians, Hessians and products with vectors, as scripts/reference/autograd.py has them in Python.

import { describe, expect, test } from 'vitest'
import torch, { autograd, type Tensor } from '../../lib/index.js'
import { expectTensor, fixture, type Values } from '../helpers.js'

const { functional } = autograd
const reference = fixture('autograd.json').functional
const leaf = (...data: number[]) => torch.tensor(data, { dtype: torch.float64, requires_grad: true })
const vector = torch.tensor([1, 2, 3], { dtype: torch.float64 })
const double = (value: number) => torch.tensor(value, { dtype: torch.float64 })
const x = leaf(0.5, 1, 2)
const u = leaf(1.5, -0.5, 3)

const one = (x: Tensor) => x.exp().cumsum(0)
const two = (x: Tensor, u: Tensor): [Tensor, Tensor] => [x.mul(u.sum()), x.mul(u).sum()]
const number = (x: Tensor) => x.pow(3).mul(x.sum()).sum()
const numberOfTwo = (x: Tensor, u: Tensor) => x.pow(2).mul(u.exp()).sum()

type Nested = Tensor | readonly Nested[]
type NestedValues = Values | NestedValues[]

function expectNested(actual: Nested, expected: NestedValues): void {
  if (!Array.isArray(expected)) expectTensor(actual as Tensor, expected, 1e-10)
  else {
    expect((actual as Nested[]).length).toBe(expected.length)
    expected.forEach((part, i) => {
      expectNested((actual as Nested[])[i] as Nested, part)
    })
  }
}

const CASES: Record<string, () => unknown> = {
  jacobian_one: () => functional.jacobian(one, x),
  jacobian_two: () => functional.jacobian(two, [x, u]),
  hessian_one: () => functional.hessian(number, x),
  hessian_two: () => functional.hessian(numberOfTwo, [x, u]),
  vjp: () => functional.vjp(one, x, vector),
  vjp_two: () => functional.vjp(two, [x, u], [vector, double(2)]),
  jvp: () => functional.jvp(one, x, vector),
  jvp_two: () => functional.jvp(two, [x, u], [vector, vector.mul(2)]),
  vhp: () => functional.vhp(number, x, vector),
  hvp: () => functional.hvp(number, x, vector),
}

test.each(Object.entries(CASES))('%s', (name, run) => {
  expectNested(run() as Nested, reference[name])
})

test('the list of cases is the reference’s', () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(reference).sort())
})

describe('functional', () => {
  test('leaves the inputs’ grad and graph alone', () => {
    functional.jacobian(one, x)
    expect(x.grad).toBeNull()
    expect(functional.vjp(one, x, vector)[1].requires_grad).toBe(false)
  })

  test('with create_graph the results can be differentiated', () => {
    const y = leaf(2)
    const derivative = functional.jacobian((t: Tensor) => t.pow(3), y, { create_graph: true })
    expect(autograd.grad(derivative.sum(), y)[0]?.item()).toBe(12)
  })

  test.each([
    ['a vector of another shape', () => functional.vjp(one, x, double(1)), /Entry 0 in v has invalid size/],
    ['no vector where it is needed', () => functional.jvp(one, x), /can only be null/],
    ['a Hessian of several numbers', () => functional.hessian(one, x), /single element/],
    [
      'independent inputs, with strict',
      () => functional.jacobian((a: Tensor, _b: Tensor) => a.mul(2), [x, u], { strict: true }),
      /independent of input 1/,
    ],
  ])('refuses %s', (_, run, message) => {
    expect(run).toThrow(message)
  })
})

describe('autograd.grad', () => {
  test('takes gradients of the outputs in their place, or by name', () => {
    const y = x.pow(2)
    const inPlace = autograd.grad(y, x, vector, { retain_graph: true })[0]?.tolist()
    expect(inPlace).toEqual(autograd.grad(y, x, { grad_outputs: vector })[0]?.tolist())
    expect(inPlace).toEqual([1, 4, 12])
  })

  test('gives null, zeros or an error for what the outputs do not depend on', () => {
    const y = () => x.sum()
    expect(autograd.grad(y(), [x, u], { allow_unused: true })[1]).toBeNull()
    expect(autograd.grad(y(), [x, u], { materialize_grads: true })[1]?.tolist()).toEqual([0, 0, 0])
    expect(() => autograd.grad(y(), [x, u])).toThrow(/allow_unused/)
    expect(() => autograd.grad(y(), [x, u], { allow_unused: false, materialize_grads: true })).toThrow(
      /materialize_grads/,
    )
  })
})
