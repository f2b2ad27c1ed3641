// Where the loader finds libtorch: not only where it lay when the addon was built.

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cacheFolder, ownCache, packageRoot } from '../../lib/core/package_root.js'
import { damageOf } from '../../lib/core/shared_library.js'
import { makeSmallLibtorch } from '../../scripts/consumers/small_package.js'
import { otherUser, READY, Sandbox, someoneIsStopped, VERSION } from './sandbox.js'

const sandbox = new Sandbox()
beforeAll(() => sandbox.server.start())
afterAll(() => sandbox.remove())

const copied = (from: string): string => {
  const to = sandbox.fresh('copy')
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  return to
}

async function ready(env: Record<string, string>, command = 'setup'): Promise<string> {
  const folder = sandbox.package()
  expect(await sandbox.tstorch(folder, command, env)).toEqual(READY)
  return folder
}

describe('libtorch', () => {
  test('is found where the set-up found it, in LIBTORCH and in the cache of the one who runs', async () => {
    const cache = sandbox.fresh('cache')
    const folder = await ready({ TSTORCH_CACHE: cache })
    const name = `libtorch-${VERSION}-cpu`
    expect(sandbox.load(folder)).toBe(`${VERSION} ${join(cache, name)}`)
    expect(sandbox.load(folder, { LIBTORCH: sandbox.libtorch })).toBe(`${VERSION} ${sandbox.libtorch}`)
    const moved = sandbox.fresh('moved')
    mkdirSync(join(moved, '..'), { recursive: true })
    renameSync(cache, moved)
    expect(sandbox.load(folder, { TSTORCH_CACHE: moved })).toBe(`${VERSION} ${join(moved, name)}`)
    const lost = sandbox.load(folder, { TSTORCH_CACHE: cache })
    expect(lost).toMatch(/libtorch 2\.13\.0 for cpu was not found: there is no .*libtorch_cpu\.so/)
    for (const remedy of ['setup --here', 'TSTORCH_CACHE', 'npx tstorch setup', 'npx tstorch doctor', 'LIBTORCH'])
      expect(lost).toContain(remedy)
    // A newer patch does as well; another minor version does not.
    renameSync(join(moved, name), join(moved, 'libtorch-2.13.1-cpu'))
    expect(sandbox.load(folder, { TSTORCH_CACHE: moved })).toBe(`${VERSION} ${join(moved, 'libtorch-2.13.1-cpu')}`)
    renameSync(join(moved, 'libtorch-2.13.1-cpu'), join(moved, 'libtorch-2.14.0-cpu'))
    expect(sandbox.load(folder, { TSTORCH_CACHE: moved })).toMatch(/was not found/)
  })

  test('of another minor version is refused before it can do harm', async () => {
    const folder = await ready({ LIBTORCH: sandbox.libtorch })
    const other = makeSmallLibtorch(sandbox.fresh('other'), '2.14.0')
    expect(sandbox.load(folder, { LIBTORCH: other })).toMatch(
      /LIBTORCH: .* is libtorch 2\.14\.0, and the addon was built for 2\.13\.0/,
    )
    // Nor is one taken that stands before it by name.
    expect(sandbox.load(folder, { LD_LIBRARY_PATH: join(other, 'lib') })).toBe(`${VERSION} ${sandbox.libtorch}`)
  })

  test('is one for all copies of the package in a process', async () => {
    const other = makeSmallLibtorch(sandbox.fresh('other'), '2.14.0')
    const same = makeSmallLibtorch(sandbox.fresh('same'), VERSION)
    const folders = [
      await ready({ LIBTORCH: sandbox.libtorch }),
      await ready({ LIBTORCH: same }),
      await ready({ LIBTORCH: other }),
    ]
    const program = `for (const folder of process.argv.slice(1))
      await import(folder + '/dist/lib/core/native.js').then(
        ({ native }) => console.log(native.libtorch_version), (error) => console.log(error.message))`
    const args = ['--input-type=module', '-e', program, ...folders.map((folder) => pathToFileURL(folder).href)]
    const printed = execFileSync(process.execPath, args, { encoding: 'utf8' }).split('\n')
    expect(printed.slice(0, 2)).toEqual([VERSION, VERSION])
    expect(printed[2]).toMatch(
      /another copy of tstorch in this process has opened .* and the addon was built for 2\.14\.0/,
    )
  })

  test.skipIf(!someoneIsStopped)('that another user cannot read: the error says so, and what holds', async () => {
    const home = sandbox.fresh('home')
    const folder = await ready({ HOME: home })
    expect(sandbox.load(folder, { HOME: home }, otherUser)).toMatch(/^2\.13\.0 .*\.cache\/tstorch/)
    chmodSync(home, 0o700)
    if (otherUser.uid === undefined) chmodSync(home, 0)
    const message = sandbox.load(folder, { HOME: sandbox.fresh('other') }, otherUser)
    expect(message).toMatch(/was not found: EACCES.*\n.*one user sets it up and another runs it.*setup --here/)
    chmodSync(home, 0o755)
  })

  test('inside the package goes where the package goes, read-only, as another user without a home', async () => {
    const folder = await ready({ HOME: sandbox.fresh('home') }, 'setup --here')
    // It stays there for later set-ups.
    const again = await sandbox.tstorch(folder, 'setup', { HOME: sandbox.fresh('other') })
    expect(again.output).toMatch(/^tstorch: ready: nothing has changed/)
    const there = copied(folder)
    rmSync(folder, { recursive: true })
    execFileSync('chmod', ['-R', 'a-w', there])
    try {
      const own = join(there, 'build', `libtorch-${VERSION}-cpu`)
      expect(sandbox.load(there, {}, otherUser)).toBe(`${VERSION} ${own}`)
    } finally {
      execFileSync('chmod', ['-R', 'u+w', there])
    }
  })

  test('--here and LIBTORCH exclude each other', async () => {
    const { code, output } = await sandbox.tstorch(sandbox.package(), 'setup --here', { LIBTORCH: sandbox.libtorch })
    expect(code).toBe(1)
    expect(output).toMatch(/^tstorch: --here gets a libtorch of the package/)
  })
})

