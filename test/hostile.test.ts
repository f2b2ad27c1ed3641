// What a program may throw, nest, leave out and ask for must not end its process. Each in a process of its own.

import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'

const [node] = process.versions.node.split('.').map(Number) as [number]

/** What a program of hostile.ts printed. */
function run(name: string, flags: string[] = [], ...args: string[]): unknown {
  const program = join(packageRoot, 'dist', 'test', 'hostile.js')
  const output = execFileSync(process.execPath, ['--no-warnings', ...flags, program, name, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(output)
}

describe.each([
  ['the main thread', []],
  ['a worker', ['worker']],
] as [string, string[]][])('in %s', (_, args) => {
  test('whatever is thrown in what native code calls comes out as it is', () => {
    expect(run('changed', [], ...args)).toEqual([])
  })

  test('arrays that hold themselves, or are nested deep, are refused', () => {
    const [cyclic, nested] = run('nested', [], ...args) as Record<string, string | null>[]
    expect(Object.keys(cyclic as object).length).toBeGreaterThan(15)
    for (const [name, error] of Object.entries(cyclic as object)) expect(error, name).toMatch(/^(Type|Range)?Error$/)
    expect(nested).toEqual(cyclic)
    expect(cyclic).toMatchObject({ zeros: 'TypeError', cat: 'TypeError', tensor: 'RangeError', index: 'RangeError' })
  })

  test('a backward within a hook within a backward goes on until JavaScript’s stack ends', () => {
    const [deep, endless] = run('depth', [], ...args) as { deepest: number; error: string | null }[]
    expect(deep).toEqual({ deepest: 80, error: null })
    expect(endless?.error).toBe('RangeError')
    expect(endless?.deepest).toBeGreaterThanOrEqual(80)
  })
})

test('a scope finds a tensor however deep its result holds it', () => {
  expect(run('scope')).toBe(true)
})

test('an array of 2^25 holes is refused before anybody looks at them all', () => {
  expect(run('holes')).toEqual([])
})

const hasLimits = process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0

test.skipIf(!hasLimits)('where memory is short, copies and lists throw', () => {
  const outcomes = run('memory') as Record<string, string | null>
  const { small, print, save, ...others } = outcomes
  for (const [name, error] of Object.entries(others)) expect(error, name).toBe('OutOfMemoryError')
  expect({ small, print }).toEqual({ small: null, print: null })
  expect(save).toMatch(/Error$/)
})

test('lists that V8’s heap has no room for are refused', () => {
  const { fits, ...others } = run('heap', ['--max-old-space-size=200']) as Record<string, string | null>
  expect(fits).toBeNull()
  for (const [name, error] of Object.entries(others)) expect(error, name).toBe('OutOfMemoryError')
})

test('an array over more than 4 GiB is the tensor’s own memory, or refused where Node has none', () => {
  const shared = { error: null, length: 5 * 2 ** 28, last: 7 }
  expect(run('large')).toEqual(node >= 22 ? shared : { error: 'RangeError' })
})

test.skipIf(node < 22).each(['ended', 'terminated'])(
  'memory that a worker moved outlives the worker that has %s',
  (how) => {
    expect(run(`transferred ${how}`)).toEqual({ wrong: 0 })
  },
)
