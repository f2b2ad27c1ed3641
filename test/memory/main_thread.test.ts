import { expect, test } from 'vitest'
import { grows } from '../../scripts/memory/loops.js'
import { curve, describeLoops, MINUTES } from './loops.js'

describeLoops('the main thread', 'scenarios')

// What frees each of them is tested in held.test.ts; here, that it happens on its own. A leak would be as large as what was
// there before.
test.each([
  ['typed_array', 5000],
  ['scope_getter', 40_000],
  ['mode_left_open', 300_000],
  ['ctx_output', 40_000],
  ['ctx_nested', 40_000],
  ['hook', 40_000],
  ['hook_after_accumulation', 40_000],
  ['share_new', 60_000],
])(
  'the memory of the loop %s does not grow',
  async (name, rounds) => {
    const measured = await curve(name, rounds)
    expect(measured.error).toBeUndefined()
    expect(grows(measured, 1 / 2)).toBe(false)
  },
  10 * MINUTES,
)
