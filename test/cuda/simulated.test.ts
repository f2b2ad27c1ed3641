// The GPU's tests of memory and threads with a GPU that has no kernels: where libtorch has CUDA, and the stand-in was
// built (cmake --build build --target simulated_gpu).

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import { addonFile } from '../../lib/core/package_root.js'
import { expectPasses, runFile, suiteFiles } from './run_suite.js'

const library = join(dirname(dirname(addonFile())), 'simulated_gpu', 'libcuda.so.1')
/** At least so many tests of a file need no kernels; of the others, none. */
const WITHOUT_KERNELS: Record<string, number> = { 'memory.cuda.js': 7, 'graphs.cuda.js': 3, 'threads.cuda.js': 3 }

describe.skipIf(!native.cuda_built() || !existsSync(library))('with a simulated GPU', () => {
  test.each(suiteFiles())('%s passes, without what needs kernels', { timeout: 300_000 }, (name) => {
    const env = { TSTORCH_TEST_DEVICE: 'simulated', LD_LIBRARY_PATH: dirname(library), LD_PRELOAD: library }
    const ran = runFile(name, env, ['--expose-gc'])
    expectPasses(ran, WITHOUT_KERNELS[name] ?? 0)
    expect(ran.stderr).not.toContain('simulated GPU:')
  })
})
