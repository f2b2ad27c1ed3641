// A few hostile calls of every public operator, in a process of its own. `npm run fuzz` makes many.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'

test('public operators survive whatever they are given', { timeout: 600_000 }, () => {
  const worker = join(packageRoot, 'dist', 'scripts', 'fuzz', 'worker.js')
  // torch.from_file makes files of whatever name it is given.
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-fuzz-'))
  const run = spawnSync(process.execPath, ['--no-warnings', worker, '11', '8', '0', '100000'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  rmSync(folder, { recursive: true, force: true })
  const last = run.stdout.trim().split('\n').at(-1)
  expect([run.status, run.signal], `${last}\n${run.stderr.slice(-500)}`).toEqual([0, null])
  expect(run.stdout.split('{"started"').length).toBeGreaterThan(1500)
})
