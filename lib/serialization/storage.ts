// Storages, as checkpoints name them: the bytes that tensors are views on.

import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'

/** Python's classes of storages. Of the dtypes that came later the storages are untyped. */
const CLASSES = new Map<string, DType>([
  ['DoubleStorage', dtypes.float64],
  ['FloatStorage', dtypes.float32],
  ['HalfStorage', dtypes.float16],
  ['LongStorage', dtypes.int64],
  ['IntStorage', dtypes.int32],
  ['ShortStorage', dtypes.int16],
  ['CharStorage', dtypes.int8],
  ['ByteStorage', dtypes.uint8],
  ['BoolStorage', dtypes.bool],
  ['BFloat16Storage', dtypes.bfloat16],
  ['ComplexDoubleStorage', dtypes.complex128],
  ['ComplexFloatStorage', dtypes.complex64],
  ['QInt8Storage', dtypes.qint8],
  ['QInt32Storage', dtypes.qint32],
  ['QUInt8Storage', dtypes.quint8],
])
const NAMES = new Map([...CLASSES].map(([name, dtype]) => [dtype, name]))

/** Python's classes that have a dtype, or are untyped; by module and name. */
export const UNTYPED = 'torch.storage.UntypedStorage'

/** The class of a storage in a pickle: null where it is untyped. */
export class StorageType {
  constructor(readonly dtype: DType | null) {}
}

/** The class of this name; undefined where there is none. */
export function storageTypeNamed(path: string): StorageType | undefined {
  if (path === UNTYPED) return new StorageType(null)
  const dtype = CLASSES.get(/^torch\.(?:cuda\.)?(\w+Storage)$/.exec(path)?.[1] ?? '')
  return dtype === undefined ? undefined : new StorageType(dtype)
}

/** The name of the class of a dtype's storages; undefined where they are untyped. */
export const storageNameOf = (dtype: DType): string | undefined => NAMES.get(dtype)

/** A storage of a checkpoint that is being loaded. */
export class Storage {
  constructor(
    /** Null where it is untyped. */
    readonly dtype: DType | null,
    /** All of it, as a uint8 tensor. */
    readonly bytes: Tensor,
    /** Where tensors count from, in elements. */
    readonly base = 0,
  ) {}

  /** A tensor on this storage. `empty` is what it is made of where its dtype is quantised. */
  view(
    dtype: DType,
    offset: number,
    sizes: readonly number[],
    strides: readonly number[],
    empty: Tensor | null = null,
  ): Tensor {
    const made = empty === null ? null : internals.handleOf(empty)
    const handle = native.view_storage(
      internals.handleOf(this.bytes),
      dtype.code,
      this.base + offset,
      sizes,
      strides,
      made,
    )
    return internals.wrap(handle)
  }
}
