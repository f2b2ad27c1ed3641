import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import { packageRoot } from '../../lib/core/package_root.js'
import type { Measured } from './scenarios.js'

const run = promisify(execFile)

/** Runs a scenario in a process of its own. */
async function measure(program: string, scenario: string): Promise<Measured> {
  const file = join(packageRoot, 'dist', 'test', 'memory', `${program}.js`)
  const { stdout } = await run(process.execPath, [file, scenario])
  const measured = JSON.parse(stdout) as Measured
  // The bounds are for libtorch without CUDA, which takes 166 MB when it is loaded.
  if (native.cuda_built()) measured.peak -= measured.loaded - 166
  return measured
}

const MINUTES = 60_000

describe.each([
  ['the main thread', 'scenarios'],
  ['a worker thread', 'in_worker'],
])('a plain loop in %s, without scopes', (_, program) => {
  test(
    'that makes 5,000 tensors of 4 MB stays below 500 MB',
    async () => {
      expect((await measure(program, 'tensors')).peak).toBeLessThan(500)
    },
    3 * MINUTES,
  )

  test(
    'of 400 forwards that each save 16 MB stays below 500 MB',
    async () => {
      expect((await measure(program, 'forwards')).peak).toBeLessThan(500)
    },
    3 * MINUTES,
  )

  test(
    'of 200,000 views of a tensor of 64 MB costs no collection of garbage each',
    async () => {
      const { seconds, peak } = await measure(program, 'views')
      expect(seconds).toBeLessThan(1)
      expect(peak).toBeLessThan(500)
    },
    3 * MINUTES,
  )

  test(
    'of 600 forward and backward passes of an LSTM stays below 300 MB',
    async () => {
      expect((await measure(program, 'lstm')).peak).toBeLessThan(300)
    },
    5 * MINUTES,
  )

  test(
    'of 20,000 sine iterations does not grow',
    async () => {
      expect((await measure(program, 'sine')).growth).toBeLessThan(20)
    },
    5 * MINUTES,
  )

  test(
    'of 20,000 hooks and exceptions in them does not grow',
    async () => {
      expect((await measure(program, 'hooks')).growth).toBeLessThan(40)
    },
    3 * MINUTES,
  )
})

test.each([7, 13, 31])(
  'nothing is freed too early, with a collection of garbage at every %ith allocation',
  async (interval) => {
    const file = join(packageRoot, 'dist', 'test', 'memory', 'collected.js')
    const { stdout } = await run(process.execPath, [`--gc-interval=${interval}`, file, '800'])
    expect(stdout.trim()).toBe('done')
  },
  3 * MINUTES,
)
