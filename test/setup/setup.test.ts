import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import { makeSmallLibtorch } from '../../scripts/consumers/small_package.js'
import { findLibtorch, inspect } from '../../scripts/setup/libtorch.js'

const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
const cache = join(folder, 'cache')
const tools = join(folder, 'tools')
afterAll(() => rmSync(folder, { recursive: true }))

interface Ended {
  code: number | string | null | undefined
  output: string
}

/** Runs the command `tstorch`. Neither pip nor a Python's torch is found, and the cache is empty. */
function tstorch(command: string, env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve) => {
    const program = join(packageRoot, 'dist', 'scripts', 'cli.js')
    execFile(
      process.execPath,
      [program, command],
      { env: { PATH: tools, TSTORCH_CACHE: cache, ...env } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : error.code, output: stdout + stderr })
      },
    )
  })
}

beforeAll(() => {
  mkdirSync(tools)
  for (const name of ['cmake', 'c++', 'make', 'which']) {
    symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(tools, name))
  }
})

test('missing tools are named in one line, with what installs them', async () => {
  const { code, output } = await tstorch('setup', { PATH: join(folder, 'nowhere') })
  expect(code).toBe(1)
  expect(output).toMatch(/^tstorch: missing: CMake .*, a C\+\+20 compiler, make or ninja\. Install with: .*\n$/)
})

test('a LIBTORCH that is none says what it lacks', async () => {
  const { code, output } = await tstorch('setup', { LIBTORCH: folder })
  expect(code).toBe(1)
  expect(output).toMatch(/LIBTORCH: .* has no lib\/libtorch_cpu/)
  expect((await tstorch('setup', { TSTORCH_VARIANT: 'tpu' })).output).toMatch(/it can be cpu or cuda/)
  expect((await tstorch('setup', { TSTORCH_VARIANT: 'cuda' })).output).toMatch(
    /for CUDA comes with its NVIDIA libraries from pip, but there is no pip/,
  )
})

test('a folder that only looks like a libtorch is refused', () => {
  const fake = join(folder, 'fake')
  mkdirSync(join(fake, 'lib'), { recursive: true })
  mkdirSync(join(fake, 'include', 'ATen'), { recursive: true })
  writeFileSync(join(fake, 'lib', process.platform === 'darwin' ? 'libtorch_cpu.dylib' : 'libtorch_cpu.so'), '')
  writeFileSync(join(fake, 'include', 'ATen', 'ATen.h'), '')
  expect(inspect(fake, 'test')).toMatch(/does not tell its version/)
})

describe('a libtorch of version', () => {
  const find = (version: string) => {
    vi.stubEnv('LIBTORCH', makeSmallLibtorch(join(folder, `libtorch-${version}`), version))
    vi.stubEnv('TSTORCH_VARIANT', '')
    return findLibtorch()
  }
  afterEach(() => vi.unstubAllEnvs())

  test.each(['2.11.0', '2.12.1', '2.13.0', '2.14.1', '2.15.0'])('%s is used', (version) => {
    expect(find(version)).toMatchObject({ version, variant: 'cpu', origin: 'LIBTORCH' })
  })

  test.each(['1.13.1', '2.1.2', '2.10.0', '2.16.0', '2.115.0', '3.11.0'])('%s is refused', (version) => {
    expect(() => find(version)).toThrow(`LIBTORCH is libtorch ${version} (cpu); needed is 2.11 to 2.15`)
  })
})

