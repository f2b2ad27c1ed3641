// What a set-up builds, when it builds again, and how it ends.

import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { isHeld, locked } from '../../scripts/setup/lock.js'
import { ended, leftIn, otherUser, READY, Sandbox, someoneIsStopped, VERSION } from './sandbox.js'

const sandbox = new Sandbox()
const { server } = sandbox
beforeAll(() => server.start())
afterEach(() => server.reset())
afterAll(() => sandbox.remove())

const addonOf = (folder: string) => join(folder, 'build', 'Release', 'tstorch.node')
const libtorchIn = (cache: string) => join(cache, `libtorch-${VERSION}-cpu`)
const NOTHING = expect.stringMatching(/^tstorch: ready: nothing has changed, libtorch 2\.13\.0\n$/)

/** A package that is set up, and its cache. */
async function ready(project?: string): Promise<{ folder: string; env: { TSTORCH_CACHE: string } }> {
  const folder = sandbox.package(project)
  const env = { TSTORCH_CACHE: sandbox.fresh('cache') }
  expect(await sandbox.tstorch(folder, 'setup', env)).toEqual(READY)
  return { folder, env }
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 60_000) throw new Error('it did not happen')
    await sleep(10)
  }
}

/** One that has ended and was not waited for is a zombie. */
const isRunning = (pid: number): boolean => !['', 'Z'].includes(stateOf(pid))

function stateOf(pid: number): string {
  return spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
}

describe('a second set-up', () => {
  test('does nothing where nothing has changed', async () => {
    const { folder, env } = await ready()
    const before = statSync(addonOf(folder)).mtimeMs
    // No tools are looked for either.
    const again = await sandbox.tstorch(folder, 'setup', { ...env, PATH: sandbox.fresh() })
    expect(again).toMatchObject({ code: 0, output: NOTHING })
    expect(statSync(addonOf(folder)).mtimeMs).toBe(before)
    expect(server.requests).toHaveLength(1)
    // Nor is a copy built again.
    const copy = join(sandbox.package(), 'build')
    cpSync(join(folder, 'build'), copy, { recursive: true })
    expect(await sandbox.tstorch(join(copy, '..'), 'setup', env)).toMatchObject({ output: NOTHING })
  })

  test('builds again where a source, a flag, libtorch or the addon has changed', async () => {
    const { folder, env } = await ready()
    const again = () => sandbox.tstorch(folder, 'setup', env)
    for (const name of ['addon.cc', 'torch.h', 'recurrent/kernels/kernels.cc']) {
      appendFileSync(join(folder, 'native', name), '\n')
      expect(await again(), name).toEqual(READY)
      expect(await again(), name).toMatchObject({ output: NOTHING })
    }
    expect(await sandbox.tstorch(folder, 'setup', { ...env, CXXFLAGS: '-g' })).toEqual(READY)
    expect(await sandbox.tstorch(folder, 'setup', { ...env, LIBTORCH: sandbox.libtorch })).toEqual(READY)
    rmSync(addonOf(folder))
    expect(await again()).toEqual(READY)
  })

  test('of an addon that is cut off builds it again; the doctor and the loader say so', async () => {
    const { folder, env } = await ready()
    truncateSync(addonOf(folder), 5000)
    const { code, output } = await sandbox.tstorch(folder, 'doctor', env)
    expect(output).toMatch(
      /^WRONG addon +The addon does not load: .*tstorch\.node is cut off: it has 5000 bytes of at/m,
    )
    expect(code).toBe(1)
    expect(sandbox.load(folder, env)).toMatch(/^The addon does not load: .* is cut off/)
    expect(await sandbox.tstorch(folder, 'setup', env)).toEqual(READY)
    expect(sandbox.load(folder, env)).toBe(`${VERSION} ${libtorchIn(env.TSTORCH_CACHE)}`)
  })

  test('of an addon that is whole and does not load builds it from the ground up', async () => {
    const { folder, env } = await ready()
    writeFileSync(join(folder, 'build', 'Release', 'libtorch.txt'), '/nowhere\n9.9.9\ncpu\n')
    expect(sandbox.load(folder, env)).toMatch(/libtorch 9\.9\.9 for cpu was not found/)
    expect(await sandbox.tstorch(folder, 'setup', env)).toEqual(READY)
  })

  test.each(['libtorch_cpu.so', 'libc10.so'])('gets libtorch again where its %s is cut off', async (name) => {
    const { folder, env } = await ready()
    truncateSync(join(libtorchIn(env.TSTORCH_CACHE), 'lib', name), 3000)
    expect((await sandbox.tstorch(folder, 'doctor', env)).output).toMatch(/^WRONG libtorch .* is cut off/m)
    expect(sandbox.load(folder, env)).toMatch(/is cut off: it has 3000 bytes/)
    expect(await sandbox.tstorch(folder, 'setup', env)).toEqual(READY)
    expect(server.requests).toHaveLength(2)
    expect(sandbox.load(folder, env)).toBe(`${VERSION} ${libtorchIn(env.TSTORCH_CACHE)}`)
  })
})

