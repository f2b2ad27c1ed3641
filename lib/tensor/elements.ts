// A tensor's elements as JavaScript values, and JavaScript values as elements.

import { defaultComplexDtype, get_default_dtype } from '../core/default_dtype.js'
import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { checkRoom } from '../core/room.js'
import { sharedBuffer } from '../core/shared_buffer.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import type { Complex } from '../operators/operator.js'
import { isComplex, ownFields } from '../operators/options.js'
import { packed } from './packing.js'

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** What one element is in JavaScript. */
export type Element = number | bigint | boolean | Complex

/** Nested arrays of elements. */
export type NestedArray = Element | Tensor | TypedArray | readonly NestedArray[]

type TypedArrayClass = { new (buffer: ArrayBuffer): TypedArray; from(values: ArrayLike<never>): TypedArray }

const ARRAY_OF = new Map<DType, TypedArrayClass>([
  [dtypes.float32, Float32Array],
  [dtypes.float64, Float64Array],
  [dtypes.int8, Int8Array],
  [dtypes.uint8, Uint8Array],
  [dtypes.bool, Uint8Array],
  [dtypes.int16, Int16Array],
  [dtypes.uint16, Uint16Array],
  [dtypes.int32, Int32Array],
  [dtypes.uint32, Uint32Array],
  [dtypes.int64, BigInt64Array],
  [dtypes.uint64, BigUint64Array],
  // Real and imaginary parts alternate.
  [dtypes.complex64, Float32Array],
  [dtypes.complex128, Float64Array],
] as [DType, TypedArrayClass][])

const DTYPE_OF = new Map<unknown, DType>([
  ['Float16Array', dtypes.float16],
  ['Float32Array', dtypes.float32],
  ['Float64Array', dtypes.float64],
  ['Int8Array', dtypes.int8],
  ['Uint8Array', dtypes.uint8],
  ['Uint8ClampedArray', dtypes.uint8],
  ['Int16Array', dtypes.int16],
  ['Uint16Array', dtypes.uint16],
  ['Int32Array', dtypes.int32],
  ['Uint32Array', dtypes.uint32],
  ['BigInt64Array', dtypes.int64],
  ['BigUint64Array', dtypes.uint64],
])

/** What a typed array holds, in its own words: a subclass, and an array of another realm (vm, Jest), say the same. */
const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as () => string | undefined

/** The dtype of a typed array's elements. */
export function dtypeOfArray(array: ArrayBufferView): DType | undefined {
  return DTYPE_OF.get(tagOf.call(array))
}

/**
 * The elements in row-major order, as the typed array of the dtype (bool: Uint8Array; complex: re and im alternate;
 * float16, bfloat16, float8 and complex32: Float32Array). A contiguous CPU tensor's array is the tensor's own memory, as with
 * `numpy()`: writing to one changes the other, and the memory stays until neither is needed. `{ copy: true }` always
 * copies.
 */
export function to_typed_array(tensor: Tensor, options: { copy?: boolean } = {}): TypedArray {
  const { copy = false } = ownFields(options)
  if (tensor.requires_grad) {
    throw new Error("can't call to_typed_array() on a tensor that requires grad: use tensor.detach().to_typed_array()")
  }
  const type = ARRAY_OF.get(tensor.dtype)
  if (tensor.dtype === dtypes.complex32) return new Float32Array(bytesAs(tensor, dtypes.complex64))
  if (type === undefined) return new Float32Array(bytesAs(tensor, dtypes.float32))
  const shared = copy ? null : sharedBuffer(internals.handleOf(tensor))
  return new type(shared ?? native.to_bytes(internals.handleOf(tensor)))
}

function bytesAs(tensor: Tensor, dtype: DType): ArrayBuffer {
  const converted = aten.to(tensor.detach(), dtype)
  const bytes = native.to_bytes(internals.handleOf(converted))
  converted.dispose()
  return bytes
}

// What V8 takes for a list, for an element's place in one, and for an element itself with its place.
const BYTES_OF_LIST = 56
const BYTES_OF_PLACE = 8
const bytesOfElement = (dtype: DType): number => (dtype.is_complex ? 72 : 8)
/** So few elements and lists have room. */
const FEW = 1000

/** The elements in row-major order, as JavaScript values. */
export function elementsOf(tensor: Tensor): Element[] {
  const { dtype } = tensor
  if (dtype === dtypes.complex32) return elementsOf(aten.to(tensor.detach(), dtypes.complex64))
  const type = ARRAY_OF.get(dtype)
  const array =
    type === undefined
      ? new Float32Array(bytesAs(tensor, dtypes.float32))
      : new type(native.to_bytes(internals.handleOf(tensor)))
  checkRoom((dtype.is_complex ? array.length / 2 : array.length) * bytesOfElement(dtype))
  if (dtype === dtypes.bool) return Array.from(array as Uint8Array, (value) => value !== 0)
  if (dtype.is_complex) {
    return Array.from({ length: array.length / 2 }, (_, i) => ({
      re: array[2 * i] as number,
      im: array[2 * i + 1] as number,
    }))
  }
  if (array instanceof BigInt64Array || array instanceof BigUint64Array)
    return Array.from(array as BigInt64Array, integerValue)
  return Array.from(array)
}

