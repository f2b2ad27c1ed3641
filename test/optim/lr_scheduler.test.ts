import { describe, expect, test } from 'vitest'
import torch, { optim, type Tensor } from '../../lib/index.js'
import { type AnyOptimizer, isPlateau, type SchedulerSpec, schedulerOf } from '../../scripts/exchange/build.js'
import { expectNumbers, filled, fixture } from '../helpers.js'

type LRScheduler = optim.lr_scheduler.LRScheduler

/** See scripts/reference/schedulers.py. */
interface Case {
  schedulers: SchedulerSpec[]
  optimizer?: 'Adam'
  lrs?: number[]
  epochs?: number[]
  tensor?: 'float32' | 'float64'
  /** Of each group, before the first step and after each. */
  rates: number[][]
  momenta?: number[][]
  states: Record<string, unknown>[]
  groups: Record<string, number>[]
}

const { cases } = fixture<{ cases: Case[] }>('lr_schedulers.json')
const STEPS = 40

function optimizerOf({ lrs = [0.1], tensor, optimizer }: Case): AnyOptimizer {
  const rate = (lr: number) => (tensor === undefined ? lr : torch.tensor(lr, { dtype: torch[tensor] }))
  const groups = lrs.map((lr) => ({ params: [torch.zeros(1, { requires_grad: true })], lr: rate(lr) as number }))
  return optimizer === 'Adam' ? new optim.Adam(groups) : new optim.SGD(groups, { momentum: 0.9 })
}

/** Falls, stays, rises and falls again. */
const metric = (step: number): number => 1 + Math.floor((10 * Math.abs(step - 13)) / (1 + step)) / 10

function step(scheduler: LRScheduler, i: number, { epochs }: Case): void {
  if (isPlateau(scheduler)) scheduler.step(metric(i))
  else if (epochs !== undefined) scheduler.step(epochs[i] as number)
  else scheduler.step()
}

type Group = Record<string, unknown> & { lr: number | Tensor }

const groupsOf = (optimizer: AnyOptimizer) => optimizer.param_groups as unknown as Group[]

const numberOf = (value: unknown): number => (torch.is_tensor(value) ? value.item() : (value as number))

const momentumOf = (group: Group): number => ((group.betas as number[] | undefined)?.[0] ?? group.momentum) as number

/** Tensors as their numbers, and numbers that JSON has not as the fixture has them. */
function plain(value: unknown): unknown {
  if (torch.is_tensor(value)) return plain(value.item())
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'number' && !Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

/** Powers, cosines and logarithms are the C library's, whose last bit may differ from the machine that made the fixture. */
const OF_LIBRARY = 1e-13
const ARITHMETIC =
  /^(LambdaLR|MultiplicativeLR|ConstantLR|LinearLR|ExponentialLR|StepLR|MultiStepLR|ReduceLROnPlateau)$/

function kindsOf(specs: readonly SchedulerSpec[]): string[] {
  return specs.flatMap(([kind, { schedulers }]) =>
    schedulers === undefined ? [kind] : kindsOf(schedulers as SchedulerSpec[]),
  )
}

const toleranceOf = ({ schedulers, epochs }: Case): number =>
  epochs === undefined && kindsOf(schedulers).every((kind) => ARITHMETIC.test(kind)) ? 0 : OF_LIBRARY

/** Compares all numbers, and the rest as it is. */
function expectAlike(actual: unknown, expected: unknown, tolerance: number, what: string): void {
  if (typeof expected === 'number') {
    expectNumbers([actual as number], [expected], tolerance, what)
    return
  }
  if (typeof expected !== 'object' || expected === null) {
    expect(actual, what).toEqual(expected)
    return
  }
  expect(Object.keys(actual as object).sort(), what).toEqual(Object.keys(expected).sort())
  for (const [name, item] of Object.entries(expected)) {
    expectAlike((actual as Record<string, unknown>)[name], item, tolerance, `${what}.${name}`)
  }
}

const nameOf = ({ schedulers, lrs, epochs, tensor, optimizer }: Case): string =>
  [JSON.stringify(schedulers), lrs, epochs && 'epochs', tensor, optimizer].filter(Boolean).join(' ')

describe.each(filled(cases).map((entry): [string, Case] => [nameOf(entry), entry]))('%s', (_, entry) => {
  const tolerance = toleranceOf(entry)

  function expectRates(optimizer: AnyOptimizer, at: number): void {
    groupsOf(optimizer).forEach((group, i) => {
      expectNumbers([numberOf(group.lr)], [entry.rates[i]?.[at] as number], tolerance, `rate of group ${i} after ${at}`)
      if (entry.momenta !== undefined) {
        expectNumbers(
          [momentumOf(group)],
          [entry.momenta[i]?.[at] as number],
          tolerance,
          `momentum of ${i} after ${at}`,
        )
      }
    })
  }

  test('sets the rates of PyTorch, and leaves its state', () => {
    const optimizer = optimizerOf(entry)
    const before = groupsOf(optimizer).map(({ lr }) => lr)
    const schedulers = entry.schedulers.map((spec) => schedulerOf(optimizer, spec))
    expectRates(optimizer, 0)
    for (let i = 0; i < STEPS; i++) {
      optimizer.step()
      for (const scheduler of schedulers) step(scheduler, i, entry)
      expectRates(optimizer, i + 1)
      // The last one to set them knows them.
      expect(schedulers.at(-1)?.get_last_lr().map(numberOf)).toEqual(groupsOf(optimizer).map(({ lr }) => numberOf(lr)))
    }
    // A tensor stays the same tensor.
    expect(groupsOf(optimizer).every(({ lr }, i) => typeof lr === 'number' || lr === before[i])).toBe(true)
    expectAlike(
      schedulers.map((scheduler) => plain(scheduler.state_dict())),
      entry.states,
      tolerance,
      'state',
    )
    const names = Object.keys(entry.groups[0] as object)
    const kept = groupsOf(optimizer).map((group) => Object.fromEntries(names.map((name) => [name, plain(group[name])])))
    expectAlike(kept, entry.groups, tolerance, 'group')
  })

  test('goes on from a state_dict', () => {
    const [first, second] = [optimizerOf(entry), optimizerOf(entry)]
    const before = entry.schedulers.map((spec) => schedulerOf(first, spec))
    for (let i = 0; i < 17; i++) {
      first.step()
      for (const scheduler of before) step(scheduler, i, entry)
    }
    const after = entry.schedulers.map((spec) => schedulerOf(second, spec))
    second.load_state_dict(first.state_dict())
    after.forEach((scheduler, i) => {
      const state = before[i]?.state_dict() as object
      // As far as JSON can hold it.
      const text = JSON.stringify(state)
      const whole = entry.tensor === undefined && !text.includes('null') && !/plateau/i.test(scheduler.constructor.name)
      scheduler.load_state_dict(whole ? JSON.parse(text) : state)
    })
    for (let i = 17; i < STEPS; i++) {
      second.step()
      for (const scheduler of after) step(scheduler, i, entry)
      expectRates(second, i + 1)
    }
  })
})