describe('a download', () => {
  let server: Server
  let page: (address: string) => string = () => ''
  let wheel = Buffer.alloc(0)
  let index = ''
  const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')
  const tag = {
    'linux-x64': 'manylinux_2_28_x86_64',
    'linux-arm64': 'manylinux_2_28_aarch64',
    'darwin-arm64': 'macosx_11_0_arm64',
  }
  const platform = tag[`${process.platform}-${process.arch}` as keyof typeof tag]
  const local = process.platform === 'darwin' ? '' : '%2Bcpu'
  const link = (digest: string) =>
    `<a href="/files/torch-2.13.0${local}-cp311-cp311-${platform}.whl#sha256=${digest}">torch</a>`

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url?.endsWith('.whl')) response.end(wheel)
      else response.end(page(''))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/whl`
  })
  afterAll(() => server.close())

  /** After a failure there must be nothing that a later run could take for a libtorch. */
  const expectEmptyCache = () => expect(readdirSync(cache)).toEqual([])

  test('that is damaged is refused, and nothing of it stays', async () => {
    wheel = Buffer.from('half a wheel')
    page = () => link('0'.repeat(64))
    const { code, output } = await tstorch('setup', { TSTORCH_WHEEL_INDEX: index })
    expect(output).toMatch(/the download is damaged: its SHA-256 is/)
    expect(code).toBe(1)
    expectEmptyCache()
  })

  test('that is whole, but no libtorch, is refused, and nothing of it stays', async () => {
    const content = join(folder, 'content')
    mkdirSync(join(content, 'torch', 'lib'), { recursive: true })
    for (const part of ['lib', 'include', 'share']) {
      mkdirSync(join(content, 'torch', part), { recursive: true })
      writeFileSync(join(content, 'torch', part, 'file'), 'x')
    }
    execFileSync('cmake', ['-E', 'tar', 'cf', join(folder, 'fake.zip'), '--format=zip', 'torch'], { cwd: content })
    wheel = readFileSync(join(folder, 'fake.zip'))
    page = () => link(sha256(wheel))
    const { code, output } = await tstorch('setup', { TSTORCH_WHEEL_INDEX: index })
    expect(output).toMatch(/the wheel is not a libtorch: .* has no lib\/libtorch_cpu/)
    expect(code).toBe(1)
    expectEmptyCache()
  })

  test('of a version that is not listed, or from nowhere, says what to do', async () => {
    page = () => '<html></html>'
    expect((await tstorch('setup', { TSTORCH_WHEEL_INDEX: index })).output).toMatch(/lists no wheel .* set LIBTORCH/)
    const nowhere = await tstorch('setup', { TSTORCH_WHEEL_INDEX: 'http://127.0.0.1:9/whl' })
    expect(nowhere.output).toMatch(/could not be downloaded.*Check the network.*set LIBTORCH/s)
    expectEmptyCache()
  })
})

describe('without a built addon', () => {
  const env = { TSTORCH_ADDON: join(folder, 'nothing.node') }

  test('importing throws an error that lists the remedies', () => {
    const script = `import(${JSON.stringify(join(packageRoot, 'dist', 'lib', 'index.js'))}).catch((error) => console.log(error.message))`
    const message = execFileSync(process.execPath, ['-e', script], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
    })
    expect(message).toMatch(/not built: there is no .*nothing\.node/)
    for (const remedy of ['npx tstorch setup', 'npm run build', 'npx tstorch doctor', 'LIBTORCH'])
      expect(message).toContain(remedy)
  })

  test('the doctor says so, and that something is wrong', async () => {
    const { code, output } = await tstorch('doctor', env)
    expect(code).toBe(1)
    expect(output).toMatch(/^WRONG addon +not built/m)
    expect(output).toMatch(/^WRONG libtorch +not found; npx tstorch setup gets it/m)
    for (const name of ['Node.js', 'C++ compiler', 'CMake', 'cache', 'memory']) expect(output).toContain(name)
  })
})

test('an addon that does not load says why', () => {
  const file = join(folder, 'broken.node')
  writeFileSync(file, 'no library')
  const script = `import(${JSON.stringify(join(packageRoot, 'dist', 'lib', 'index.js'))}).catch((error) => console.log(error.message))`
  const env = { ...process.env, TSTORCH_ADDON: file }
  expect(execFileSync(process.execPath, ['-e', script], { env, encoding: 'utf8' })).toMatch(/does not load: .+/)
})
