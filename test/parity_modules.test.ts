// A sample of PyTorch's own tests of modules and optimizers, and of our own beside them (test/fixtures/parity_modules.*,
// made by scripts/parity/modules/export_modules.py --sample). `npm run parity -- --modules` runs them all.

import { describe, expect, test } from 'vitest'
import type { Allowed } from '../scripts/parity/compare.js'
import { beyond, checkModule, checkModuleError } from '../scripts/parity/modules/check_module.js'
import { checkOptimizer, checkOptimizerError } from '../scripts/parity/modules/check_optimizer.js'
import { isOptimizer, type ModuleEntry, type OptimizerEntry, readEntries } from '../scripts/parity/modules/entry.js'
import { fixtureFile } from './helpers.js'

const { entries, tensors } = readEntries(fixtureFile('parity_modules'))
const optimizers = entries.filter(isOptimizer)
const modules = entries.filter((entry): entry is ModuleEntry => !isOptimizer(entry))

describe.each(modules.filter(({ cases }) => cases.length > 0))('$name', ({ cases, errors }) => {
  test.each(cases)('$dtype, in training: $training', (record) => {
    expect(checkModule(record, tensors)).toEqual([])
  })
  test.each(errors)('refuses as in Python', (record) => {
    const wrong = checkModuleError(record, tensors)
    expect(wrong === null || beyond(record, wrong) !== null ? null : wrong).toBeNull()
  })
})

describe.each(optimizers)('$name', (entry) => {
  test.each(entry.cases)('$kind, $switches, reloaded: $reload', (record) => {
    expect(checkOptimizer(entry, record, tensors)).toEqual([])
  })
  test.each(entry.errors)('refuses as in Python: $description', (record) => {
    expect(checkOptimizerError(entry, record, tensors)).toBeNull()
  })
})

test('the sample holds every entry, and every implementation of every optimizer', () => {
  expect(modules.filter(({ ours }) => !ours).length).toBeGreaterThanOrEqual(114)
  expect(modules.filter(({ ours }) => ours).length).toBeGreaterThanOrEqual(40)
  // Its initial values depend on the processor's linear algebra.
  const left = 'nn.utils.parametrizations.spectral_norm'
  expect(modules.filter(({ cases }) => cases.length === 0).map(({ name }) => name)).toEqual([left])
  expect(optimizers.length).toBeGreaterThanOrEqual(15)
  const alone = ({ cases }: OptimizerEntry) => new Set(cases.map(({ switches }) => JSON.stringify(switches))).size
  const adam = optimizers.find(({ name }) => name === 'optim.Adam') as OptimizerEntry
  expect(alone(adam)).toBe(5)
})

/** Changes one element of what is compared by ten times its tolerance: what then is found wrong. */
function withWrongElement(
  check: (
    before: (what: string, values: ArrayLike<number | bigint>, allow: Allowed) => ArrayLike<number | bigint>,
  ) => string[],
): string[] | null {
  let changed = false
  const wrong = check((_what, values, allow) => {
    const place = changed ? -1 : Array.from(values).findIndex((value) => Number.isFinite(Number(value)))
    if (place === -1) return values
    changed = true
    const copy = Array.from(values)
    const value = copy[place] as number | bigint
    copy[place] = typeof value === 'bigint' ? value + 1n : value + (10 * allow(value) || 1)
    return copy
  })
  return changed ? wrong : null
}

test('one element that is wrong by ten times its tolerance is seen, in each module and optimizer', () => {
  const missed: string[] = []
  let changes = 0
  for (const entry of entries) {
    for (const [i, record] of entry.cases.entries()) {
      const wrong = withWrongElement((before) =>
        isOptimizer(entry)
          ? checkOptimizer(entry, entry.cases[i] as (typeof entry.cases)[number], tensors, { before })
          : checkModule(record as ModuleEntry['cases'][number], tensors, { before }),
      )
      if (wrong === null) continue
      changes++
      if (wrong.length === 0) missed.push(`${entry.name} ${i}`)
      break
    }
  }
  expect(missed).toEqual([])
  expect(changes).toBeGreaterThan(150)
})
