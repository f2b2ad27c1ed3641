// Runs files of the GPU's tests by `node --test`, and counts.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'

const folder = join(packageRoot, 'dist', 'test', 'cuda')

/** The files that `npm run test:cuda` runs. */
export const suiteFiles = (): string[] => {
  const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  return [...(scripts['test:cuda'] as string).matchAll(/dist\/test\/cuda\/(\S+)/g)].map(([, name]) => name as string)
}

interface Ran {
  status: number | null
  stdout: string
  stderr: string
  /** How many tests passed, failed, were skipped ... */
  counts: Record<'tests' | 'pass' | 'fail' | 'cancelled' | 'skipped' | 'todo', number>
}

export function runFile(name: string, env: Record<string, string | undefined>, flags: string[] = []): Ran {
  const args = [...flags, '--test', '--test-reporter=tap', join(folder, name)]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
  })
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1])
  const counts = {
    ...{ tests: count('tests'), pass: count('pass'), fail: count('fail') },
    ...{ cancelled: count('cancelled'), skipped: count('skipped'), todo: count('todo') },
  }
  return { status, stdout, stderr, counts }
}

/** Nothing failed, what did not run was skipped, and at least so many tests ran: none at all where it is 0. */
export function expectPasses({ status, counts, stdout, stderr }: Ran, atLeast: number): void {
  const { tests, pass, skipped, ...others } = counts
  expect(others, `${stdout.slice(-2000)}\n${stderr.slice(-500)}`).toEqual({ fail: 0, cancelled: 0, todo: 0 })
  expect(pass + skipped).toBe(tests)
  expect(tests).toBeGreaterThan(0)
  if (atLeast === 0) expect(pass).toBe(0)
  else expect(pass).toBeGreaterThanOrEqual(atLeast)
  expect(status).toBe(0)
}
