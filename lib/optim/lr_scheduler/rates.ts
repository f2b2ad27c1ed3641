// The rates of an optimizer's groups, and whatever else a scheduler finds and leaves there. A rate may be a tensor; then
// it is filled, so that who holds it sees the change.

import { pythonRepr } from '../../core/python_repr.js'
import { keep } from '../../core/scope.js'
import { internals, type Tensor } from '../../core/tensor.js'
import type { Real } from '../arithmetic.js'
import { Optimizer } from '../optimizer.js'

// biome-ignore lint/suspicious/noExplicitAny: an optimizer of whatever settings
export type AnyOptimizer = Optimizer<any>

/** A group as a scheduler sees it: some settings that it knows, and others. */
export type Group = Record<string, unknown> & { lr: Real; params: Tensor[] }

export const groupsOf = (optimizer: AnyOptimizer): Group[] => optimizer.param_groups as unknown as Group[]

/** @throws TypeError where it is no optimizer. */
export function checkOptimizer(optimizer: unknown): asserts optimizer is AnyOptimizer {
  if (optimizer instanceof Optimizer) return
  const name = typeof optimizer === 'object' ? optimizer?.constructor?.name : typeof optimizer
  throw new TypeError(`${name ?? 'null'} is not an Optimizer`)
}

export const copied = <T>(value: T): T => (internals.isTensor(value) ? (value.clone() as T) : value)

/** Each group's value of a name; tensors are copied. Rates are typed as numbers, as a group's `lr` is when it is read. */
export function valuesOf(optimizer: AnyOptimizer, key: string): number[] {
  return keep(groupsOf(optimizer).map((group) => copied(group[key]) as number))
}

/** What `rate` makes of each group, and of what a list has for it. */
export function eachGroup<T = undefined>(
  optimizer: AnyOptimizer,
  rate: (group: Group, own: T) => Real,
  list?: readonly T[],
): number[] {
  const groups = groupsOf(optimizer)
  if (list !== undefined) checkLengths(list.length, groups.length)
  return groups.map((group, i) => rate(group, list?.[i] as T) as number)
}

/** zip(..., strict=True) */
function checkLengths(first: number, second: number): void {
  if (first !== second) {
    throw new RangeError(`zip() argument 2 is ${second < first ? 'shorter' : 'longer'} than argument 1`)
  }
}

/** Sets a group's value, or fills the tensor that it is. */
export function setValue(group: Group, key: string, value: Real): void {
  const own = group[key]
  if (!internals.isTensor(own)) group[key] = keep(value)
  else own.fill_((internals.isTensor(value) && value.dim() !== 0 ? value.squeeze() : value) as Tensor)
}

/** Sets each group's rate. */
export function setRates(optimizer: AnyOptimizer, rates: readonly Real[]): void {
  const groups = groupsOf(optimizer)
  checkLengths(groups.length, rates.length)
  groups.forEach((group, i) => {
    setValue(group, 'lr', rates[i] as Real)
  })
}

/** A setting for each group: given as a list, or one for all. */
export function perGroup<T>(name: string, optimizer: AnyOptimizer, value: T | readonly T[]): T[] {
  const count = optimizer.param_groups.length
  if (Array.isArray(value) && value.length !== count) {
    throw new RangeError(
      `${name} must have the same length as optimizer.param_groups. ${name} has ${value.length} values, param_groups has ${count}.`,
    )
  }
  const list = Array.isArray(value) ? (value as T[]) : new Array<T>(count).fill(value as T)
  return keep(list.map(copied))
}

/** The momentum of a group: `momentum`, or the first of `betas`. */
export function setMomentum(group: Group, useBeta1: boolean, momentum: number): void {
  if (useBeta1) group.betas = [momentum, ...(group.betas as number[]).slice(1)]
  else group.momentum = momentum
}

/** Whether momentum is the first of `betas`. @throws where the optimizer has neither. */
export function usesBeta1(optimizer: AnyOptimizer): boolean {
  if (!('momentum' in optimizer.defaults) && !('betas' in optimizer.defaults)) {
    throw new RangeError('optimizer must support momentum or beta1 with `cycle_momentum` option enabled')
  }
  return 'betas' in optimizer.defaults
}

/** Begins each group's momentum at its maximum, and leaves both ends there. */
export function beginMomentum(
  optimizer: AnyOptimizer,
  useBeta1: boolean,
  maxima: readonly number[],
  bases: readonly number[],
): void {
  groupsOf(optimizer).forEach((group, i) => {
    setMomentum(group, useBeta1, maxima[i] as number)
    group.max_momentum = maxima[i]
    group.base_momentum = bases[i]
  })
}

/** A function for each group, given as a list, or one for all. */
export function lambdasOf<F>(optimizer: unknown, given: F | readonly F[]): F[] {
  checkOptimizer(optimizer)
  const count = optimizer.param_groups.length
  if (!Array.isArray(given)) return new Array<F>(count).fill(given as F)
  if (given.length !== count) throw new RangeError(`Expected ${count} lr_lambdas, but got ${given.length}`)
  return [...given]
}

export const isWhole = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least

export const shown = (value: unknown): string => pythonRepr(value)
