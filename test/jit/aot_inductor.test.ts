// torch._inductor: a package that AOTInductor compiled for any x86-64 processor (scripts/reference/aot_inductor.py).

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import torch from '../../lib/index.js'
import { expectNumbers, filled, fixture, fixtureFile, type Values } from '../helpers.js'
import { tensorOf } from './reference.js'
import { zipOf } from './zip.js'

interface Reference {
  torch: string
  calls: { x: Values; shift: Values; scale: number; out: Values; sum: Values; hidden: Values }[]
  constants: string[]
  metadata: Record<string, string>
  zeroed: Values
}

const reference = fixture<Reference>('aot_inductor.json')
const file = fixtureFile('aot_inductor.pt2')
const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A package belongs to one kind of machine. */
const runsHere = process.platform === 'linux' && process.arch === 'x64'
const load = () => torch._inductor.aoti_load_package(file)

type Result = { out: torch.Tensor; pair: [torch.Tensor, [torch.Tensor]] }
type Inputs = [x: torch.Tensor, extra: { shift: torch.Tensor }, keywords: { scale: torch.Tensor }]

const inputsOf = ({ x, shift, scale }: Reference['calls'][number]): Inputs => [
  tensorOf(x),
  { shift: tensorOf(shift) },
  { scale: torch.tensor(scale) },
]

function expectTensor(actual: torch.Tensor, expected: Values): void {
  expect([...actual.shape]).toEqual(expected.shape)
  expectNumbers(actual.flatten().tolist() as number[], expected.data.map(Number), 1e-5)
}

function expectResult({ out, pair: [sum, [hidden]] }: Result, expected: Reference['calls'][number]): void {
  expectTensor(out, expected.out)
  expectTensor(sum, expected.sum)
  expectTensor(hidden, expected.hidden)
}

describe.runIf(runsHere)('a compiled model', () => {
  test('gives what it gives in Python, here and in other threads', async () => {
    const model = load()
    for (const call of filled(reference.calls)) {
      expectResult(model(...inputsOf(call)) as Result, call)
      const results = await Promise.all([1, 2, 3].map(() => model.forward_async(...inputsOf(call))))
      for (const result of results) expectResult(result as Result, call)
    }
  })

  test('says what it is, and takes other constants', () => {
    const model = load()
    expect([...model.get_constant_fqns()].sort()).toEqual(reference.constants)
    expect({ ...model.get_metadata() }).toEqual(reference.metadata)
    const shapes: Record<string, number[]> = {
      'hidden.weight': [5, 4],
      'out.weight': [3, 5],
      'hidden.bias': [5],
      'out.bias': [3],
    }
    const zeros = Object.fromEntries(reference.constants.map((name) => [name, torch.zeros(shapes[name] as number[])]))
    model.load_constants(zeros, { check_full_update: true })
    const [call] = reference.calls.slice(-1) as [Reference['calls'][number]]
    expectTensor((model(...inputsOf(call)) as Result).out, reference.zeroed)
    expect(() => model.load_constants({ nothing: torch.zeros(1) }, { check_full_update: false })).toThrow(/not found/i)
  })

  test('refuses inputs of another form, size or dtype', () => {
    const model = load()
    const [call] = reference.calls as [Reference['calls'][number]]
    const [x, extra, scale] = inputsOf(call)
    const wrong: [inputs: unknown[], message: RegExp][] = [
      [[x], /list of 2/],
      [[x, extra], /lacks 'scale'/],
      [[x, {}, scale], /lacks 'shift'/],
      [[x, { ...extra, more: x }, scale], /unexpected 'more'/],
      [[x, extra, { ...scale, more: x }], /unexpected 'more'/],
      [[3, extra, scale], /takes 3 tensors, got 2 and whole number/],
      [
        [torch.ones(2, 3), extra, scale],
        /unmatched dim value at 1, expected: 4, but got: 3.*AOTI_RUNTIME_CHECK_INPUTS=0/s,
      ],
      [[torch.ones(1, 4), extra, scale], /too small at 0/],
      [[torch.ones(4), extra, scale], /input_handles\[0\]/],
      [[x.double(), extra, scale], /unmatched dtype/],
    ]
    for (const [inputs, message] of wrong) expect(() => model(...inputs), String(message)).toThrow(message)
    expectResult(model(x, extra, scale) as Result, call)
  })

  test('keeps its files until it is disposed of or the process ends', () => {
    const program = `
      import torch from '${pathToFileURL(join(packageRoot, 'dist', 'lib', 'index.js'))}'
      const models = [0, 1].map(() => torch._inductor.aoti_load_package(${JSON.stringify(file)}))
      const { readdirSync } = await import('node:fs')
      console.log(readdirSync(process.env.UNPACKED).length)
      models[0].dispose()
      console.log(readdirSync(process.env.UNPACKED).length)
      try { models[0].get_metadata() } catch (error) { console.log(error.message) }
      console.log(models[1].get_metadata().AOTI_DEVICE_KEY)`
    const unpacked = mkdtempSync(join(folder, 'unpacked'))
    const env = { ...process.env, TMPDIR: unpacked, UNPACKED: unpacked }
    const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', program], { env }).toString()
    expect(stdout).toBe('2\n1\nthe model was disposed of\ncpu\n')
    expect(readdirSync(unpacked)).toEqual([])
  })

  test('has no graph', () => {
    const [call] = reference.calls as [Reference['calls'][number]]
    const [x, extra, scale] = inputsOf(call)
    const result = load()(x.requires_grad_(), extra, scale) as Result
    expect(result.out.requires_grad).toBe(false)
  })
})

test('what is no package, or one of another machine, says so', () => {
  const path = join(folder, 'a.pt2')
  const loaded = (records: Record<string, string>, name = 'model') => {
    writeFileSync(path, zipOf(records))
    return () => torch._inductor.package.load_package(path, name)
  }
  const inside = 'a/data/aotinductor/model/'
  const metadata = (fields: Record<string, string>) => ({
    [`${inside}x.so`]: '',
    [`${inside}x_metadata.json`]: JSON.stringify(fields),
  })
  expect(loaded({ 'a/data.pkl': '' })).toThrow(/a\.pt2: it is no package of AOTInductor/)
  expect(loaded({ 'a/models/model.json': '' })).toThrow(/compiled first/)
  expect(loaded({ [`${inside}x.cpp`]: '' })).toThrow(/source code alone/)
  expect(loaded(metadata({}), 'other')).toThrow(/Model other not found in package: it has model/)
  expect(loaded({ [`${inside}../../../../x.so`]: '' })).toThrow(/outside of its folder/)
  expect(loaded(metadata({ AOTI_MACHINE: 'riscv64', AOTI_PLATFORM: 'win32' }))).toThrow(/compiled for win32/)
  expect(loaded(metadata({ AOTI_MACHINE: process.arch === 'x64' ? 'aarch64' : 'x86_64' }))).toThrow(/compiled for/)
  expect(() => torch._inductor.aoti_load_package(join(folder, 'absent'))).toThrow(/ENOENT/)
  writeFileSync(path, readFileSync(file).subarray(0, 5000))
  expect(() => torch._inductor.aoti_load_package(path)).toThrow(/damaged/)
  expect(() => torch.jit.load(file)).toThrow(/aoti_load_package/)
})
