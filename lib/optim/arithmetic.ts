// Python's arithmetic on what may be a number or a tensor with one element, such as a learning rate: a number and a
// number make a number, anything with a tensor a tensor in its dtype. Powers, cosines and logarithms are the C library's.

import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as torch from '../generated/functions.js'

export type Real = number | Tensor

const isTensor = internals.isTensor

export function plus(a: Real, b: Real): Real {
  if (isTensor(a)) return torch.add(a, b)
  return isTensor(b) ? torch.add(b, a) : a + b
}

export function minus(a: Real, b: Real): Real {
  if (isTensor(a)) return torch.sub(a, b)
  return isTensor(b) ? torch.rsub(b, a) : a - b
}

export function times(a: Real, b: Real): Real {
  if (isTensor(a)) return torch.mul(a, b)
  return isTensor(b) ? torch.mul(b, a) : a * b
}

/** @throws RangeError where numbers are divided by 0. */
export function over(a: Real, b: Real): Real {
  if (isTensor(a)) return torch.div(a, b)
  // Python has no operator for it either: a number divided by a tensor.
  return isTensor(b) ? torch.mul(torch.reciprocal(b), a) : quotient(a, b)
}

/** The same of numbers. */
export function quotient(a: number, b: number): number {
  if (b === 0) throw new RangeError('division by zero')
  return a / b
}

/** Python's a % b: of b's sign. */
export function modulo(a: number, b: number): number {
  if (b === 0) throw new RangeError('integer modulo by zero')
  const rest = a % b
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest
}

export function power(base: number, exponent: number): number {
  if (base === 0 && exponent < 0) throw new RangeError('0.0 cannot be raised to a negative power')
  const result = native.pow(base, exponent)
  if (!Number.isFinite(result) && Number.isFinite(base) && Number.isFinite(exponent)) {
    throw new RangeError('Numerical result out of range')
  }
  return result
}

export const cosine = (x: number): number => native.cos(x)

export const logarithm = (x: number, base: number): number => quotient(native.log(x), native.log(base))

// --- comparing, which is done in the dtype of the tensor -------------------------------------------------------

/** a < b */
export function less(a: Real, b: Real): boolean {
  if (isTensor(a)) return torch.lt(a, b as Tensor).item<boolean>()
  return isTensor(b) ? torch.gt(b, a).item<boolean>() : a < b
}

/** a <= b */
export function atMost(a: Real, b: Real): boolean {
  if (isTensor(a)) return torch.le(a, b as Tensor).item<boolean>()
  return isTensor(b) ? torch.ge(b, a).item<boolean>() : a <= b
}

export const smaller = (a: Real, b: Real): Real => (less(b, a) ? b : a)

export const greater = (a: Real, b: Real): Real => (less(a, b) ? b : a)

export const absolute = (a: Real): Real => (isTensor(a) ? torch.abs(a) : Math.abs(a))

/** The value as a number. */
export const toNumber = (value: Real): number => (isTensor(value) ? value.item() : value)
