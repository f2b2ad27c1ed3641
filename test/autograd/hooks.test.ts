// What hooks and a Function's backward may give in place of gradients: Python's answers, by scripts/reference/hooks.py.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import { expectNumbers, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'
import type { Outcome } from './hooks.js'

type Expected = { error: string } | { grad: Values | null }

const reference = fixture<{
  outcomes: Record<string, Record<string, Expected>>
  counts: Record<string, Expected>
  unused: { seen: unknown[]; refused: boolean }
}>('hooks.json')

const program = join(packageRoot, 'dist', 'test', 'autograd', 'hooks.js')
const found: {
  outcomes: Record<string, Record<string, Outcome>>
  counts: Record<string, Outcome>
  unused: unknown
} = JSON.parse(execFileSync(process.execPath, ['--no-warnings', program], { encoding: 'utf8' }))

function expectOutcome(actual: Outcome | undefined, expected: Expected, what: string): void {
  if ('error' in expected) {
    expect(actual, what).toHaveProperty('error')
    return
  }
  const grad = (actual as { grad: number[] | null }).grad
  if (expected.grad === null) expect(grad, what).toBeNull()
  else expectNumbers(grad as number[], expected.grad.data.map(Number), FEW_ULPS, what)
}

describe.each(Object.entries(filled(reference.outcomes)))('in place of a gradient, %s', (place, cases) => {
  test.each(Object.entries(filled(cases)))('%s', (name, expected) => {
    const actual = found.outcomes[place]?.[name]
    expectOutcome(actual, expected, name)
    // In a Function's backward Python has a RuntimeError for what is no tensor.
    if ('error' in expected && place !== 'function') expect(actual).toEqual(expected)
  })
})

test.each(Object.entries(filled(reference.counts)))('of gradients a hook of a node gives %s', (name, expected) => {
  expectOutcome(found.counts[name], expected, name)
})

test('where no gradient comes back to a tensor, its hooks see none and can put none there', () => {
  expect(found.unused).toEqual(reference.unused)
})

test('a hook may not give a gradient another form in place either', () => {
  const outcomes = found.outcomes['in place, before layer norm'] as Record<string, Outcome>
  for (const name of ['empty', 'fewer dimensions', 'more dimensions', 'transposed', 'float64']) {
    expect(outcomes[name], name).toEqual({ error: 'Error' })
  }
  for (const name of ['nothing', 'itself', 'doubled']) expect(outcomes[name], name).toHaveProperty('grad')
})
