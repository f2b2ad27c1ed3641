// A sample of PyTorch's own operator tests (test/fixtures/parity.*, made by scripts/parity/export.py). `npm run parity`
// runs them all.

import { describe, expect, test } from 'vitest'
import { checkCase, checkError } from '../scripts/parity/check.js'
import { readEntries } from '../scripts/parity/entry.js'
import { fixtureFile } from './helpers.js'

const { entries, tensors } = readEntries(fixtureFile('parity'))

describe.each(entries.filter(({ cases, errors }) => cases.length + errors.length > 0))('$name', ({ cases, errors }) => {
  test.each(cases)('$calls.0.fn, $dtype', (record) => {
    expect(checkCase(record, tensors)).toBeNull()
  })
  test.each(errors)('refuses as in Python', (record) => {
    expect(checkError(record, tensors)).toBeNull()
  })
})

test('the sample holds most entries', () => {
  expect(entries.filter(({ cases }) => cases.length > 0).length).toBeGreaterThan(600)
})
