// Gives Tensor its methods: the operators (generated/methods.ts), and what Python writes by hand.

import { requireCuda } from '../core/cuda_available.js'
import { Device, type DeviceLike, type Layout, layoutNamed, type MemoryFormat } from '../core/device.js'
import * as dtypes from '../core/dtype.js'
import { DType, dtypeNamed } from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals, Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { broadcast_to, imag, polygamma, real } from '../generated/functions.js'
import { methodNames, type TensorMethods } from '../generated/methods.js'
import type { PythonMethods } from '../operators/generated/python_functions.js'
import { isOptions, type Scalar } from '../operators/operator.js'
import { methodNamed } from '../operators/table.js'
import { define, defineGetters } from './define.js'
import type { Element, NestedArray, NestedList, TypedArray } from './elements.js'
import { elementsOf, item, to_typed_array, tolist } from './elements.js'
import { tensor } from './factories.js'
import { lu, nonzero, norm, split, stft, type UniqueOptions, unique, unique_consecutive, where } from './functions.js'
import { getIndex, type Index, setIndex } from './indexing.js'
import { tensorString } from './printing.js'

export interface ToOptions {
  dtype?: DType | null | undefined
  device?: DeviceLike | null | undefined
  non_blocking?: boolean | undefined
  copy?: boolean | undefined
  memory_format?: MemoryFormat | null | undefined
}

declare module '../core/tensor.js' {
  interface Tensor extends TensorMethods, PythonMethods {
    /** The single element as a number; `item<bigint>()`, `item<boolean>()` name what other dtypes give. */
    item<T extends Element = number>(): T
    /** Nested arrays of the elements. */
    tolist(): NestedList
    /** The elements in row-major order, over the tensor's own memory where possible. */
    to_typed_array(options?: { copy?: boolean }): TypedArray
    toJSON(): Element | NestedList

    /** This dtype, this device: the tensor itself where it already is so. */
    to(dtype: DType, non_blocking?: boolean, copy?: boolean, options?: ToOptions): Tensor
    to(dtype: DType, options?: ToOptions): Tensor
    to(
      device: DeviceLike | null,
      dtype?: DType | null,
      non_blocking?: boolean,
      copy?: boolean,
      options?: ToOptions,
    ): Tensor
    to(device: DeviceLike, options?: ToOptions): Tensor
    to(other: Tensor, options?: ToOptions): Tensor
    to(options: ToOptions): Tensor
    cpu(): Tensor
    cuda(device?: DeviceLike | number): Tensor
    float(): Tensor
    double(): Tensor
    half(): Tensor
    bfloat16(): Tensor
    long(): Tensor
    int(): Tensor
    short(): Tensor
    char(): Tensor
    byte(): Tensor
    bool(): Tensor
    cfloat(): Tensor
    cdouble(): Tensor
    chalf(): Tensor
    /** The dtype's name; or the tensor in another dtype. */
    type(): string
    type(dtype: DType | string): Tensor

    /** Python's `x[...]`: `x.index(0, '1:', null, '...', mask)`. */
    index(...indices: Index[]): Tensor
    /** Python's `x[indices] = value`. */
    index_set_(indices: readonly Index[], value: Tensor | NestedArray): this
    /** Slices along the first dimension. */
    [Symbol.iterator](): IterableIterator<Tensor>

    new_tensor(data: NestedArray, options?: { dtype?: DType; device?: DeviceLike; requires_grad?: boolean }): Tensor

    /** Parts of this size (the last may be smaller), or of these sizes, along a dimension: views. */
    split(split_size: number | readonly number[], dim?: number): Tensor[]
    split(split_size: number | readonly number[], options: { dim?: number }): Tensor[]
    /** Where the condition holds this tensor's elements, else those of `other`. */
    where(condition: Tensor, other: Tensor | Scalar): Tensor
    /** The n-th derivative of the digamma function. */
    polygamma(n: number): Tensor
    /** The places of elements that are not 0: (n, dims); or, with as_tuple, a vector for each dimension. */
    nonzero(options?: { as_tuple?: false }): Tensor
    nonzero(options: { as_tuple: true }): Tensor[]
    /** torch.unique of this tensor. */
    unique(options?: UniqueOptions & { return_inverse?: false; return_counts?: false }): Tensor
    unique(options: UniqueOptions): Tensor[]
    unique(sorted: boolean, return_inverse?: false, return_counts?: false, dim?: number | null): Tensor
    /** torch.unique_consecutive of this tensor. */
    unique_consecutive(
      options?: Omit<UniqueOptions, 'sorted'> & { return_inverse?: false; return_counts?: false },
    ): Tensor
    unique_consecutive(options: Omit<UniqueOptions, 'sorted'>): Tensor[]
    /** The tensor in sparse COO layout. */
    to_sparse_coo(): Tensor
    /** Replaces each element by what `fn` makes of it. On the CPU; slow, as in Python. */
    apply_(fn: (value: Element) => Element): this
    /** Replaces each element by what `fn` makes of it and its counterpart. On the CPU; slow, as in Python. */
    map_(tensor: Tensor, fn: (a: Element, b: Element) => Element): this
    /** torch.lu of this tensor. */
    lu(options?: { pivot?: boolean; get_infos?: boolean }): Tensor[]

    readonly T: Tensor
    readonly mT: Tensor
    readonly H: Tensor
    readonly mH: Tensor
    readonly real: Tensor
    readonly imag: Tensor
    readonly layout: Layout
  }
}

for (const name of methodNames.split(' ')) {
  if (name in Tensor.prototype) continue
  Object.defineProperty(Tensor.prototype, name, { value: methodNamed(name), writable: true, configurable: true })
}

