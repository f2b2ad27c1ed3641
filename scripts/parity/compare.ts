// Whether a tensor is the one that PyTorch gave. Compared in plain loops over the elements, so that no operator is
// judged by another.
//
// Other processors take other kernels, whose last bits differ, and an ill-conditioned operator makes much of that. So
// the cases say how far apart legitimate kernels and double precision lie (spread.py), in units of what
// torch.testing.assert_close allows; that, times FACTOR, is allowed, and at least what assert_close allows.

import torch, { type Tensor } from '../../lib/index.js'

/**
 * A spread is the largest of a dozen errors that were seen. Errors of rounding behave like a sum of random signs: one
 * that nobody saw exceeds it now and then, but hardly by ten times, while a wrong operator is wrong by far more.
 */
export const FACTOR = 10

const TOLERANCES: Record<string, [rtol: number, atol: number]> = {
  'torch.float16': [1e-3, 1e-5],
  'torch.bfloat16': [1.6e-2, 1e-5],
  'torch.float32': [1.3e-6, 1e-5],
  'torch.float64': [1e-7, 1e-7],
  'torch.complex32': [1e-3, 1e-5],
  'torch.complex64': [1.3e-6, 1e-5],
  'torch.complex128': [1e-7, 1e-7],
}

/** How much an element may differ, by its expected value. */
export type Allowed = (expected: number) => number

/** `tolerance`: the least of both, relative and absolute. */
export function allowed(dtype: string, spread = 0, tolerance = 0): Allowed {
  const limits = TOLERANCES[dtype]
  if (limits === undefined) return () => 0
  const [rtol, atol] = limits.map((least) => Math.max(least * Math.max(1, FACTOR * spread), tolerance)) as [
    number,
    number,
  ]
  return (expected) => atol + rtol * Math.abs(expected)
}

/** The elements as an array; complex numbers as alternating re and im. */
export function elements(tensor: Tensor): ArrayLike<number | bigint> {
  const plain = tensor.detach()
  if (plain.dtype === torch.complex32) return plain.to(torch.complex64).to_typed_array({ copy: true })
  return plain.to_typed_array({ copy: true })
}

/** The first difference in words, or null. */
export function difference(
  actual: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  allow: Allowed,
): string | null {
  if (actual.length !== expected.length) return `${actual.length} elements, expected ${expected.length}`
  for (let i = 0; i < expected.length; i++) {
    const x = actual[i] as number
    const y = expected[i] as number
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue
    if (typeof x === 'bigint' || typeof y === 'bigint' || !(Math.abs(x - y) <= allow(y))) {
      return `element ${i} is ${x}, expected ${y}, within ${typeof y === 'bigint' ? 0 : allow(y)}`
    }
  }
  return null
}
