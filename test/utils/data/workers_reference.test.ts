// Loaders with two workers give the batches that Python's two workers give (scripts/reference/data_loader.py).

import { describe, expect, test } from 'vitest'
import { filled } from '../../helpers.js'
import { cases, nameOf, prepare, run } from './cases.js'

const together = cases.loaders.filter(({ results }) => '2' in results)

describe.each(filled(together.map((spec) => ({ name: nameOf(spec), spec }))))('$name', ({ spec }) => {
  const expected = spec.results['2'] as (typeof spec.results)[string]

  test('gives Python’s batches, epoch after epoch, and leaves the generators as Python does', async () => {
    expect(await run(spec, 2, false)).toEqual(expected.epochs)
  })

  test('and so by for await', async () => {
    expect(await run(spec, 2, true)).toEqual(expected.epochs)
  })

  test('has Python’s length', () => {
    const { loader } = prepare(spec, 2)
    if (expected.length === null) expect(() => loader.length).toThrow(/has no len\(\)/)
    else expect(loader.length).toBe(expected.length)
  })
})

test('there are settings enough', () => {
  expect(together.length).toBeGreaterThanOrEqual(60)
})