test('two set-ups at once download once, build once, and both are well', async () => {
  const folder = sandbox.package()
  const env = { TSTORCH_CACHE: sandbox.fresh('cache') }
  const both = await Promise.all([1, 2, 3].map(() => sandbox.tstorch(folder, 'setup', env)))
  for (const one of both) expect(one).toEqual(READY)
  expect(server.requests).toHaveLength(1)
  expect(both.filter(({ output }) => output.includes('building the addon with'))).toHaveLength(1)
  expect(leftIn(env.TSTORCH_CACHE)).toEqual([])
  expect(readdirSync(join(folder, 'build'))).not.toContain('build.lock')
})

test('a lock of another machine holds as long as it is touched; one of a process that has ended does not', async () => {
  const file = sandbox.fresh('lock')
  mkdirSync(join(file, '..'))
  expect(isHeld(file)).toBe(false)
  writeFileSync(file, '1 elsewhere')
  expect(isHeld(file)).toBe(true)
  const before = new Date(Date.now() - 60_000)
  utimesSync(file, before, before)
  expect(isHeld(file)).toBe(false)
  // It is taken from there, held by this process, and given back.
  await locked(file, 'testing', async () => {
    expect(isHeld(file)).toBe(true)
    const [, ...place] = readFileSync(file, 'utf8').split(' ')
    const { pid } = spawnSync('true')
    const other = `${file}-of-the-dead`
    writeFileSync(other, [pid, ...place].join(' '))
    expect(isHeld(other)).toBe(false)
  })
  expect(existsSync(file)).toBe(false)
})

describe('a set-up that is ended by', () => {
  /** A set-up whose download has begun, and does not end. */
  const downloading = async () => {
    const folder = sandbox.package()
    const env = { TSTORCH_CACHE: sandbox.fresh('cache') }
    server.stallAfter = 1000
    const child = sandbox.start(folder, ['setup'], env)
    const end = ended(child)
    await until(() => server.requests.length > 0)
    return { folder, env, child, end }
  }

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s while it downloads leaves nothing', async (signal) => {
    const { env, child, end } = await downloading()
    await sleep(100)
    child.kill(signal)
    expect(await end).toMatchObject({ code: null, signal })
    expect(readdirSync(env.TSTORCH_CACHE)).toEqual([])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s while it builds ends the compiler too, and goes on later',
    async (signal) => {
      const folder = sandbox.package()
      const tools = sandbox.fresh('tools')
      cpSync(sandbox.tools, tools, { recursive: true, verbatimSymlinks: true })
      const mark = join(tools, 'started')
      rmSync(join(tools, 'c++'))
      // The first file of the package takes long to compile.
      const slow = `#!/bin/sh\n[ -e '${mark}' ] || case "$*" in *addon.cc*) echo $$ > '${mark}.part'; /bin/mv '${mark}.part' '${mark}'; exec /bin/sleep 600;; esac\n`
      writeFileSync(join(tools, 'c++'), `${slow}exec '${join(sandbox.tools, 'c++')}' "$@"\n`, { mode: 0o755 })
      const env = { TSTORCH_CACHE: sandbox.fresh('cache') }
      const child = sandbox.start(folder, ['setup'], { ...env, PATH: tools })
      const end = ended(child)
      await until(() => existsSync(mark))
      child.kill(signal)
      expect(await end).toMatchObject({ code: null, signal })
      const compiler = Number(readFileSync(mark, 'utf8'))
      await until(() => !isRunning(compiler))
      expect(readdirSync(join(folder, 'build'))).not.toContain('build.lock')
      expect(await sandbox.tstorch(folder, 'setup', env)).toEqual(READY)
    },
  )

  test('SIGKILL leaves a cut-off download, which harms nobody and which the next one removes', async () => {
    const { folder, env, child, end } = await downloading()
    child.kill('SIGKILL')
    await end
    expect(leftIn(env.TSTORCH_CACHE)).toContainEqual(expect.stringMatching(/^\.incomplete-/))
    const { output } = await sandbox.tstorch(folder, 'doctor', env)
    expect(output).toMatch(/^ok +cache .*npx tstorch setup removes 1 cut-off download/m)
    server.reset()
    expect(await sandbox.tstorch(folder, 'setup', env)).toEqual(READY)
    expect(leftIn(env.TSTORCH_CACHE)).toEqual([])
  })
})

