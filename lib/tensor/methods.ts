// Gives Tensor its methods: the operators (generated/methods.ts), and what Python writes by hand.

import { requireCuda } from '../core/cuda_available.js'
import { type Layout, layoutNamed } from '../core/device.js'
import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import type { Size } from '../core/size.js'
import { internals, Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { broadcast_to, imag, polygamma, real } from '../generated/functions.js'
import { methodNames, type TensorMethods } from '../generated/methods.js'
import { type Arguments, read } from '../operators/generated/arguments.js'
import type { PythonMethods } from '../operators/generated/python_functions.js'
import type { Scalar, Tensors } from '../operators/operator.js'
import { methodNamed } from '../operators/table.js'
import { type Conversion, type ConversionArguments, conversionOf } from './conversion.js'
import { define, defineGetters } from './define.js'
import type { Element, NestedArray, NestedList, TypedArray } from './elements.js'
import { elementsOf, item, to_typed_array, tolist } from './elements.js'
import { type TensorOptions, tensor } from './factories.js'
import { lu, nonzero, norm, split, stft, type UniqueOptions, unique, unique_consecutive, where } from './functions.js'
import { getIndex, type Index, setIndex } from './indexing.js'
import { tensorString } from './printing.js'
import { typeName, typeNamed } from './type_names.js'

declare module '../core/tensor.js' {
  interface Tensor extends TensorMethods, PythonMethods {
    /** The single element as a number; `item<bigint>()`, `item<boolean>()` name what other dtypes give. */
    item<T extends Element = number>(): T
    /** Nested arrays of the elements. */
    // biome-ignore lint/suspicious/noExplicitAny: only the caller knows how deep it is, as in Python
    tolist<T extends Element | NestedList = any>(): T
    /** The elements in row-major order, over the tensor's own memory where possible. */
    to_typed_array(options?: { copy?: boolean }): TypedArray
    toJSON(): Element | NestedList

    /** The tensor in this dtype, on this device; the tensor itself if it already is. */
    to(...args: ConversionArguments): Tensor
    cpu(...args: Arguments['Tensor.cpu']): Tensor
    cuda(...args: Arguments['Tensor.cuda']): Tensor
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
    /** The type's name, such as torch.FloatTensor; or the tensor in another type. */
    type(): string
    type(dtype: DType | string, non_blocking?: boolean): Tensor
    type(...args: Arguments['Tensor.type']): string | Tensor

    /** The shape, or the size of dimension `dim`, counted from the end where negative. */
    size(): Size
    size(dim: number | { dim: number }): number
    size(...args: Arguments['Tensor.size']): Size | number
    /** How many elements lie between neighbours of each dimension, or of dimension `dim`. */
    stride(): number[]
    stride(dim: number | { dim: number }): number
    stride(...args: Arguments['Tensor.stride']): number[] | number

    /** Python's `x[...]`: `x.index(0, '1:', null, '...', mask)`. */
    index(...indices: Index[]): Tensor
    /** Python's `x[indices] = value`. */
    index_set_(indices: readonly Index[], value: Tensor | NestedArray): this
    /** Slices along the first dimension. */
    [Symbol.iterator](): IterableIterator<Tensor>

    new_tensor(data: NestedArray, options?: TensorOptions): Tensor
    new_tensor(options: TensorOptions & { data: NestedArray }): Tensor

    /** Parts of this size (the last may be smaller), or of these sizes, along a dimension: views. */
    split(split_size: number | readonly number[], dim?: number | { dim?: number | undefined }): Tensors
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
    /** Replaces each element by what `callable` makes of it. On the CPU; slow, as in Python. */
    apply_(callable: (value: Element) => Element): this
    /** Replaces each element by what `callable` makes of it and its counterpart. On the CPU; slow, as in Python. */
    map_(tensor: Tensor, callable: (a: Element, b: Element) => Element): this
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
    internals.checkTensor(this)
    return (invoke as (...args: unknown[]) => unknown)(this, ...args)
  }
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true })
}

function to(self: Tensor, options: Partial<Conversion>): Tensor {
  return aten.to(self, { ...options })
}

