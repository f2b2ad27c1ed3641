// torch.get_default_dtype and set_default_dtype: what numbers alone become. One for the process, as in Python.

import * as dtypes from './dtype.js'
import { type DType, dtypeOf } from './dtype.js'
import { native } from './native.js'

/** The floating-point dtype of factories without a dtype, and of tensors made of numbers. */
export function get_default_dtype(): DType {
  return dtypeOf(native.default_dtype())
}

/** @throws {TypeError} for a dtype that is not floating-point. */
export function set_default_dtype(dtype: DType): void {
  if (!(dtype instanceof dtypes.DType))
    throw new TypeError(`invalid dtype object: only floating-point types are supported as the default type`)
  native.set_default_dtype(dtype.code)
}

/** The complex dtype that goes with the default one. */
export function defaultComplexDtype(): DType {
  const dtype = get_default_dtype()
  return dtype === dtypes.float64 ? dtypes.complex128 : dtype === dtypes.float16 ? dtypes.complex32 : dtypes.complex64
}
