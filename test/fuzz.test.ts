import { execFileSync, spawnSync } from 'node:child_process'
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

test('random programs of the public API leave their process alive', { timeout: 600_000 }, () => {
  const [first, last] = [0, 300]
  const child = join(packageRoot, 'dist', 'scripts', 'fuzz', 'programs', 'child.js')
  const run = spawnSync(process.execPath, ['--no-warnings', child, '7', String(first), String(last)], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  // `npm run fuzz -- --programs 1 --seed 7 --first PLACE` shrinks the one that it died of.
  const places = run.stdout.trim().split('\n')
  expect([run.status, run.signal], `${places.at(-1)}\n${run.stderr.slice(-2000)}`).toEqual([0, null])
  expect(places.length).toBe(last - first)
})

const fuzzer = (...args: string[]) =>
  spawnSync(process.execPath, ['--no-warnings', join(packageRoot, 'dist', 'scripts', 'fuzz', 'run.js'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })

test('files with changes at random places are loaded or refused', { timeout: 600_000 }, () => {
  const run = fuzzer('files', '--count', '2000', '--seed', '7')
  expect([run.status, run.stdout], run.stderr.slice(-2000)).toEqual([0, expect.stringContaining('0 faults')])
  // Both ends were there, of each kind.
  const counts = [...run.stdout.matchAll(/: ([\d,]+) of ([\d,]+) were/g)].map((match) =>
    match.slice(1).map((text) => Number(text.replace(',', ''))),
  )
  expect(counts.length).toBeGreaterThan(1)
  for (const [loaded = 0, all = 0] of counts) {
    expect(loaded).toBeGreaterThan(10)
    expect(all - loaded).toBeGreaterThan(100)
  }
})

test('files are whole where saving is killed, or where there is no room', { timeout: 600_000 }, () => {
  const run = fuzzer('kills', '--count', '4', '--seed', '7')
  expect([run.status, run.stdout], run.stderr.slice(-2000)).toEqual([0, expect.not.stringContaining('FAULT')])
  expect(run.stdout.match(/the file was whole each time/g)).toHaveLength(2)
  for (const code of ['EFBIG', 'EACCES', 'EPIPE']) expect(run.stdout.split(`: ${code}:`)).toHaveLength(3)
})
