// Every optimizer in the cases of scripts/bit_equal/optimizers.json beside Python (fixtures by
// scripts/reference/optimizer_steps.py): parameters, states and settings after steps, states exchanged, refusals.

import { afterEach, describe, expect, test } from 'vitest'
import torch, { optim, type Tensor } from '../../lib/index.js'
import { type Kind, numbers, numbersOf, type Options, run } from '../../scripts/bit_equal/optimizers.js'
import { expectNumbers, filled, fixture } from '../helpers.js'

interface Seen {
  dtype: string
  shape: number[]
  data: number[]
}
type SeenState = {
  state: Record<string, Record<string, Seen | number | null>>
  param_groups: Record<string, unknown>[]
}

interface Case {
  optimizer: string
  dtype: Kind
  options: Options
  numbers: number[]
  text: string
  state_dict?: SeenState
  halfway?: { numbers: number[]; state_dict: SeenState }
}

const { cases } = fixture<{ cases: Record<string, Case> }>('optimizer_steps.json')
const { refused } = fixture<{ refused: { optimizer: string; options: Options | null; message: string }[] }>(
  'optimizer_refusals.json',
)

const TOLERANCES: Record<Kind, number> = {
  ...{ float32: 1e-4, tensor_lr: 1e-4, complex64: 1e-4, float64: 1e-9 },
  // Twenty steps, each of which rounds to 8 and 11 bits.
  ...{ bfloat16: 0.15, float16: 0.02 },
}

afterEach(() => {
  torch.backends.tstorch.fused = true
})

function expectClose(actual: number[], expected: number[], { optimizer, dtype }: Case, what: string): void {
  // Muon's iterations are in bfloat16, whatever the parameters are.
  const tolerance = optimizer === 'Muon' ? Math.max(0.05, TOLERANCES[dtype]) : TOLERANCES[dtype]
  expectNumbers(actual, expected, tolerance, what)
}

function expectState(actual: optim.OptimizerStateDict, expected: SeenState, one: Case): void {
  expect(Object.keys(actual.state)).toEqual(Object.keys(expected.state))
  for (const [key, own] of Object.entries(expected.state)) {
    const state = actual.state[Number(key)] as Record<string, Tensor | number | null>
    expect(Object.keys(state), key).toEqual(Object.keys(own))
    for (const [name, value] of Object.entries(own)) {
      const mine = state[name]
      if (typeof value === 'number' || value === null) expect(mine, `${name} of ${key}`).toBe(value)
      else expectSeen(mine as Tensor, value, one, `${name} of ${key}`)
    }
  }
  expect(actual.param_groups.length).toBe(expected.param_groups.length)
  actual.param_groups.forEach((group, i) => {
    const other = expected.param_groups[i] as Record<string, unknown>
    expect(Object.keys(group)).toEqual(Object.keys(other))
    for (const [name, value] of Object.entries(other)) {
      if (torch.is_tensor(group[name])) expectSeen(group[name], value as Seen, one, name)
      else expect(group[name], name).toEqual(value)
    }
  })
}

function expectSeen(actual: Tensor, { dtype, shape, data }: Seen, one: Case, what: string): void {
  expect(actual.dtype.toString(), what).toBe(dtype)
  expect([...actual.shape], what).toEqual(shape)
  const dense = actual.is_sparse ? actual.to_dense() : actual
  expectClose(numbers(dense), data, one, what)
}

/** Python's state, as it would be loaded from a file. */
function loaded({ state, param_groups }: SeenState): optim.OptimizerStateDict {
  const tensorOf = (value: unknown): unknown => {
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
    const { dtype, shape, data } = value as Seen
    const name = dtype.replace('torch.', '') as 'float32'
    return torch.tensor(data, { dtype: torch.float64 }).to(torch[name]).view(shape)
  }
  const changed = (fields: object) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, tensorOf(value)]))
  const states = Object.entries(state).map(([key, own]) => [key, changed(own)])
  return { state: Object.fromEntries(states), param_groups: param_groups.map(changed) as never }
}

describe.each(Object.entries(filled(cases)))('%s', (_, one) => {
  const { optimizer: name, dtype, options } = one

  test.each([true, false])('steps as Python does, fused %s', (fused) => {
    torch.backends.tstorch.fused = fused
    const running = run(name, options, dtype, ({ parameters, optimizer }) => {
      if (one.halfway === undefined) return
      expectClose(numbersOf({ parameters, optimizer }), one.halfway.numbers, one, 'halfway')
      expectState(optimizer.state_dict(), one.halfway.state_dict, one)
    })
    expectClose(numbersOf(running), one.numbers, one, 'parameters')
    if (one.state_dict !== undefined) expectState(running.optimizer.state_dict(), one.state_dict, one)
    // JavaScript does not tell a tuple from a list.
    const text = one.text.replaceAll('[', '(').replaceAll(']', ')')
    expect(running.optimizer.toString()).toBe(text)
  })

  const { halfway } = one
  // A state that was loaded has the parameters' dtype, as in Python, also where it had another: those numbers differ.
  const changes = dtype === 'bfloat16' && (name === 'ASGD' || name === 'NAdam')
  if (halfway === undefined || changes) return
  test('goes on from a state of Python’s', () => {
    const running = run(name, options, dtype, ({ parameters, optimizer }) => {
      let at = 0
      torch.no_grad(() => {
        for (const parameter of parameters) {
          const own = halfway.numbers.slice(at, at + parameter.numel())
          at += parameter.numel()
          parameter.copy_(torch.tensor(own, { dtype: torch.float64 }).view([...parameter.shape]))
        }
      })
      optimizer.load_state_dict(loaded(halfway.state_dict))
      expectState(optimizer.state_dict(), halfway.state_dict, one)
    })
    expectClose(numbersOf(running), one.numbers, one, 'parameters')
  })
})

test.each(filled(refused))('$optimizer refuses $options: $message', ({ optimizer, options, message }) => {
  const parameter = torch.ones(2, 2, { requires_grad: true })
  const ones = torch.ones(2, 2)
  parameter.grad = optimizer === 'SparseAdam' ? ones : ones.to_sparse()
  const lr = options?.lr
  const given = { ...options, ...(Array.isArray(lr) ? { lr: torch.ones(2) } : {}) }
  const make = (optim as unknown as Record<string, new (params: Tensor[], options: Options) => optim.Optimizer>)[
    optimizer
  ]
  const act = () => {
    const made = new (make as NonNullable<typeof make>)([parameter], given)
    if (options === null) made.step()
  }
  expect(act).toThrow(message)
  expect(parameter.detach().tolist()).toEqual(ones.tolist())
})
