// A sample of PyTorch's own operator tests (test/fixtures/parity.*, made by scripts/parity/export.py). `npm run parity`
// runs them all.

import { describe, expect, test } from 'vitest'
import { native } from '../lib/core/native.js'
import torch from '../lib/index.js'
import { overloads } from '../lib/operators/generated/overloads.js'
import { checkCase, checkError } from '../scripts/parity/check.js'
import { readEntries } from '../scripts/parity/entry.js'
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

test('the sample holds most entries', () => {
  expect(entries.filter(({ cases }) => cases.length > 0).length).toBeGreaterThan(600)
})
