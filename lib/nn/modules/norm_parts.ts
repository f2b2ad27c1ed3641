// What normalising layers share: a factor that starts at one, a summand that starts at zero, a check of their input.

import type { Tensor } from '../../core/tensor.js'
import { empty } from '../../generated/functions.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import type { Factory } from './factory.js'
import type { Module } from './module.js'

/** Gives a module the parameter `name` without values yet, or takes the name for none. */
export function addParameter(
  module: Module,
  name: string,
  shape: readonly number[],
  wanted: boolean,
  { device, dtype }: Factory,
): void {
  module.register_parameter(name, wanted ? new Parameter(empty(shape, { device, dtype })) : null)
}

/** Weight and bias of the shape: both, the weight alone, or none. */
export function addAffine(
  module: Module,
  shape: readonly number[],
  affine: boolean,
  bias: boolean,
  factory: Factory,
): void {
  addParameter(module, 'weight', shape, affine, factory)
  addParameter(module, 'bias', shape, affine && bias, factory)
}

/** The weight to ones, the bias to zeros. */
export function resetAffine({ weight, bias = null }: { weight: Parameter | null; bias?: Parameter | null }): void {
  if (weight !== null) init.ones_(weight)
  if (bias !== null) init.zeros_(bias)
}

/** Throws unless the input has one of the numbers of dimensions. */
export function checkDims(input: Tensor, ...expected: number[]): void {
  const dims = input.dim()
  if (expected.includes(dims)) return
  throw new RangeError(`expected ${expected.map((count) => `${count}D`).join(' or ')} input (got ${dims}D input)`)
}
