// A training stops in the middle in Python and goes on here: every optimizer, every scheduler. The other direction needs
// Python (npm run exchange); here it is what is written that must be what Python writes.

import { describe, expect, test } from 'vitest'
import { optim } from '../../lib/index.js'
import { type ExchangeCase, half, MIDDLE, nameOf, resume } from '../../scripts/exchange/programs.js'
import { expectNumbers, filled, fixture } from '../helpers.js'

const { cases } = fixture<{ cases: ExchangeCase[] }>('exchange.json')

const toleranceOf = ({ dtype }: ExchangeCase): number => (dtype === 'float32' ? 1e-4 : 1e-9)

function expectAlike(actual: unknown, expected: unknown, tolerance: number, what: string): void {
  if (typeof expected === 'number') {
    expectNumbers([actual as number], [expected], tolerance, what)
    return
  }
  if (typeof expected !== 'object' || expected === null) {
    expect(actual, what).toEqual(expected)
    return
  }
  expect(Object.keys((actual ?? {}) as object).sort(), what).toEqual(Object.keys(expected).sort())
  for (const [name, item] of Object.entries(expected)) {
    expectAlike((actual as Record<string, unknown>)[name], item, tolerance, `${what}.${name}`)
  }
}

const known = filled(cases.filter(({ optimizer }) => optimizer in optim))

describe.each(known.map((entry): [string, ExchangeCase] => [nameOf(entry), entry]))('%s', (_, entry) => {
  test("goes on from Python's state", () => {
    const expected = entry.resumed ?? entry.losses.slice(MIDDLE)
    expectNumbers(resume(entry, entry.middle), expected, toleranceOf(entry), 'losses')
  })

  test("writes Python's state, and goes on from it", () => {
    const { losses, middle } = half(entry)
    expectNumbers(losses, entry.losses.slice(0, MIDDLE), toleranceOf(entry), 'losses')
    expectAlike(middle, entry.middle, toleranceOf(entry), 'state')
    expectNumbers(resume(entry, middle), entry.resumed ?? entry.losses.slice(MIDDLE), toleranceOf(entry), 'losses')
  })
})

test('all optimizers and schedulers are among the trainings', () => {
  const classesOf = (space: object) => Object.entries(space).filter(([, value]) => typeof value === 'function')
  const optimizers = classesOf(optim).filter(
    ([name, value]) => value.prototype instanceof optim.Optimizer && name !== 'Optimizer',
  )
  expect(optimizers.map(([name]) => name).filter((name) => !cases.some((entry) => entry.optimizer === name))).toEqual(
    [],
  )
  const text = JSON.stringify(cases.map(({ scheduler }) => scheduler))
  const schedulers = [...classesOf(optim.lr_scheduler), ...classesOf(optim.swa_utils)].filter(
    ([name, value]) => value.prototype instanceof optim.lr_scheduler.LRScheduler && name !== 'LRScheduler',
  )
  expect(schedulers.length).toBeGreaterThan(14)
  expect(schedulers.map(([name]) => name).filter((name) => !text.includes(`"${name}"`))).toEqual([])
})
