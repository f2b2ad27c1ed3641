// NumPy's scalars and arrays in checkpoints, for those who declare their names safe.

import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { UnpicklingError } from './error.js'
import { type Buildable, Global } from './objects.js'
import { countsIn, flagIn } from './rebuild.js'

type Args = readonly unknown[]

/** NumPy's codes: kind and bytes. */
const CODES = new Map<string, DType>([
  ['b1', dtypes.bool],
  ['i1', dtypes.int8],
  ['i2', dtypes.int16],
  ['i4', dtypes.int32],
  ['i8', dtypes.int64],
  ['u1', dtypes.uint8],
  ['u2', dtypes.uint16],
  ['u4', dtypes.uint32],
  ['u8', dtypes.uint64],
  ['f2', dtypes.float16],
  ['f4', dtypes.float32],
  ['f8', dtypes.float64],
  ['c8', dtypes.complex64],
  ['c16', dtypes.complex128],
])

class NumpyDType implements Buildable {
  #swapped = false

  constructor(readonly dtype: DType) {}

  /** `(version, byte order, ...)` */
  build(state: unknown): void {
    const order = Array.isArray(state) ? state[1] : null
    if (!['<', '>', '|', '='].includes(order)) throw new UnpicklingError('a numpy.dtype of an unknown byte order')
    this.#swapped = order === '>'
  }

  /** The elements in these bytes, in one dimension. */
  read(bytes: Uint8Array): Tensor {
    const { code, itemsize, is_complex } = this.dtype
    if (bytes.length % itemsize !== 0) throw new UnpicklingError('a numpy.ndarray that is cut off')
    const own = bytes.slice()
    if (this.#swapped) {
      const part = is_complex ? itemsize / 2 : itemsize
      for (let i = 0; i < own.length; i += part) own.subarray(i, i + part).reverse()
    }
    return internals.wrap(native.from_bytes(own, code, [own.length / itemsize]))
  }
}

class NumpyArray implements Buildable {
  #made: Tensor | null = null

  /** `(version, shape, dtype, is_fortran, bytes)` */
  build(state: unknown): void {
    const [, shape, dtype, fortran, bytes] = Array.isArray(state) ? state : []
    if (!(dtype instanceof NumpyDType) || !(bytes instanceof Uint8Array)) {
      throw new UnpicklingError('a numpy.ndarray of other elements than numbers')
    }
    const sizes = countsIn('the shape of a numpy.ndarray', shape)
    const flat = dtype.read(bytes)
    if (sizes.reduce((product, size) => product * size, 1) !== flat.numel()) {
      throw new UnpicklingError(`a numpy.ndarray of shape [${sizes}] with ${flat.numel()} elements`)
    }
    if (!flagIn('is_fortran', fortran)) this.#made = flat.reshape(sizes)
    else
      this.#made = flat
        .reshape(sizes.toReversed())
        .permute(sizes.map((_, i) => sizes.length - 1 - i))
        .contiguous()
  }

  /** What becomes of it: a tensor. */
  finished(): Tensor {
    if (this.#made === null) throw new UnpicklingError('a numpy.ndarray without data')
    return this.#made
  }
}

function makeDType([code]: Args): NumpyDType {
  const dtype = typeof code === 'string' ? CODES.get(code) : undefined
  if (dtype === undefined) throw new UnpicklingError(`the numpy.dtype ${String(code)} is not read`)
  return new NumpyDType(dtype)
}

function makeScalar([dtype, bytes]: Args): unknown {
  if (!(dtype instanceof NumpyDType) || !(bytes instanceof Uint8Array) || bytes.length !== dtype.dtype.itemsize) {
    throw new UnpicklingError('a scalar of NumPy that is no number')
  }
  const value = dtype.read(bytes)
  const { code, is_complex } = dtype.dtype
  if (!is_complex) return native.item(internals.handleOf(value))
  const [re, im] = native.item(internals.handleOf(value)) as [number, number]
  return code === dtypes.complex64.code || code === dtypes.complex128.code ? { re, im } : re
}

function reconstruct([cls]: Args): NumpyArray {
  if (!(cls instanceof Global) || cls.path !== 'numpy.ndarray') throw new UnpicklingError('an array of another class')
  return new NumpyArray()
}

/** NumPy 2 calls its core otherwise than NumPy 1. */
const CORES = ['numpy._core.multiarray', 'numpy.core.multiarray']

const READERS: ReadonlyMap<string, Global> = new Map(
  [
    new Global('numpy.dtype', makeDType),
    new Global('numpy.ndarray'),
    ...CORES.flatMap((core) => [
      new Global(`${core}.scalar`, makeScalar),
      new Global(`${core}._reconstruct`, reconstruct),
    ]),
  ].map((global) => [global.path, global]),
)

/** What reads this name of NumPy's; undefined where nothing does. The classes of dtypes are never needed. */
export const numpyGlobal = (path: string): Global | undefined =>
  READERS.get(path) ?? (/^numpy\.dtypes\.\w+DType$/.test(path) ? new Global(path) : undefined)
