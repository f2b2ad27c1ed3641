import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'

test.each([1, 2, 3])(
  'the addon survives 30,000 calls with whatever (seed %i)',
  (seed) => {
    const program = join(packageRoot, 'dist', 'test', 'fuzz.js')
    const counts = JSON.parse(
      execFileSync(process.execPath, [program, String(seed), '30000'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    expect(counts.returned + counts.threw).toBe(30_000)
    // Both kinds of calls were there.
    expect(counts.returned).toBeGreaterThan(1000)
    expect(counts.threw).toBeGreaterThan(10_000)
  },
  600_000,
)