describe('the cache', () => {
  const saved = { ...process.env }
  const folderWith = (env: Record<string, string>): string => {
    for (const name of ['TSTORCH_CACHE', 'XDG_CACHE_HOME', 'HOME']) delete process.env[name]
    Object.assign(process.env, env)
    try {
      return cacheFolder()
    } finally {
      Object.assign(process.env, saved)
    }
  }

  test('is never under the working folder because a variable is empty', () => {
    expect(folderWith({ TSTORCH_CACHE: '', XDG_CACHE_HOME: '', HOME: '/h' })).toBe('/h/.cache/tstorch')
    expect(folderWith({ XDG_CACHE_HOME: '/x' })).toBe('/x/tstorch')
    expect(folderWith({ XDG_CACHE_HOME: 'x', HOME: '/h' })).toBe('/h/.cache/tstorch')
    expect(folderWith({ TSTORCH_CACHE: 'mine' })).toBe(join(process.cwd(), 'mine'))
    const homeless = folderWith({ TSTORCH_CACHE: '', XDG_CACHE_HOME: '', HOME: '' })
    expect(homeless.startsWith(process.cwd()) && homeless !== ownCache).toBe(false)
    expect(homeless).toMatch(/^\//)
  })

  test.skipIf(otherUser.uid === undefined)('of a user that has no home and no name is the package', () => {
    const program = `import(${JSON.stringify(pathToFileURL(join(packageRoot, 'dist/lib/core/package_root.js')).href)})
      .then(({ cacheFolder, ownCache }) => console.log(cacheFolder() === ownCache))`
    const copy = sandbox.package()
    const script = program.replace(pathToFileURL(packageRoot).href, pathToFileURL(copy).href)
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { env: {}, uid: 54321, encoding: 'utf8' })
    expect(stdout + stderr).toBe('true\n')
  })
})

test('a shared library is whole, cut off, or none', () => {
  const file = join(sandbox.libtorch, 'lib', 'libc10.so')
  const part = sandbox.fresh('part.so')
  mkdirSync(join(part, '..'))
  const data = readFileSync(file)
  expect(damageOf(file)).toBeNull()
  for (const size of [64, 1000, data.length - 1]) {
    writeFileSync(part, data.subarray(0, size))
    expect(damageOf(part), `${size}`).toBe(`${part} is cut off: it has ${size} bytes of at least ${data.length}`)
  }
  for (const other of ['', 'text', '#!/bin/sh\n'.repeat(100)]) {
    writeFileSync(part, other)
    expect(damageOf(part)).toBe(`${part} is no shared library`)
  }
  expect(damageOf(join(part, 'none'))).toMatch(/^ENOTDIR/)
  expect(damageOf(`${part}x`)).toBe(`there is no ${part}x`)
})

test('bundled into a program, it says what keeps it out of the bundle', () => {
  const bundle = sandbox.fresh('bundle.mjs')
  mkdirSync(join(bundle, '..'))
  writeFileSync(join(bundle, '..', 'package.json'), '{ "name": "program" }')
  const source = readFileSync(join(packageRoot, 'dist/lib/core/package_root.js'), 'utf8')
  const common = source.replaceAll('import.meta.url', '({}).url')
  for (const [text, where] of [
    [source, ` into ${bundle}`],
    [common, ''],
  ] as const) {
    writeFileSync(bundle, text)
    const { stderr } = spawnSync(process.execPath, [bundle], { encoding: 'utf8' })
    expect(stderr).toContain(`Error: tstorch was bundled${where}, where its addon and libtorch are not found`)
    for (const remedy of ['--external:tstorch', 'webpack', 'Vite', 'serverExternalPackages'])
      expect(stderr).toContain(remedy)
  }
})