describe('a server that', () => {
  const setUp = async (more: Record<string, string> = {}) => {
    const env = { TSTORCH_CACHE: sandbox.fresh('cache'), TSTORCH_TIMEOUT: '1', ...more }
    const result = await sandbox.tstorch(sandbox.package(), 'setup', env)
    return { ...result, cache: env.TSTORCH_CACHE }
  }

  test.each([true, false])('ends in the middle is asked for the rest (it knows ranges: %s)', async (ranges) => {
    Object.assign(server, { cutAfter: 2000, cuts: 2, ranges })
    expect(await setUp()).toMatchObject(READY)
    expect(server.requests).toEqual(ranges ? ['', 'bytes=2000-', 'bytes=4000-'] : ['', 'bytes=2000-', 'bytes=2000-'])
  })

  test('ends again and again, or stalls, is given up with one line that says what to do', async () => {
    const line =
      /tstorch: libtorch could not be downloaded: there is no pip \(python3 -m pip\), and http.* failed \((.*)\)\. Check the network.*set LIBTORCH to its folder\n$/
    server.cutAfter = 0
    const cut = await setUp()
    expect(cut).toMatchObject({ code: 1, output: expect.stringMatching(line) })
    expect(cut.output).not.toMatch(/\n {4}at /)
    expect(readdirSync(cut.cache)).toEqual([])
    server.reset()
    server.stallAfter = 0
    const stalled = await setUp()
    expect(line.exec(stalled.output)?.[1]).toBe('no data for 1 seconds')
    expect(stalled.code).toBe(1)
    expect(readdirSync(stalled.cache)).toEqual([])
  })
})

describe('a folder', () => {
  test.each(["it's", 'semi;colon', 'a space', 'dol$lar #1', 'quote"d', '(a) [b] {c}', 'größe 長さ'])(
    "named %s holds a project, libtorch's cache and the doctor's findings",
    async (name) => {
      const folder = sandbox.package(sandbox.fresh(name))
      const env = { TSTORCH_CACHE: sandbox.fresh(name) }
      expect(await sandbox.tstorch(folder, 'setup', env)).toEqual(READY)
      expect(await sandbox.tstorch(folder, 'setup', env)).toMatchObject({ output: NOTHING })
      expect(sandbox.load(folder, env)).toBe(`${VERSION} ${libtorchIn(env.TSTORCH_CACHE)}`)
      expect((await sandbox.tstorch(folder, 'doctor', env)).code).toBe(0)
    },
  )

  test.skipIf(!someoneIsStopped)('that cannot be written is named, with what to do', async () => {
    const folder = sandbox.package()
    chmodSync(folder, 0o555)
    const env = { LIBTORCH: sandbox.libtorch }
    const { code, output } = await sandbox.tstorch(folder, 'setup', env, otherUser)
    expect(code).toBe(1)
    expect(output).toMatch(/^tstorch: the addon is built inside the package, but .* cannot be written\. Run this as/m)
    const cache = sandbox.fresh('cache')
    mkdirSync(cache, { recursive: true })
    chmodSync(folder, 0o777)
    chmodSync(cache, 0o555)
    const refused = await sandbox.tstorch(folder, 'setup', { TSTORCH_CACHE: cache }, otherUser)
    expect(refused.code).toBe(1)
    expect(refused.output).toMatch(/the cache .* cannot be used \(EACCES.*\)\. Set TSTORCH_CACHE .* setup --here\n$/)
  })
})
