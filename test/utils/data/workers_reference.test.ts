// Loaders with two workers give the batches that Python's two workers give (scripts/reference/data_loader.py).

import { describe, expect, test } from 'vitest'
import { filled } from '../../helpers.js'
import { cases, type LoaderCase, nameOf, prepare, run } from './cases.js'

/** Where the order may be any, batches are compared without it. */
async function runBoth({ spec, is_async }: { spec: LoaderCase; is_async: boolean }) {
  const epochs = [await run(spec, 2, is_async), spec.results['2']?.epochs]
  if (spec.options.in_order !== false) return epochs
  const sorted = (batches: unknown[]) => batches.map((batch) => JSON.stringify(batch)).sort()
  return epochs.map((each) => each?.map(({ batches, drawn }) => ({ batches: sorted(batches), drawn })))
}

const together = cases.loaders.filter(({ results }) => '2' in results)

describe.each(filled(together.map((spec) => ({ name: nameOf(spec), spec }))))('$name', ({ spec }) => {
  test('gives Python’s batches, epoch after epoch, and leaves the generators as Python does', async () => {
    const [given, expected] = await runBoth({ spec, is_async: false })
    expect(given).toEqual(expected)
  })

  test('and so by for await', async () => {
    const [given, expected] = await runBoth({ spec, is_async: true })
    expect(given).toEqual(expected)
  })

  test('has Python’s length', () => {
    const { loader } = prepare(spec, 2)
    const { length } = spec.results['2'] as { length: number | null }
    if (length === null) expect(() => loader.length).toThrow(/has no len\(\)/)
    else expect(loader.length).toBe(length)
  })
})

test('there are settings enough', () => {
  expect(together.length).toBeGreaterThanOrEqual(60)
})
