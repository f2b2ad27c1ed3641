// Times in units that people read, and numbers with the digits that mean something. In float32, as Python's: at the
// borders of units and digits its rounding decides.

import * as dtypes from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { tensor } from '../../tensor/factories.js'
import { type Arguments, read } from '../generated/arguments.js'

/** A number as Python reckons with it here. */
export const float32 = (value: number | readonly number[]): Tensor =>
  tensor(value as number, { dtype: dtypes.float32, device: 'cpu' })

const UNITS: Record<number, [unit: string, scale: number]> = {
  [-3]: ['ns', 1e-9],
  [-2]: ['us', 1e-6],
  [-1]: ['ms', 1e-3],
}
const ENGLISH: Record<string, string> = { ns: 'nanosecond', us: 'microsecond', ms: 'millisecond', s: 'second' }

/** The unit for a time in seconds, and how many seconds it is. */
export function select_unit(...args: Arguments['utils.benchmark.select_unit']): [unit: string, scale: number] {
  const { t } = read('utils.benchmark.select_unit', args)
  return UNITS[Math.floor(float32(t).log10().item() / 3)] ?? ['s', 1]
}

/** 'microsecond' for 'us'. */
export function unit_to_english(...args: Arguments['utils.benchmark.unit_to_english']): string {
  const { u } = read('utils.benchmark.unit_to_english', args)
  const word = Object.hasOwn(ENGLISH, u) ? ENGLISH[u] : undefined
  if (word === undefined) throw new RangeError(`'${u}' is no unit: ${Object.keys(ENGLISH).join(', ')} are`)
  return word
}

/** `x` with `n` digits: 3.14159 with 2 is 3.1. */
export function trim_sigfig(...args: Arguments['utils.benchmark.trim_sigfig']): number {
  const { x, n } = read('utils.benchmark.trim_sigfig', args)
  const scale = 10 ** (float32(x).abs().log10().ceil().item() - n)
  return float32(x / scale)
    .round()
    .mul(scale)
    .item()
}
