// Gives Tensor its methods: the operators (generated/methods.ts), and what Python writes by hand.

import { type BackwardOptions, backward } from './autograd/backward.js'
import { cuda, requireCuda } from './cuda/available.js'
import { type Stream, streamHandle } from './cuda/streams.js'
import type { Element, NestedArray, NestedList, TypedArray } from './data.js'
import { elementsOf, item, to_typed_array, tolist } from './data.js'
import { Device, type DeviceLike, type Layout, layoutNamed, type MemoryFormat } from './device.js'
import * as dtypes from './dtype.js'
import { DType, dtypeNamed } from './dtype.js'
import { tensor } from './factories.js'
import { lu, nonzero, norm, split, stft, type UniqueOptions, unique, unique_consecutive, where } from './functions.js'
import { methodNames, type TensorMethods } from './generated/methods.js'
import { type GradFn, gradFnOf } from './grad_fn.js'
import { getIndex, type Index, setIndex } from './indexing.js'
import { native } from './native.js'
import { isOptions, type Scalar } from './operator.js'
import { aten, methodNamed } from './operator_table.js'
import { tensorString } from './printing.js'
import { internals, Tensor } from './tensor.js'

export interface ToOptions {
  dtype?: DType | null | undefined
  device?: DeviceLike | null | undefined
  non_blocking?: boolean | undefined
  copy?: boolean | undefined
  memory_format?: MemoryFormat | null | undefined
}

interface NormOptions {
  p?: number | 'fro' | 'nuc' | null | undefined
  dim?: number | readonly number[] | null | undefined
  keepdim?: boolean | undefined
  dtype?: DType | null | undefined
}

interface StftOptions {
  hop_length?: number | null | undefined
  win_length?: number | null | undefined
  window?: Tensor | null | undefined
  center?: boolean | undefined
  pad_mode?: string | undefined
  normalized?: boolean | undefined
  onesided?: boolean | null | undefined
  return_complex?: boolean | null | undefined
  align_to_window?: boolean | null | undefined
}

declare module './tensor.js' {
  interface Tensor extends TensorMethods {
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
    /** Tells the allocator that a stream uses this memory: it is not used anew before that stream is done with it. */
    record_stream(stream: Stream): void
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

    /** Computes the gradients of the graph's leaves and adds them to their `grad`. */
    backward(gradient?: Tensor | null, options?: BackwardOptions): void
    backward(options: BackwardOptions & { gradient?: Tensor | null }): void

    /** Python's `x[...]`: `x.index(0, '1:', null, '...', mask)`. */
    index(...indices: Index[]): Tensor
    /** Python's `x[indices] = value`. */
    index_set_(indices: readonly Index[], value: Tensor | NestedArray): this
    /** Slices along the first dimension. */
    [Symbol.iterator](): IterableIterator<Tensor>

    new_tensor(data: NestedArray, options?: { dtype?: DType; device?: DeviceLike; requires_grad?: boolean }): Tensor

    /** torch.norm of this tensor. */
    norm(
      p?: number | 'fro' | 'nuc' | null,
      dim?: number | readonly number[] | null,
      keepdim?: boolean,
      options?: NormOptions,
    ): Tensor
    norm(p: number | 'fro' | 'nuc' | null, dim: number | readonly number[] | null, options: NormOptions): Tensor
    norm(p: number | 'fro' | 'nuc' | null, options: NormOptions): Tensor
    norm(options: NormOptions): Tensor
    /** Parts of this size (the last may be smaller), or of these sizes, along a dimension: views. */
    split(split_size: number | readonly number[], dim?: number): Tensor[]
    split(split_size: number | readonly number[], options: { dim?: number }): Tensor[]
    /** torch.stft of this tensor. */
    stft(n_fft: number, options?: StftOptions): Tensor
    stft(
      n_fft: number,
      hop_length: number | null,
      win_length: number | null,
      window: Tensor | null,
      options?: StftOptions,
    ): Tensor
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

    /** The operation that made this tensor, or null for a leaf. */
    readonly grad_fn: GradFn | null
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

function define(methods: Record<string | symbol, (...args: never[]) => unknown> & ThisType<Tensor>): void {
  for (const name of Reflect.ownKeys(methods)) {
    const method = (methods as Record<string | symbol, (...args: unknown[]) => unknown>)[name] as () => unknown
    const value = function (this: Tensor, ...args: []): unknown {
      internals.checkTensor(this)
      return method.apply(this, args)
    }
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true })
  }
}

/** Methods that are functions with the tensor first. */
for (const [name, invoke] of Object.entries({ norm, split, stft, nonzero, unique, unique_consecutive, lu })) {
  const method = function (this: Tensor, ...args: unknown[]): unknown {
    internals.checkTensor(this)
    return (invoke as (...args: unknown[]) => unknown)(this, ...args)
  }
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true })
}

function defineGetters(getters: Record<string, (this: Tensor) => unknown>): void {
  for (const [name, get] of Object.entries(getters)) {
    Object.defineProperty(Tensor.prototype, name, { get, configurable: true })
  }
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
  return aten<Tensor>('to', self, { ...options } as Record<string, unknown>)
}

function replaceElements(self: Tensor, values: Element[]): Tensor {
  if (!self.is_cpu) throw new TypeError('apply_ and map_ are only implemented on CPU tensors')
  if (self.requires_grad)
    throw new Error("Can't call apply_() or map_() on a tensor that requires grad. Use tensor.detach() first.")
  return aten<Tensor>('copy_', self, aten<Tensor>('view', tensor(values, { dtype: self.dtype }), [...self.shape]))
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
  record_stream(stream: Stream) {
    cuda().record_stream(internals.handleOf(this), streamHandle(stream))
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
    return aten('polygamma', n, this)
  },
  to_sparse_coo() {
    return aten('to_sparse', this)
  },
  apply_(fn: (value: Element) => Element) {
    return replaceElements(this, elementsOf(this).map(fn))
  },
  map_(tensor: Tensor, fn: (a: Element, b: Element) => Element) {
    const others = elementsOf(aten<Tensor>('broadcast_to', tensor, [...this.shape]))
    return replaceElements(
      this,
      elementsOf(this).map((value, i) => fn(value, others[i] as Element)),
    )
  },
  backward(gradient?: unknown, options: BackwardOptions = {}) {
    if (isOptions(gradient)) {
      const { gradient: given = null, ...rest } = gradient as BackwardOptions & { gradient?: Tensor | null }
      backward(this, given, rest)
    } else {
      backward(this, gradient as Tensor | null | undefined, options)
    }
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
    yield* aten<Tensor[]>('unbind', this, 0)
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
  grad_fn() {
    return gradFnOf(this)
  },
  T() {
    return aten('numpy_T', this)
  },
  mT() {
    return aten('mT', this)
  },
  H() {
    return aten('matrix_H', this)
  },
  mH() {
    return aten('mH', this)
  },
  real() {
    return aten('real', this)
  },
  imag() {
    return aten('imag', this)
  },
  layout() {
    return layoutNamed(native.layout(internals.handleOf(this)))
  },
})
