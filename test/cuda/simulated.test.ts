// The GPU's tests of memory and threads with a GPU that has no kernels: where libtorch has CUDA, and the stand-in was
// built (cmake --build build --target simulated_gpu).

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import { addonFile, packageRoot } from '../../lib/core/package_root.js'

const library = join(dirname(dirname(addonFile())), 'simulated_gpu', 'libcuda.so.1')
const folder = join(packageRoot, 'dist/test/cuda')
const files = readdirSync(folder).filter((name) => name.endsWith('.cuda.js'))

describe.skipIf(!native.cuda_built() || !existsSync(library))('with a simulated GPU', () => {
  test.each(files)('%s passes, without what needs kernels', { timeout: 300_000 }, (name) => {
    const result = spawnSync(process.execPath, ['--expose-gc', '--test', join(folder, name)], {
      encoding: 'utf8',
      env: {
        ...process.env,
        NODE_TEST_CONTEXT: undefined,
        TSTORCH_TEST_DEVICE: 'simulated',
        LD_LIBRARY_PATH: dirname(library),
        LD_PRELOAD: library,
      },
    })
    expect(result.stdout).toMatch(/^# fail 0$/m)
    expect(result.stderr).not.toContain('simulated GPU:')
    expect(result.status).toBe(0)
  })
})
