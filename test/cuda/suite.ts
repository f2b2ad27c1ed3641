// What the tests of a GPU share. They run without vitest: a machine with a GPU may have nothing but Node.js.
//   npm run test:cuda
// TSTORCH_TEST_DEVICE=cpu runs those that make sense there, which tests the tests; TSTORCH_TEST_DEVICE=simulated those
// that need no kernels, with a GPU that has none (simulated/cudart.cc).

import { join } from 'node:path'
import { test as nodeTest } from 'node:test'
import { cuda } from '../../lib/core/cuda_available.js'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { type Tensor } from '../../lib/index.js'

const where = process.env.TSTORCH_TEST_DEVICE ?? 'cuda'
export const simulated = where === 'simulated'
export const device = simulated ? 'cuda' : where
export const onGpu = device !== 'cpu'

// Without a GPU the whole suite fails, and says what is missing.
if (onGpu) cuda()
if (simulated) torch.backends.cudnn.enabled = false

export const fixtureFile = (name: string): string => join(packageRoot, 'test', 'fixtures', name)

type Body = () => void | Promise<void>

/** A test that runs everywhere. */
export const test = (name: string, body: Body): void => {
  nodeTest(name, { skip: simulated ? 'needs kernels' : false }, body)
}

/** A test that needs a GPU. */
export const gpuTest = (name: string, body: Body): void => {
  nodeTest(name, { skip: !onGpu ? 'needs a GPU' : simulated ? 'needs kernels' : false }, body)
}

/** A test of memory, threads and lifetimes around the GPU: a simulated one is enough. */
export const hostTest = (name: string, body: Body): void => {
  nodeTest(name, { skip: onGpu ? false : 'needs a GPU' }, body)
}

/** Throws where numbers differ by more than `tolerance`, relative to 1 + their size. */
export function expectClose(actual: Tensor, expected: Tensor, tolerance: number, what = ''): void {
  const [a, e] = [actual, expected].map((tensor) => tensor.detach().cpu().double()) as [Tensor, Tensor]
  if (!a.shape.equals(e.shape)) throw new Error(`${what}: shape ${a.shape}, expected ${e.shape}`)
  const error = a.sub(e).abs().div(e.abs().add(1)).max().item()
  if (!(error <= tolerance)) throw new Error(`${what}: off by ${error}, allowed is ${tolerance}`)
}

/** libtorch's warnings while `body` runs. */
export async function warningsOf(body: () => void | Promise<void>): Promise<string[]> {
  const warnings: string[] = []
  const note = (warning: Error) => warnings.push(warning.message)
  process.on('warning', note)
  await body()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', note)
  return warnings
}

export const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length

export { torch }
