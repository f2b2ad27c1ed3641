import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'

const run = promisify(execFile)

const MINUTES = 60_000

test.each([7, 13, 31])(
  'nothing is freed too early, with a collection of garbage at every %ith allocation',
  async (interval) => {
    const file = join(packageRoot, 'dist', 'test', 'memory', 'collected.js')
    const { stdout } = await run(process.execPath, [`--gc-interval=${interval}`, file, '800'])
    expect(stdout.trim()).toBe('done')
  },
  10 * MINUTES,
)
