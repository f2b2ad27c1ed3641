// What the tests share: PyTorch's outputs (test/fixtures, made by scripts/reference), and comparing with them.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'
import torch, { type Tensor } from '../lib/index.js'

export const fixtureFile = (name: string): string => join(packageRoot, 'test', 'fixtures', name)

// biome-ignore lint/suspicious/noExplicitAny: fixtures have the shape that their script gives them
export const fixture = <T = any>(name: string): T => JSON.parse(readFileSync(fixtureFile(name), 'utf8')) as T

/** A list of cases, or an object of them, which must not be empty: a loop over nothing checks nothing. */
export function filled<T extends object>(cases: T): T {
  if (Object.keys(cases).length === 0) throw new Error('there are no cases')
  return cases
}

/** A tensor as the reference scripts write it. */
export interface Values {
  dtype: string
  shape: number[]
  data: (number | boolean | string)[]
}

export interface Digest {
  dtype: string
  shape: number[]
  sha256: string
}

/** A tensor's dtype, shape and the SHA-256 of its bytes. */
export function digest(tensor: Tensor): Digest {
  const array = tensor.detach().to_typed_array({ copy: true })
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  return {
    dtype: tensor.dtype.toString(),
    shape: [...tensor.shape],
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
}

/**
 * Whether this processor draws the bits of the one that made the fixture, which has the digest of 1,000 uniform numbers:
 * its kernels round u · (to - from) before they add, or do not.
 */
export function drawsAlike(uniform: Digest): boolean {
  torch.manual_seed(0)
  return digest(torch.empty(1000).uniform_(-0.3, 0.3)).sha256 === uniform.sha256
}

/** Checks each number against its counterpart, within a tolerance that grows with the number. */
export function expectNumbers(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what = '',
): void {
  expect(actual.length, what).toBe(expected.length)
  let worst = 0
  let at = 0
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] as number
    const e = expected[i] as number
    if (Object.is(a, e) || (Number.isNaN(a) && Number.isNaN(e))) continue
    const error = Math.abs(a - e) / (1 + Math.abs(e))
    // An error that is no number is the worst.
    if (!(error <= worst)) {
      worst = error
      at = i
    }
  }
  expect(worst, `${what} element ${at}: ${actual[at]}, expected ${expected[at]}`).toBeLessThanOrEqual(tolerance)
}

/** Checks dtype, shape and elements. */
export function expectTensor(actual: Tensor, expected: Values, tolerance = 0, what = ''): void {
  expect(actual.dtype.toString(), what).toBe(expected.dtype)
  expect([...actual.shape], what).toEqual(expected.shape)
  const elements = actual.detach().flatten().tolist() as (number | boolean)[]
  expectNumbers(elements.map(Number), expected.data.map(pythonNumber), tolerance, what)
}

/** A large tensor as the reference scripts write it: every `step`th element, and the sum of all elements' sizes. */
export interface Sampled extends Values {
  data: number[]
  step: number
  sum: number
}

export function expectSampled(actual: Tensor, expected: Sampled, tolerance: number, what = ''): void {
  expect(actual.dtype.toString(), what).toBe(expected.dtype)
  expect([...actual.shape], what).toEqual(expected.shape)
  const elements = actual.detach().flatten().tolist() as number[]
  expectNumbers(
    elements.filter((_, i) => i % expected.step === 0),
    expected.data,
    tolerance,
    what,
  )
  const sum = elements.reduce((sum, element) => sum + Math.abs(element), 0)
  expect(Math.abs(sum - expected.sum), `${what}: the sum`).toBeLessThanOrEqual(tolerance * expected.sum)
}

const SPECIAL: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }

function pythonNumber(value: number | boolean | string): number {
  return typeof value === 'string' ? (SPECIAL[value] as number) : Number(value)
}

/** What float32's rounding makes of a few operations, for expectTensor. */
export const FEW_ULPS = 8 * 2 ** -23

/** float32 and float64 with the tolerances that recurrent layers are held to. */
export const PRECISIONS = [
  ['float32', torch.float32, 1e-5],
  ['float64', torch.float64, 1e-10],
] as const
