// The GPU's tests that make sense on a CPU, run there so that the tests themselves are tested.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { is_available } from '../../lib/core/cuda_available.js'
import { packageRoot } from '../../lib/core/package_root.js'
import { expectPasses, runFile, suiteFiles } from './run_suite.js'

/** At least so many tests of a file run on a CPU; of the others, none. */
const ON_CPU: Record<string, number> = { 'parity.cuda.js': 1, 'training.cuda.js': 11 }

test('npm run test:cuda runs every file of the suite', () => {
  const sources = readdirSync(join(packageRoot, 'test', 'cuda')).filter((name) => name.endsWith('.cuda.ts'))
  expect(suiteFiles().sort()).toEqual(sources.map((name) => name.replace(/ts$/, 'js')).sort())
})

test.each(suiteFiles())('%s passes on a CPU, without what needs a GPU', (name) => {
  expectPasses(runFile(name, { TSTORCH_TEST_DEVICE: 'cpu' }), ON_CPU[name] ?? 0)
})

test.skipIf(is_available())('without a GPU the suite fails, and says what is missing', () => {
  const { status, stdout } = runFile('memory.cuda.js', { TSTORCH_TEST_DEVICE: undefined })
  expect(status).not.toBe(0)
  expect(stdout).toContain('CUDA was asked for, but')
})
