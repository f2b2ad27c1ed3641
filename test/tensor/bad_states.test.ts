// Every method and property of Tensor in states in which it cannot be used: it works, or throws an error that says what
// is wrong. In a process of its own for each state, which must reach its end.

import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import torch from '../../lib/index.js'
import type { Outcome } from './bad_states.js'

const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
afterAll(() => rmSync(folder, { recursive: true }))

const MEMBERS = Reflect.ownKeys(torch.Tensor.prototype)
  .filter((key) => key !== 'constructor')
  .map(String)

/** What JavaScript says where nobody looked before, and libtorch where it takes itself to be wrong. */
const RAW =
  /INTERNAL ASSERT|is not a function|is not iterable|is not defined|Cannot (read|destructure|convert|set)|undefined|^Error: *$/

/** What the members answer in a state: by member, the outcome of each of its forms. */
function outcomes(state: string): Map<string, Outcome[]> {
  const program = join(packageRoot, 'dist', 'test', 'tensor', 'bad_states.js')
  // A file takes what is written at once; a pipe may be full.
  const file = join(folder, 'outcomes')
  const output = openSync(file, 'w')
  const child = spawnSync(process.execPath, ['--no-warnings', program, state], {
    stdio: ['ignore', output, 'pipe'],
    encoding: 'utf8',
  })
  closeSync(output)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  expect([child.status, child.signal], `${lines.at(-1)}\n${child.stderr.slice(-500)}`).toEqual([0, null])
  const found = new Map<string, Outcome[]>()
  for (const outcome of lines.map((line) => JSON.parse(line)).filter((line): line is Outcome => 'name' in line)) {
    const member = outcome.name.replace(/(\(\d+\)|=)$/, '')
    found.set(member, [...(found.get(member) ?? []), outcome])
  }
  return found
}

/** Checks each outcome that is an error; those of members in `others` against what stands there, null for none. */
function expectErrors(
  found: Map<string, Outcome[]>,
  expected: RegExp,
  others: Record<string, RegExp | null> = {},
): void {
  for (const [member, list] of found) {
    for (const { name, error, isError } of list) {
      const pattern = Object.hasOwn(others, member) ? others[member] : expected
      expect(isError, name).toBe(true)
      if (pattern === null) expect(error, name).toBeNull()
      else expect(error, name).toMatch(pattern as RegExp)
    }
  }
}

const GONE = /is not in the loaded libtorch/
const oneOf = (...patterns: RegExp[]) => new RegExp(patterns.map(({ source }) => source).join('|'))
const CUDA = /CUDA was asked for/
const NO_NUMBER = /a tensor is not a number/
const ANYWAY = { 'Symbol(Symbol.toPrimitive)': NO_NUMBER }

describe('every member of a tensor that is', () => {
  test.each([
    ['disposed of', /this tensor was disposed of/],
    ['freed by its scope', /this tensor was freed by the torch\.scope at .*bad_states\.js:\d+/],
    ['disposed of in a hook', /this tensor was disposed of/],
  ])('%s says so', (state, says) => {
    const found = outcomes(state)
    expect([...found.keys()].sort()).toEqual(MEMBERS.toSorted())
    expectErrors(found, oneOf(says, GONE), {
      ...ANYWAY,
      cuda: oneOf(says, CUDA),
      record_stream: oneOf(says, CUDA),
      dispose: null,
      is_disposed: null,
      'Symbol(nodejs.dispose)': null,
      'Symbol(Symbol.dispose)': null,
      'Symbol(nodejs.util.inspect.custom)': null,
    })
  })

  test('another copy’s refuses it', () => {
    const found = outcomes("another copy's")
    expect([...found.keys()].sort()).toEqual(MEMBERS.toSorted())
    expectErrors(found, /^TypeError: (.* another copy of tstorch|.* is no tensor)/s, ANYWAY)
  })

  test('an inference tensor works, or says what is wrong', () => {
    const found = outcomes('an inference tensor')
    expect([...found.keys()].sort()).toEqual(MEMBERS.toSorted())
    for (const { name, error, isError } of [...found.values()].flat()) {
      expect(isError, name).toBe(true)
      expect(error ?? '', name).not.toMatch(RAW)
    }
    expect(found.get('shape')?.[0]?.error).toBeNull()
    expect(found.get('add')?.[0]?.error).toBeNull()
    expect(found.get('mul_')?.[0]?.error).toMatch(/Inplace update to inference tensor/)
    expect(found.get('mm')?.[0]?.error).toMatch(/Inference tensors cannot be saved for backward/)
    expect(found.get('requires_grad')?.[1]?.error).toMatch(/requires_grad=True on inference tensor/)
  })
})

describe('every member that is given', () => {
  /** With tensors as arguments. */
  const MANY = 300

  test('what was disposed of says so', () => {
    const found = outcomes('given what was disposed of')
    expect(found.size).toBeGreaterThan(MANY)
    expectErrors(found, oneOf(/this tensor was disposed of/, GONE))
  })

  test('another copy’s tensor refuses it', () => {
    const found = outcomes("given another copy's")
    expect(found.size).toBeGreaterThan(MANY)
    for (const { name, error, isError } of [...found.values()].flat()) {
      expect(isError, name).toBe(true)
      expect(error, name).toMatch(oneOf(/^TypeError: /, GONE))
      expect(error, name).not.toMatch(RAW)
    }
    const [add] = found.get('add') as Outcome[]
    expect(add?.error).toMatch(/The tensor belongs to another copy of tstorch/)
  })

  test('an inference tensor works, or says what is wrong', () => {
    const found = outcomes('given an inference tensor')
    expect(found.size).toBeGreaterThan(MANY)
    for (const { name, error, isError } of [...found.values()].flat()) {
      expect(isError, name).toBe(true)
      expect(error ?? '', name).not.toMatch(RAW)
    }
    expect(found.get('add')?.[0]?.error).toBeNull()
    expect(found.get('mul')?.[0]?.error).toMatch(/Inference tensors cannot be saved for backward/)
  })
})
