// torch.finfo and torch.iinfo: the limits of dtypes.

import { get_default_dtype } from '../core/default_dtype.js'
import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { type Arguments, read } from '../operators/generated/arguments.js'

/** Of a floating-point format: its bits, those of its significand, and the exponents of its largest and least numbers. */
interface Format {
  bits: number
  significand: number
  max: number
  /** The exponent of the smallest normal number. */
  least: number
  digits: number
  /** eps, where PyTorch gives another than the significand says. */
  eps?: number
  /** min, where it is not minus max: a dtype without a sign. */
  min?: number
}

const double = { bits: 64, significand: 52, max: Number.MAX_VALUE, least: -1022, digits: 15 }
const single = { bits: 32, significand: 23, max: (2 - 2 ** -23) * 2 ** 127, least: -126, digits: 6 }
const FORMATS = new Map<DType, Format>([
  [dtypes.float64, double],
  [dtypes.complex128, double],
  [dtypes.float32, single],
  [dtypes.complex64, single],
  [dtypes.float16, { bits: 16, significand: 10, max: 65504, least: -14, digits: 3 }],
  [dtypes.complex32, { bits: 16, significand: 10, max: 65504, least: -14, digits: 3 }],
  [dtypes.bfloat16, { bits: 16, significand: 7, max: (2 - 2 ** -7) * 2 ** 127, least: -126, digits: 2 }],
  [dtypes.float8_e4m3fn, { bits: 8, significand: 3, max: 448, least: -6, digits: 0 }],
  [dtypes.float8_e4m3fnuz, { bits: 8, significand: 3, max: 240, least: -7, digits: 0 }],
  [dtypes.float8_e5m2, { bits: 8, significand: 2, max: 57344, least: -14, digits: 0 }],
  [dtypes.float8_e5m2fnuz, { bits: 8, significand: 2, max: 57344, least: -15, digits: 0, eps: 0.125 }],
  [dtypes.float8_e8m0fnu, { bits: 8, significand: 0, max: 2 ** 127, least: -127, digits: 0, min: 2 ** -127 }],
])

/** The limits of a floating-point dtype; of a complex one, those of its parts. */
class FloatInfo {
  readonly dtype: string
  readonly bits: number
  /** The distance from 1 to the next larger number. */
  readonly eps: number
  readonly max: number
  readonly min: number
  readonly smallest_normal: number
  /** Another name of smallest_normal. */
  readonly tiny: number
  /** 10 to the minus the decimal digits that are exact. */
  readonly resolution: number

  constructor(dtype: DType) {
    const format = FORMATS.get(dtype)
    if (format === undefined) {
      throw new TypeError(`torch.finfo() requires a floating point input type. Use torch.iinfo to handle '${dtype}'`)
    }
    this.dtype = dtype.is_complex ? `float${format.bits}` : dtype.name
    this.bits = format.bits
    this.eps = format.eps ?? 2 ** -format.significand
    this.max = format.max
    this.min = format.min ?? -format.max
    this.smallest_normal = 2 ** format.least
    this.tiny = this.smallest_normal
    this.resolution = Number(`1e-${format.digits}`)
  }
}

/** The limits of an integer dtype; of 64-bit ones they are bigints. */
class IntegerInfo {
  readonly dtype: string
  readonly bits: number
  readonly max: number | bigint
  readonly min: number | bigint

  constructor(dtype: DType) {
    if (dtype.is_floating_point || dtype.is_complex || dtype === dtypes.bool) {
      throw new TypeError(
        dtype === dtypes.bool
          ? `${dtype} is not supported by torch.iinfo`
          : `torch.iinfo() requires an integer input type. Use torch.finfo to handle '${dtype}'`,
      )
    }
    this.dtype = dtype.name
    this.bits = 8 * dtype.itemsize
    const magnitude = 1n << BigInt(dtype.is_signed ? this.bits - 1 : this.bits)
    const number = (value: bigint) => (this.bits === 64 ? value : Number(value))
    this.max = number(magnitude - 1n)
    this.min = number(dtype.is_signed ? -magnitude : 0n)
  }
}

export type { FloatInfo, IntegerInfo }

export function finfo(...args: Arguments['torch.finfo']): FloatInfo {
  return new FloatInfo(read('torch.finfo', args).type ?? get_default_dtype())
}

export function iinfo(...args: Arguments['torch.iinfo']): IntegerInfo {
  return new IntegerInfo(read('torch.iinfo', args).type)
}
