// What plain loops take of memory, in the main thread (main_thread.test.ts) and in a worker (worker.test.ts): in files of
// their own, as each takes its time.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import type { Curve } from '../../scripts/memory/loops.js'
import type { Measured } from './scenarios.js'

const run = promisify(execFile)

/** Runs a scenario in a process of its own. */
async function measure(program: string, scenario: string): Promise<Measured> {
  const file = join(packageRoot, 'dist', 'test', 'memory', `${program}.js`)
  const { stdout } = await run(process.execPath, [file, scenario])
  return JSON.parse(stdout) as Measured
}

/** Runs one of the loops of `npm run memory`. */
export async function curve(name: string, rounds: number): Promise<Curve> {
  const file = join(packageRoot, 'dist', 'scripts', 'memory', 'loops.js')
  const { stdout } = await run(process.execPath, [file, name, String(rounds), '300'])
  return JSON.parse(stdout)
}

export const MINUTES = 60_000

// What is garbage waits for the collector: a loop takes a small part of what it makes, beside what it holds.
export function describeLoops(where: string, program: string): void {
  describe(`a plain loop in ${where}, without scopes`, () => {
    test(
      'that makes 5,000 tensors of 4 MB takes less than a hundredth of them',
      async () => {
        const { peak, made } = (await measure(program, 'tensors')) as Required<Measured>
        expect(made).toBeGreaterThan(20_000)
        expect(peak).toBeLessThan(made / 100)
      },
      10 * MINUTES,
    )

    test(
      'of 400 forwards that each save 16 MB takes less than 12 of them',
      async () => {
        const { peak, made, held } = (await measure(program, 'forwards')) as Required<Measured>
        expect(made).toBeGreaterThan(6000)
        expect(peak).toBeLessThan(held + (12 * made) / 400)
      },
      10 * MINUTES,
    )

    test(
      'of 200,000 views of a tensor of 64 MB costs no collection of garbage each, and holds the tensor',
      async () => {
        const { collections, peak, held } = (await measure(program, 'views')) as Required<Measured>
        expect(collections).toBeLessThan(200_000 / 100)
        expect(peak).toBeLessThan(3 * held)
      },
      10 * MINUTES,
    )

    test(
      'of 600 forward and backward passes of an LSTM takes less than 12 of them',
      async () => {
        const { peak, made, held } = (await measure(program, 'lstm')) as Required<Measured>
        expect(peak).toBeLessThan(held + (12 * made) / 600)
      },
      10 * MINUTES,
    )

    test(
      'of 20,000 sine iterations does not grow',
      async () => {
        const { growth, loaded } = (await measure(program, 'sine')) as Required<Measured>
        expect(growth).toBeLessThan(loaded / 8)
      },
      10 * MINUTES,
    )

    test(
      'of 20,000 hooks and exceptions in them does not grow',
      async () => {
        const { growth, loaded } = (await measure(program, 'hooks')) as Required<Measured>
        expect(growth).toBeLessThan(loaded / 4)
      },
      10 * MINUTES,
    )
  })
}
