// Files are there whole or not at all, whatever else happens: full disks, several writers, a killed process.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AtomicFile, writeFileAtomic } from '../lib/core/atomic_file.js'
import { packageRoot } from '../lib/core/package_root.js'
import torch from '../lib/index.js'

const steps = vi.hoisted((): string[] => [])
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const fsyncSync = (descriptor: number) => {
    if (process.platform === 'linux') steps.push(`fsync ${fs.readlinkSync(`/proc/self/fd/${descriptor}`)}`)
    fs.fsyncSync(descriptor)
  }
  const renameSync = (from: string, to: string) => {
    steps.push(`rename ${to}`)
    fs.renameSync(from, to)
  }
  return { ...fs, fsyncSync, renameSync }
})

let folder: string
let file: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'tstorch-'))
  file = join(folder, 'a.safetensors')
})
afterEach(() => fs.rmSync(folder, { recursive: true }))
const { load_file, save_file } = torch.safetensors
const LIBRARY = pathToFileURL(join(packageRoot, 'dist', 'lib', 'index.js')).href
/** Starts a program that has `torch`, `file` and `args`. */
const program = (text: string) => [
  '--input-type=module',
  '-e',
  `import torch from '${LIBRARY}'; const file = ${JSON.stringify(file)}; ${text}`,
]
const text = (value: string) => [Buffer.from(value)]

test('what fails on the way leaves the old file and no other', () => {
  save_file({ x: torch.ones(1) }, file)
  const before = fs.readFileSync(file)
  function* failing() {
    yield Buffer.from('half')
    throw new Error('no space left')
  }
  expect(() => writeFileAtomic(file, failing())).toThrow('no space left')
  expect(fs.readFileSync(file).equals(before)).toBe(true)
  expect(fs.readdirSync(folder)).toEqual(['a.safetensors'])
})

test('what is not committed never was', () => {
  writeFileAtomic(file, text('old'))
  const writing = new AtomicFile(file)
  writing.write(Buffer.from('new'))
  expect(fs.readFileSync(file, 'utf8')).toBe('old')
  // Whoever may read the file may not read more while it is written.
  fs.chmodSync(file, 0o600)
  const [temporary = ''] = fs.readdirSync(folder).filter((name) => name.endsWith('.tmp'))
  expect(fs.statSync(join(folder, temporary)).mode & 0o077).toBe(0)
  writing[Symbol.dispose]()
  writing[Symbol.dispose]()
  expect(fs.readFileSync(file, 'utf8')).toBe('old')
  expect(fs.readdirSync(folder)).toEqual(['a.safetensors'])
})

test('native code may write into the descriptor', () => {
  const writing = new AtomicFile(file)
  fs.writeSync(writing.descriptor, 'new')
  writing.commit()
  writing[Symbol.dispose]()
  expect(fs.readFileSync(file, 'utf8')).toBe('new')
})

test('a rename that fails leaves no temporary file', () => {
  const writing = new AtomicFile(file)
  fs.mkdirSync(file)
  expect(() => writing.commit()).toThrow(`cannot write '${file}': EISDIR`)
  writing[Symbol.dispose]()
  expect(fs.readdirSync(folder)).toEqual(['a.safetensors'])
})

test('the file is flushed before it is renamed, and its folder after that', () => {
  if (process.platform !== 'linux') return
  steps.length = 0
  writeFileAtomic(file, text('new'))
  expect(steps).toEqual([
    expect.stringMatching(/^fsync .*\/\.tstorch-.*\.tmp$/),
    `rename ${file}`,
    `fsync ${fs.realpathSync(folder)}`,
  ])
})