/** The element at dimension `dim`, counted from the end where negative. */
function elementOf(list: readonly number[], dim: number): number {
  const element = list.at(dim)
  if (element === undefined || !Number.isInteger(dim)) {
    const range = `[${-Math.max(list.length, 1)}, ${Math.max(list.length, 1) - 1}]`
    throw new RangeError(`Dimension out of range (expected to be in range of ${range}, but got ${dim})`)
  }
  return element
}

function replaceElements(self: Tensor, values: Element[]): Tensor {
  if (!self.is_cpu) throw new TypeError('apply_ and map_ are only implemented on CPU tensors')
  if (self.requires_grad)
    throw new Error("Can't call apply_() or map_() on a tensor that requires grad. Use tensor.detach() first.")
  return self.copy_(tensor(values, { dtype: self.dtype, device: 'cpu' }).view([...self.shape]))
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
  // biome-ignore lint/suspicious/noExplicitAny: as above
  tolist(): any {
    return tolist(this)
  },
  toJSON() {
    return tolist(this)
  },
  to_typed_array(options?: { copy?: boolean }) {
    return to_typed_array(this, options)
  },
  to(...args: unknown[]) {
    return to(this, conversionOf(args))
  },
  cpu(...args: Arguments['Tensor.cpu']) {
    return to(this, { device: 'cpu', ...read('Tensor.cpu', args) })
  },
  cuda(...args: Arguments['Tensor.cuda']) {
    const { device, ...options } = read('Tensor.cuda', args)
    requireCuda()
    return to(this, { device: typeof device === 'number' ? `cuda:${device}` : (device ?? 'cuda'), ...options })
  },
  size(...args: Arguments['Tensor.size']) {
    const { shape } = this
    const [first] = args
    // Not by the reader where that is plain: this is called everywhere.
    const isPlain = args.length === 0 || (args.length === 1 && typeof first === 'number')
    const dim = isPlain ? first : read('Tensor.size', args).dim
    if (dim === undefined || dim === null) return shape
    return elementOf(shape, dim as number)
  },
  stride(...args: Arguments['Tensor.stride']) {
    const { dim } = read('Tensor.stride', args)
    const strides = native.strides(internals.handleOf(this))
    return dim === null ? strides : elementOf(strides, dim)
  },
  // An operator since libtorch 2.12.
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
  type(...args: Arguments['Tensor.type']) {
    const { dtype, non_blocking } = read('Tensor.type', args)
    if (dtype === null) return typeName(this)
    const wanted = typeof dtype === 'string' ? typeNamed(dtype) : { dtype }
    if (wanted === undefined) throw new TypeError(`invalid type: '${dtype}'`)
    return to(this, { ...wanted, non_blocking })
  },
  where(...args: Arguments['Tensor.where']) {
    const { condition, other } = read('Tensor.where', args)
    return where(condition, this, other)
  },
  polygamma(...args: Arguments['Tensor.polygamma']) {
    return polygamma(read('Tensor.polygamma', args).n, this)
  },
  to_sparse_coo() {
    return this.to_sparse()
  },
  apply_(...args: Arguments['Tensor.apply_']) {
    const { callable } = read('Tensor.apply_', args)
    return replaceElements(
      this,
      elementsOf(this).map((value) => callable(value)),
    )
  },
  map_(...args: Arguments['Tensor.map_']) {
    const { tensor, callable } = read('Tensor.map_', args)
    const others = elementsOf(broadcast_to(tensor, [...this.shape]))
    return replaceElements(
      this,
      elementsOf(this).map((value, i) => callable(value, others[i])),
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
    if (this.dim() === 0) {
      throw new TypeError(
        'iteration over a 0-d tensor; to compare tensors in a test: expect.addEqualityTesters([torch.testing.equality_tester])',
      )
    }
    yield* this.unbind(0)
  },
  new_tensor(...args: unknown[]) {
    const { data, dtype, device, ...options } = read('Tensor.new_tensor', args)
    return tensor(data as NestedArray, { dtype: dtype ?? this.dtype, device: device ?? this.device, ...options })
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
