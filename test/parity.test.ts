// A sample of PyTorch's own operator tests (test/fixtures/parity.*, made by scripts/parity/export.py). `npm run parity`
// runs them all.

import { describe, expect, test } from 'vitest'
import { native } from '../lib/core/native.js'
import torch from '../lib/index.js'
import { overloads } from '../lib/operators/generated/overloads.js'
import { checkCase, checkError } from '../scripts/parity/check.js'
import { type CaseRecord, readEntries } from '../scripts/parity/entry.js'
import { fixtureFile } from './helpers.js'

const { entries, tensors } = readEntries(fixtureFile('parity'))

/** Operators of the sample that the loaded libtorch no longer has. */
const gone = (name: string | null) => {
  const operator = /^torch\.(\w+)$/.exec(name ?? '')?.[1]
  const known = operator !== undefined && Object.hasOwn(overloads, operator)
  return known && !torch.__version__.startsWith('2.13.') && native.operator(`aten::${operator}`) === -1
}

describe.each(entries.filter((entry) => entry.cases.length + entry.errors.length > 0 && !gone(entry.function)))(
  '$name',
  ({ cases, errors }) => {
    test.each(cases)('$calls.0.fn, $dtype', (record) => {
      expect(checkCase(record, tensors)).toBeNull()
    })
    test.each(errors)('refuses as in Python', (record) => {
      expect(checkError(record, tensors)).toBeNull()
    })
  },
)

/** Park and Miller's generator: the same numbers for the same seed. */
function random(seed: number): (end: number) => number {
  let state = seed
  return (end) => {
    state = (state * 48271) % 2147483647
    return state % end
  }
}

test('one element of a result or a gradient that is wrong by ten times its tolerance is seen, each of 200 times', () => {
  const draw = random(1)
  const cases = entries.filter((entry) => !gone(entry.function)).flatMap((entry) => entry.cases)
  const missed: string[] = []
  let changes = 0
  while (changes < 200) {
    const record = cases[draw(cases.length)] as CaseRecord
    const places: [what: string, element: number][] = []
    const right = checkCase(record, tensors, {
      before(what, values) {
        const finite = Array.from(values, (value, i) => (Number.isFinite(Number(value)) ? i : -1)).filter((i) => i >= 0)
        // A method has the numbers of its function.
        if (!what.startsWith('Tensor.')) places.push(...finite.map((i) => [what, i] as [string, number]))
        return values
      },
    })
    if (places.length === 0) continue
    expect(right).toBeNull()
    const [place, element] = places[draw(places.length)] as [string, number]
    const wrong = checkCase(record, tensors, {
      before(what, values, allow) {
        if (what !== place) return values
        const changed = Array.from(values)
        const value = changed[element] as number | bigint
        if (typeof value === 'bigint') changed[element] = value + 1n
        else changed[element] = value + (10 * allow(value) || 1)
        return changed
      },
    })
    changes++
    if (wrong === null) missed.push(`${record.calls.at(-1)?.fn}, ${record.dtype}: ${place}, element ${element}`)
  }
  expect(missed).toEqual([])
})

test('the sample holds most entries', () => {
  expect(entries.filter(({ cases }) => cases.length > 0).length).toBeGreaterThan(600)
})