test('a full disk is said, and pipes and devices are written to as they are', async () => {
  if (process.platform !== 'linux') return
  expect(() => save_file({ x: torch.ones(10) }, '/dev/full')).toThrow(/ENOSPC/)
  expect(fs.statSync('/dev/full').isCharacterDevice()).toBe(true)
  save_file({ x: torch.ones(10) }, '/dev/null')
  expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true)
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  // Both directions: the child loads from the pipe what is saved into it here.
  const child = spawn(
    process.execPath,
    program(`console.log(torch.safetensors.load_file('${pipe}').x.tolist().join())`),
  )
  let output = ''
  child.stdout.on('data', (data) => {
    output += data
  })
  const closed = new Promise((resolve) => child.on('close', resolve))
  save_file({ x: torch.arange(3) }, pipe)
  expect(await closed).toBe(0)
  expect(output.trim()).toBe('0,1,2')
  expect(fs.lstatSync(pipe).isFIFO()).toBe(true)
  expect(fs.readdirSync(folder)).toEqual(['pipe'])
})

test('what never ends is refused', () => {
  if (process.platform !== 'linux') return
  for (const device of ['/dev/zero', '/dev/urandom', '/dev/null']) {
    expect(() => load_file(device), device).toThrow(torch.safetensors.SafetensorError)
  }
})

test('a link stays a link, and its target is replaced', () => {
  fs.mkdirSync(join(folder, 'data'))
  fs.mkdirSync(join(folder, 'deep'))
  const target = join(folder, 'data', 'target')
  fs.writeFileSync(target, 'old')
  fs.symlinkSync('../data', join(folder, 'deep', 'there'))
  fs.symlinkSync(join('deep', 'there', 'target'), join(folder, 'link'))
  fs.symlinkSync('link', join(folder, 'second'))
  writeFileAtomic(join(folder, 'second'), text('new'))
  expect(fs.readFileSync(target, 'utf8')).toBe('new')
  expect(fs.readlinkSync(join(folder, 'second'))).toBe('link')
  fs.symlinkSync('data/missing', join(folder, 'dangling'))
  writeFileAtomic(join(folder, 'dangling'), text('made'))
  expect(fs.readFileSync(join(folder, 'data', 'missing'), 'utf8')).toBe('made')
  fs.symlinkSync('round', join(folder, 'round'))
  expect(() => writeFileAtomic(join(folder, 'round'), text('x'))).toThrow(/ELOOP/)
  fs.symlinkSync('no/folder', join(folder, 'lost'))
  expect(() => writeFileAtomic(join(folder, 'lost'), text('x'))).toThrow(/ENOENT/)
  expect(() => writeFileAtomic(join(folder, 'data'), text('x'))).toThrow(/EISDIR/)
  expect(fs.readdirSync(join(folder, 'data')).sort()).toEqual(['missing', 'target'])
})

test.each([0o600, 0o640, 0o664, 0o755])('a file keeps its mode %i', (mode) => {
  fs.writeFileSync(file, 'old')
  fs.chmodSync(file, mode)
  writeFileAtomic(file, text('new'))
  expect(fs.statSync(file).mode & 0o7777).toBe(mode)
  expect(fs.readFileSync(file, 'utf8')).toBe('new')
})

test('a file that may not be written stays', () => {
  fs.writeFileSync(file, 'old')
  fs.chmodSync(file, 0o444)
  // Root may write everything.
  if (process.getuid?.() !== 0) expect(() => writeFileAtomic(file, text('new'))).toThrow(/EACCES/)
  else writeFileAtomic(file, text('new'))
})

test('a name as long as a name can be', () => {
  const long = join(folder, 'a'.repeat(255))
  writeFileAtomic(long, text('x'))
  expect(fs.readFileSync(long, 'utf8')).toBe('x')
})

