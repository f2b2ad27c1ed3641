// JavaScript values as the elements of a dtype. What a dtype cannot hold is refused, as in Python.

import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { isComplex } from '../operators/options.js'
import type { Element, TypedArray } from './elements.js'

interface Integers {
  least: bigint
  most: bigint
  /** Packs numbers that fit. */
  from(values: readonly (number | bigint)[]): TypedArray
}

const small = (array: { from(values: readonly number[]): TypedArray }) => ({
  from: (values: readonly (number | bigint)[]) => array.from(values.map(Number)),
})

const INTEGERS = new Map<DType, Integers>([
  [dtypes.uint8, { least: 0n, most: 2n ** 8n - 1n, ...small(Uint8Array) }],
  [dtypes.int8, { least: -(2n ** 7n), most: 2n ** 7n - 1n, ...small(Int8Array) }],
  [dtypes.int16, { least: -(2n ** 15n), most: 2n ** 15n - 1n, ...small(Int16Array) }],
  [dtypes.uint16, { least: 0n, most: 2n ** 16n - 1n, ...small(Uint16Array) }],
  [dtypes.int32, { least: -(2n ** 31n), most: 2n ** 31n - 1n, ...small(Int32Array) }],
  [dtypes.uint32, { least: 0n, most: 2n ** 32n - 1n, ...small(Uint32Array) }],
  [
    dtypes.int64,
    { least: -(2n ** 63n), most: 2n ** 63n - 1n, from: (values) => BigInt64Array.from(values.map(BigInt)) },
  ],
  [dtypes.uint64, { least: 0n, most: 2n ** 64n - 1n, from: (values) => BigUint64Array.from(values.map(BigInt)) }],
])

/**
 * The element as a whole number of the dtype: a fraction is cut off, and a negative whole number wraps in an unsigned
 * dtype of up to 32 bits, as in Python.
 */
function wholeOf(element: Element, dtype: DType, { least, most }: Integers): number | bigint {
  if (typeof element === 'boolean') return Number(element)
  if (isComplex(element)) throw complexError(dtype)
  const wraps = least === 0n && dtype !== dtypes.uint64 && (typeof element === 'bigint' || Number.isInteger(element))
  // Comparing a bigint with a number is exact; nothing compares with NaN.
  if (!(element >= (wraps ? -most : least) && element <= most)) {
    throw new RangeError(`value ${element} cannot be converted to ${dtype} without overflow`)
  }
  return typeof element === 'bigint' ? element : Math.trunc(element)
}

function floatOf(element: Element, dtype: DType): number {
  if (isComplex(element)) throw complexError(dtype)
  const number = Number(element)
  if (typeof element === 'bigint' && !Number.isFinite(number)) {
    throw new RangeError(`a bigint of ${element.toString().length} digits is too large for ${dtype}`)
  }
  return number
}

const complexError = (dtype: DType) => new TypeError(`a complex number cannot be converted to ${dtype}`)

const isTrue = (element: Element): boolean =>
  isComplex(element) ? element.re !== 0 || element.im !== 0 : Number(element) !== 0

/** The elements' bytes, and the dtype in which they are: the one asked for, or one that converts to it exactly. */
export function packed(elements: readonly Element[], dtype: DType): { bytes: TypedArray; dtype: DType } {
  const integers = INTEGERS.get(dtype)
  if (integers !== undefined) {
    return { bytes: integers.from(elements.map((element) => wholeOf(element, dtype, integers))), dtype }
  }
  if (dtype === dtypes.bool) return { bytes: Uint8Array.from(elements, (element) => (isTrue(element) ? 1 : 0)), dtype }
  if (dtype.is_complex) {
    const pairs = elements.flatMap((element) => (isComplex(element) ? [element.re, element.im] : [Number(element), 0]))
    return { bytes: Float64Array.from(pairs), dtype: dtypes.complex128 }
  }
  const number = (element: Element) => floatOf(element, dtype)
  if (dtype === dtypes.float32) return { bytes: Float32Array.from(elements, number), dtype }
  return { bytes: Float64Array.from(elements, number), dtype: dtypes.float64 }
}
