// Factories whose arguments are not an operator's own: those where a JavaScript value alone decides the dtype.

import { get_default_dtype } from '../core/default_dtype.js'
import type { DeviceLike, Layout } from '../core/device.js'
import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import type { Scalar } from '../operators/operator.js'
import { fromData, type NestedArray } from './elements.js'

export interface TensorOptions {
  dtype?: DType | undefined
  device?: DeviceLike | undefined
  requires_grad?: boolean | undefined
  /** Puts it in memory of the host that a GPU reads by itself: copies from there need not wait. */
  pin_memory?: boolean | undefined
}

/**
 * A tensor with a copy of the data: nested arrays, a typed array, a number, or another tensor's elements.
 * Numbers give float32 (Python's 1.0), bigints int64 (Python's 1), booleans bool, {re, im} complex64.
 * @throws {RangeError} if nested arrays are ragged.
 */
export function tensor(data: NestedArray, { dtype, device, requires_grad, pin_memory }: TensorOptions = {}): Tensor {
  let made = internals.isTensor(data) ? data.detach().clone() : fromData(data, dtype)
  if (device !== undefined || (dtype !== undefined && made.dtype !== dtype)) made = aten.to(made, { dtype, device })
  if (pin_memory) made = made.pin_memory()
  return requires_grad ? made.requires_grad_() : made
}

/** The data as a tensor: a tensor of this dtype and device comes back as itself. */
export function as_tensor(
  data: NestedArray,
  { dtype, device }: Omit<TensorOptions, 'requires_grad' | 'pin_memory'> = {},
): Tensor {
  const made = internals.isTensor(data) ? data : fromData(data, dtype)
  if (dtype === undefined && device === undefined) return made
  return aten.to(made, { dtype: dtype ?? made.dtype, device: device ?? made.device })
}

export interface FullOptions extends TensorOptions {
  layout?: Layout | undefined
}

/** A tensor of `size` filled with one value. A number gives float32, a bigint int64, a boolean bool. */
export function full(size: readonly number[], fill_value: Scalar, options?: FullOptions): Tensor
export function full(options: { size: readonly number[]; fill_value: Scalar } & FullOptions): Tensor
export function full(
  size: readonly number[] | ({ size: readonly number[]; fill_value: Scalar } & FullOptions),
  fill_value?: Scalar,
  options: FullOptions = {},
): Tensor {
  if (!Array.isArray(size)) {
    const {
      size: sizes,
      fill_value: value,
      ...rest
    } = size as { size: readonly number[]; fill_value: Scalar } & FullOptions
    return full(sizes, value, rest)
  }
  const { requires_grad, ...rest } = options
  const dtype = rest.dtype ?? (typeof fill_value === 'number' ? get_default_dtype() : undefined)
  const made = aten.full(size, fill_value as Scalar, { ...rest, dtype })
  return requires_grad ? made.requires_grad_() : made
}

/** Tensors of one type, as in `torch.LongTensor([0, 2])`. */
function typed(dtype: DType): (data?: NestedArray) => Tensor {
  return (data: NestedArray = []) => tensor(data, { dtype })
}

export const FloatTensor = typed(dtypes.float32)
export const DoubleTensor = typed(dtypes.float64)
export const HalfTensor = typed(dtypes.float16)
export const BFloat16Tensor = typed(dtypes.bfloat16)
export const ByteTensor = typed(dtypes.uint8)
export const CharTensor = typed(dtypes.int8)
export const ShortTensor = typed(dtypes.int16)
export const IntTensor = typed(dtypes.int32)
export const LongTensor = typed(dtypes.int64)
export const BoolTensor = typed(dtypes.bool)

export interface AsArrayOptions extends TensorOptions {
  /** Whether the data is copied; null copies where it must. */
  copy?: boolean | null | undefined
}

/** The data as a tensor: a tensor of this dtype and device comes back as it is, unless a copy is asked for. */
export function asarray(
  data: NestedArray,
  { dtype, device, copy = null, requires_grad = false }: AsArrayOptions = {},
): Tensor {
  const made = as_tensor(data, { dtype, device })
  if (copy === false && made !== data) {
    throw new RangeError(
      internals.isTensor(data) ? "can't alias tensor with another dtype or device" : "can't alias arbitrary sequence",
    )
  }
  const own = internals.isTensor(data) && copy ? made.detach().clone() : made
  if (!requires_grad) return own
  return (own === data ? own.detach() : own).requires_grad_()
}
