// Steps that autograd records: the gradients of what they began with and of settings that are tensors, beside Python's
// (fixtures by scripts/reference/optimizer_steps.py).

import { expect, test } from 'vitest'
import torch, { optim, type Tensor } from '../../lib/index.js'
import { expectNumbers, filled, fixture } from '../helpers.js'

interface Case {
  optimizer: string
  options: Record<string, unknown>
  steps: number
  parameter: number[]
  gradients: (number[] | null)[]
}

const { cases } = fixture<{ cases: Case[] }>('optimizer_gradients.json')

test.each(filled(cases))(
  '$optimizer $options',
  ({ optimizer: name, options, steps, parameter: expected, gradients }) => {
    torch.manual_seed(3)
    const begun = torch.randn(4, { dtype: torch.float64 }).requires_grad_()
    const leaves = [begun]
    const leaf = (value: number): Tensor => {
      const made = torch.tensor(value, { dtype: torch.float64 }).requires_grad_()
      leaves.push(made)
      return made
    }
    const given = { ...options }
    if (given.lr === 'leaf') given.lr = leaf(0.1)
    if (given.betas === 'leaves') given.betas = [leaf(0.8), leaf(0.9)]
    const parameter = begun.clone()
    const make = (optim as unknown as Record<string, new (params: Tensor[], options: object) => optim.Optimizer>)[name]
    const optimizer = new (make as NonNullable<typeof make>)([parameter], { differentiable: true, ...given })
    for (let step = 0; step < steps; step++) {
      parameter.grad = begun.mul(step + 1).sin()
      optimizer.step()
    }
    expectNumbers(parameter.tolist() as number[], expected, 1e-7)
    parameter.pow(2).sum().backward()
    expect(leaves.length).toBe(gradients.length)
    leaves.forEach((value, i) => {
      const own = gradients[i]
      if (own === null) expect(value.grad).toBe(null)
      else expectNumbers(value.grad?.flatten().tolist() as number[], own as number[], 1e-6, `gradient ${i}`)
    })
  },
)

test('a leaf that requires grad cannot be changed by a step that is recorded', () => {
  for (const name of ['Adam', 'SGD', 'RMSprop'] as const) {
    const w = torch.ones(2, { requires_grad: true })
    w.grad = torch.ones(2)
    expect(() => new optim[name]([w], { differentiable: true }).step(), name).toThrow(
      /leaf Variable that requires grad/,
    )
    expect(w.detach().tolist()).toEqual([1, 1])
  }
})