/** An integer as a number where a number holds it exactly, else as a bigint: never silently wrong. */
function integerValue(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Nested arrays of the elements; a single element for a tensor without dimensions. */
export function tolist(tensor: Tensor): Element | NestedList {
  const shape = tensor.shape
  let count = 1
  let lists = 0
  for (const size of shape) {
    lists += count
    count *= size
  }
  if (count + lists > FEW) {
    checkRoom(count * (bytesOfElement(tensor.dtype) + BYTES_OF_PLACE) + lists * BYTES_OF_LIST)
  }
  const elements = elementsOf(tensor)
  let position = 0
  const build = (dim: number): Element | NestedList => {
    if (dim === shape.length) return elements[position++] as Element
    return Array.from({ length: shape[dim] as number }, () => build(dim + 1)) as NestedList
  }
  return build(0)
}

export type NestedList = (Element | NestedList)[]

/** The single element. Integers beyond 2^53 come as bigint. */
export function item(tensor: Tensor): Element {
  const value = native.item(internals.handleOf(tensor))
  return Array.isArray(value) ? { re: value[0], im: value[1] } : value
}

// --- from JavaScript ------------------------------------------------------------------------------------------

interface Flat {
  shape: number[]
  elements: Element[]
}

/** As many dimensions as Python reads. */
export const MOST_DIMENSIONS = 128

/** Shape and elements of nested arrays. Throws where they are ragged or hold something else. */
function flatten(data: NestedArray): Flat {
  const shape: number[] = []
  for (
    let level: unknown = data;
    Array.isArray(level) || ArrayBuffer.isView(level);
    level = (level as ArrayLike<unknown>)[0]
  ) {
    shape.push((level as unknown as ArrayLike<unknown>).length)
    if (shape.at(-1) === 0) break
    if (shape.length > MOST_DIMENSIONS) throw new RangeError("too many dimensions 'list'")
  }
  const elements: Element[] = []
  // The position being visited; formatted only for an error.
  const position: number[] = []
  const place = (depth: number) =>
    `data${position
      .slice(0, depth)
      .map((i) => `[${i}]`)
      .join('')}`
  const visit = (value: unknown, depth: number): void => {
    if (Array.isArray(value) || ArrayBuffer.isView(value)) {
      const list = value as unknown as ArrayLike<unknown>
      if (depth >= shape.length || list.length !== shape[depth]) {
        const expected = depth >= shape.length ? 'a single value' : `${shape[depth]} elements`
        throw new RangeError(
          `ragged nested array: expected ${expected} at ${place(depth)}, got ${list.length} elements`,
        )
      }
      for (let i = 0; i < list.length; i++) {
        position[depth] = i
        visit(list[i], depth + 1)
      }
      return
    }
    if (depth !== shape.length) {
      throw new RangeError(
        `ragged nested array: expected ${shape[depth]} elements at ${place(depth)}, got a single value`,
      )
    }
    const element = internals.isTensor(value) ? item(value) : value
    const valid = typeof element === 'number' || typeof element === 'bigint' || typeof element === 'boolean'
    if (!valid && !isComplex(element)) {
      const kind = element === null ? 'null' : typeof element
      throw new TypeError(`${place(depth)} must be a number, bigint, boolean or {re, im}, not ${kind}`)
    }
    elements.push(element)
  }
  visit(data, 0)
  return { shape, elements }
}

/** Numbers give the default dtype, float32: most tensors written as numbers hold measurements, not counts. */
function inferredDtype(elements: readonly Element[]): DType {
  if (elements.some(isComplex)) return defaultComplexDtype()
  if (elements.some((element) => typeof element === 'number')) return get_default_dtype()
  if (elements.some((element) => typeof element === 'bigint')) return dtypes.int64
  return elements.length > 0 ? dtypes.bool : get_default_dtype()
}

/** A CPU tensor with a copy of the data. */
export function fromData(data: NestedArray, wanted?: DType | null): Tensor {
  if (ArrayBuffer.isView(data)) {
    const dtype = dtypeOfArray(data)
    if (dtype === undefined) throw new TypeError(`a ${data.constructor.name} has no dtype`)
    // Its bytes: Node-API does not know every kind of array.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    const tensor = internals.wrap(native.from_bytes(bytes, dtype.code, [(data as TypedArray).length]))
    return wanted ? convert(tensor, wanted) : tensor
  }
  const { shape, elements } = flatten(data)
  const dtype = wanted ?? inferredDtype(elements)
  const { bytes, dtype: stored } = packed(elements, dtype)
  return convert(internals.wrap(native.from_bytes(bytes, stored.code, shape)), dtype)
}

function convert(tensor: Tensor, dtype: DType): Tensor {
  if (tensor.dtype === dtype) return tensor
  const converted = aten.to(tensor, dtype)
  tensor.dispose()
  return converted
}
