// The GPU's tests that make sense on a CPU, run there so that the tests themselves are tested.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { is_available } from '../../lib/core/cuda_available.js'
import { packageRoot } from '../../lib/core/package_root.js'

const folder = join(packageRoot, 'dist/test/cuda')
const files = readdirSync(folder).filter((name) => name.endsWith('.cuda.js'))

test.each(files)('%s passes on a CPU, without what needs a GPU', (name) => {
  const result = spawnSync(process.execPath, ['--test', join(folder, name)], {
    encoding: 'utf8',
    env: { ...process.env, TSTORCH_TEST_DEVICE: 'cpu', NODE_TEST_CONTEXT: undefined },
  })
  expect(result.stdout).toMatch(/^# fail 0$/m)
  expect(result.status).toBe(0)
})

test.skipIf(is_available())('without a GPU the suite fails, and says what is missing', () => {
  const result = spawnSync(process.execPath, [join(folder, files[0] as string)], { encoding: 'utf8' })
  expect(result.status).not.toBe(0)
  expect(result.stderr).toContain('CUDA was asked for, but')
})