test('several threads and processes save one file while it is read, and no reader sees a torn one', async () => {
  save_file({ x: torch.full([100_000], -1) }, file)
  const child = spawn(
    process.execPath,
    program(`
      import { Worker, isMainThread, workerData } from 'node:worker_threads'
      const save = (value) => {
        const x = torch.full([100_000], value)
        for (let i = 0; i < 100; i++) torch.safetensors.save_file({ x }, file)
      }
      const worker = \`Promise.all([import('${LIBRARY}'), import('node:worker_threads')]).then(([{ default: torch }, { workerData }]) => {
        const x = torch.full([100_000], workerData)
        for (let i = 0; i < 100; i++) torch.safetensors.save_file({ x }, \${JSON.stringify(file)})
      })\`
      for (const value of [1, 2]) new Worker(worker, { eval: true, workerData: value })
      save(3)`),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let [errors, done] = ['', false]
  child.stderr.on('data', (data) => {
    errors += data
  })
  const closed = new Promise((resolve) =>
    child.on('close', (code) => {
      done = true
      resolve(code)
    }),
  )
  const seen = new Set<number>()
  while (!done) {
    const { x } = load_file(file) as { x: torch.Tensor }
    const [least, most] = [x.min().item(), x.max().item()]
    expect(least).toBe(most)
    seen.add(least)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect([await closed, errors]).toEqual([0, ''])
  expect(seen.size).toBeGreaterThan(1)
  expect(fs.readdirSync(folder)).toEqual(['a.safetensors'])
}, 60_000)

test('what a killed process left is gone after the next saving; what others write stays', async () => {
  const child = spawn(
    process.execPath,
    program(`
      const x = torch.ones(50_000_000)
      console.log('ready')
      for (;;) torch.safetensors.save_file({ x }, file)`),
  )
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const leftovers = () => fs.readdirSync(folder).filter((name) => name !== 'a.safetensors')
  while (leftovers().length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  const closed = new Promise((resolve) => child.on('close', resolve))
  child.kill('SIGKILL')
  await closed
  // It may have been killed between two savings.
  const [left = '.tstorch-none-1-00.tmp'] = leftovers()
  const [, place] = left.split('-')
  const others = [
    `.tstorch-${place}-${process.ppid}-aa.tmp`,
    '.tstorch-elsewhere-1-bb.tmp',
    '.tstorch-elsewhere-1-cc.tmp',
  ]
  for (const name of others) fs.writeFileSync(join(folder, name), '')
  const [alive, elsewhere, old] = others as [string, string, string]
  fs.utimesSync(join(folder, old), new Date(0), new Date(0))
  save_file({ x: torch.ones(1) }, file)
  expect(fs.readdirSync(folder).sort()).toEqual([alive, elsewhere, 'a.safetensors'].sort())
}, 60_000)

test('where memory is short, saving and loading throw, and the process goes on', () => {
  if (process.platform !== 'linux') return
  const child = program(`
    const x = torch.ones(60_000_000)
    torch.safetensors.save_file({ x }, file)
    const kept = []
    const errors = new Set()
    for (let i = 0; i < 100; i++) {
      try { kept.push(torch.safetensors.load_file(file)) } catch (error) { errors.add(error.constructor.name) }
    }
    torch.safetensors.save_file({ x }, file)
    console.log([...errors].join(), kept.length < 100)`)
  const quoted = [process.execPath, ...child].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const { stdout, stderr, status } = spawnSync('sh', ['-c', `ulimit -v 6000000; exec ${quoted}`], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^\w*Error true$/m)
}, 60_000)

// A tensor of more than 2 GiB in a file of more than 4 GiB takes memory and disk that not every machine has.
test.runIf(process.env.TSTORCH_LARGE_FILES === '1')(
  'files and tensors beyond 2 and 4 GiB',
  () => {
    const [gib, size] = [2 ** 30, 2 ** 31 + 2 ** 28 + 5]
    const large = torch.zeros(size, { dtype: torch.uint8 })
    const places = [0, gib, 2 * gib - 1, 2 * gib, size - 1]
    for (const [i, place] of places.entries()) large.index_set_([place], i + 1)
    save_file({ large, other: large.view(torch.uint8), end: torch.tensor([7], { dtype: torch.uint8 }) }, file)
    expect(fs.statSync(file).size).toBeGreaterThan(4 * gib)
    using opened = torch.safetensors.safe_open(file)
    for (const name of ['large', 'other']) {
      const loaded = opened.get_tensor(name)
      expect(places.map((place) => loaded.index(place).item())).toEqual([1, 2, 3, 4, 5])
      expect(torch.equal(loaded, large)).toBe(true)
      loaded.dispose()
    }
    expect(opened.get_tensor('end').tolist()).toEqual([7])
  },
  600_000,
)