/** Methods that are functions with the tensor first. */
for (const [name, invoke] of Object.entries({ norm, split, stft, nonzero, unique, unique_consecutive, lu })) {
  const method = function (this: Tensor, ...args: unknown[]): unknown {
    return (invoke as (...args: unknown[]) => unknown)(this, ...args)
  }
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true })
}

/** The keyword form of whatever `to` was called with. */
function toOptions(args: unknown[]): ToOptions {
  const given = args.filter((arg) => arg !== undefined)
  const last = given.at(-1)
  const options = (isOptions(last) ? given.pop() : {}) as ToOptions
  const [target] = given
  const flags = (rest: unknown[]) => ({ non_blocking: rest[0] as boolean, copy: rest[1] as boolean })
  if (target === undefined) return options
  if (target instanceof DType) return { dtype: target, ...flags(given.slice(1)), ...options }
  if (internals.isTensor(target)) {
    return { dtype: target.dtype, device: target.device, ...flags(given.slice(1)), ...options }
  }
  if (target === null || typeof target === 'string' || target instanceof Device) {
    const dtype = given[1] === undefined ? undefined : (given[1] as DType | null)
    if (dtype !== undefined && dtype !== null && !(dtype instanceof DType)) {
      throw new TypeError(`to(): the argument after the device must be a dtype, not ${typeof dtype}`)
    }
    return { device: target as DeviceLike | null, dtype, ...flags(given.slice(2)), ...options }
  }
  throw new TypeError(`to() takes a dtype, a device or a tensor, not ${typeof target}`)
}

function to(self: Tensor, options: ToOptions): Tensor {
  return aten.to(self, { ...options })
}

function replaceElements(self: Tensor, values: Element[]): Tensor {
  if (!self.is_cpu) throw new TypeError('apply_ and map_ are only implemented on CPU tensors')
  if (self.requires_grad)
    throw new Error("Can't call apply_() or map_() on a tensor that requires grad. Use tensor.detach() first.")
  return self.copy_(tensor(values, { dtype: self.dtype }).view([...self.shape]))
}

function cast(dtype: DType) {
  return function (this: Tensor): Tensor {
    return to(this, { dtype })
  }
}

define({
  item() {
    return item(this)
  },
  tolist() {
    return tolist(this)
  },
  toJSON() {
    return tolist(this)
  },
  to_typed_array(options?: { copy?: boolean }) {
    return to_typed_array(this, options)
  },
  to(...args: unknown[]) {
    return to(this, toOptions(args))
  },
  cpu() {
    return to(this, { device: 'cpu' })
  },
  cuda(device: DeviceLike | number = 'cuda') {
    requireCuda()
    return to(this, { device: typeof device === 'number' ? `cuda:${device}` : device })
  },
  // An operator only from libtorch 2.12 on.
  get_device() {
    return this.device.index ?? -1
  },
  float: cast(dtypes.float32),
  double: cast(dtypes.float64),
  half: cast(dtypes.float16),
  bfloat16: cast(dtypes.bfloat16),
  long: cast(dtypes.int64),
  int: cast(dtypes.int32),
  short: cast(dtypes.int16),
  char: cast(dtypes.int8),
  byte: cast(dtypes.uint8),
  bool: cast(dtypes.bool),
  cfloat: cast(dtypes.complex64),
  cdouble: cast(dtypes.complex128),
  chalf: cast(dtypes.complex32),
  type(dtype?: DType | string) {
    if (dtype === undefined) return this.dtype.toString()
    const wanted = typeof dtype === 'string' ? dtypeNamed(dtype) : dtype
    if (wanted === undefined) throw new TypeError(`invalid type: '${dtype}'`)
    return to(this, { dtype: wanted })
  },
  where(condition: Tensor, other: Tensor | Scalar) {
    return where(condition, this, other)
  },
  polygamma(n: number) {
    return polygamma(n, this)
  },
  to_sparse_coo() {
    return this.to_sparse()
  },
  apply_(fn: (value: Element) => Element) {
    return replaceElements(this, elementsOf(this).map(fn))
  },
  map_(tensor: Tensor, fn: (a: Element, b: Element) => Element) {
    const others = elementsOf(broadcast_to(tensor, [...this.shape]))
    return replaceElements(
      this,
      elementsOf(this).map((value, i) => fn(value, others[i] as Element)),
    )
  },
  index(...indices: Index[]) {
    return getIndex(this, indices)
  },
  index_set_(indices: readonly Index[], value: Tensor | NestedArray) {
    setIndex(this, indices, value)
    return this
  },
  *[Symbol.iterator]() {
    if (this.dim() === 0) throw new TypeError('iteration over a 0-d tensor')
    yield* this.unbind(0)
  },
  new_tensor(data: NestedArray, options: { dtype?: DType; device?: DeviceLike; requires_grad?: boolean } = {}) {
    return tensor(data, { dtype: this.dtype, device: this.device, ...options })
  },
  toString() {
    return tensorString(this)
  },
  [Symbol.for('nodejs.util.inspect.custom')]() {
    return this.is_disposed ? 'tensor(<freed>)' : this.toString()
  },
})

defineGetters({
  T() {
    return aten.numpy_T(this)
  },
  mT() {
    return aten.mT(this)
  },
  H() {
    return aten.matrix_H(this)
  },
  mH() {
    return aten.mH(this)
  },
  real() {
    return real(this)
  },
  imag() {
    return imag(this)
  },
  layout() {
    return layoutNamed(native.layout(internals.handleOf(this)))
  },
})
