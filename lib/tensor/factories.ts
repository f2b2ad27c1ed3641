// Factories whose arguments are not an operator's own: those where a JavaScript value alone decides the dtype.

import { defaultDevice } from '../core/default_device.js'
import { get_default_dtype } from '../core/default_dtype.js'
import type { DeviceLike, Layout } from '../core/device.js'
import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { read } from '../operators/generated/arguments.js'
import type { Scalar } from '../operators/operator.js'
import { fromData, type NestedArray } from './elements.js'

export interface TensorOptions {
  dtype?: DType | null | undefined
  device?: DeviceLike | null | undefined
  requires_grad?: boolean | undefined
  /** Puts it in page-locked memory of the host, from which a GPU copies without blocking. */
  pin_memory?: boolean | undefined
}

/**
 * A tensor with a copy of the data: nested arrays, a typed array, a number, or another tensor's elements.
 * Numbers give float32 (Python's 1.0), bigints int64 (Python's 1), booleans bool, {re, im} complex64.
 * @throws {RangeError} if nested arrays are ragged.
 */
export function tensor(data: NestedArray, options?: TensorOptions): Tensor
export function tensor(options: TensorOptions & { data: NestedArray }): Tensor
export function tensor(...args: unknown[]): Tensor {
  const { data, dtype, requires_grad, pin_memory, ...place } = read('torch.tensor', args)
  const device = place.device ?? defaultDevice()
  let made = internals.isTensor(data) ? data.detach().clone() : fromData(data as NestedArray, dtype)
  if (device !== null || (dtype !== null && made.dtype !== dtype)) made = aten.to(made, { dtype, device })
  if (pin_memory) made = made.pin_memory()
  return requires_grad ? made.requires_grad_() : made
}

/** The data as a tensor: a tensor of this dtype and device comes back as itself. */
export function as_tensor(data: NestedArray, options?: Pick<TensorOptions, 'dtype' | 'device'>): Tensor
export function as_tensor(options: Pick<TensorOptions, 'dtype' | 'device'> & { data: NestedArray }): Tensor
export function as_tensor(...args: unknown[]): Tensor {
  const { data, dtype, device } = read('torch.as_tensor', args)
  return asTensor(data as NestedArray, dtype, device ?? defaultDevice())
}

function asTensor(data: NestedArray, dtype: DType | null, device: DeviceLike | null): Tensor {
  const made = internals.isTensor(data) ? data : fromData(data, dtype)
  if (dtype === null && device === null) return made
  return aten.to(made, { dtype: dtype ?? made.dtype, device: device ?? made.device })
}

export interface FullOptions extends TensorOptions {
  out?: Tensor | null | undefined
  layout?: Layout | null | undefined
}

/** A tensor of `size` filled with one value. A number gives float32, a bigint int64, a boolean bool. */
export function full(size: readonly number[], fill_value: Scalar, options?: FullOptions): Tensor
export function full(size: readonly number[], options: { fill_value: Scalar } & FullOptions): Tensor
export function full(options: { size: readonly number[]; fill_value: Scalar } & FullOptions): Tensor
export function full(...args: unknown[]): Tensor {
  const { size, fill_value, requires_grad, out, ...rest } = read('torch.full', args)
  const dtype = rest.dtype ?? (typeof fill_value === 'number' && out === null ? get_default_dtype() : null)
  const device = rest.device ?? defaultDevice()
  const made =
    out === null ? aten.full(size, fill_value, { ...rest, dtype, device }) : aten.full(size, fill_value, { out })
  return requires_grad ? made.requires_grad_() : made
}

/** Tensors of one type, as in `torch.LongTensor([0, 2])`. */
function typed(dtype: DType): (data?: NestedArray) => Tensor {
  return (data: NestedArray = []) => tensor(data, { dtype, device: 'cpu' })
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
export function asarray(obj: NestedArray, options?: AsArrayOptions): Tensor
export function asarray(options: AsArrayOptions & { obj: NestedArray }): Tensor
export function asarray(...args: unknown[]): Tensor {
  const { obj, dtype, device, copy, requires_grad } = read('torch.asarray', args)
  const data = obj as NestedArray
  const made = asTensor(data, dtype, device ?? defaultDevice())
  if (copy === false && made !== data) {
    throw new RangeError(
      internals.isTensor(data) ? "can't alias tensor with another dtype or device" : "can't alias arbitrary sequence",
    )
  }
  const own = internals.isTensor(data) && copy ? made.detach().clone() : made
  if (!requires_grad) return own
  return (own === data ? own.detach() : own).requires_grad_()
}
