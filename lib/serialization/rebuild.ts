// Python's torch._utils._rebuild_*: tensors of every kind from their storages and metadata. What a pickle says is checked
// before it is believed.

import { type DeviceLike, device, Layout } from '../core/device.js'
import { DType } from '../core/dtype.js'
import { internals, type Tensor } from '../core/tensor.js'
import { empty_strided, sparse_compressed_tensor, sparse_coo_tensor } from '../generated/functions.js'
import { Buffer, Parameter } from '../nn/parameter.js'
import { aten } from '../operators/ops.js'
import { tensor as tensorFrom } from '../tensor/factories.js'
import { UnpicklingError } from './error.js'
import { Dict, Global } from './objects.js'
import { Storage } from './storage.js'

type Args = readonly unknown[]

// --- what arguments must be -----------------------------------------------------------------------------------

function wrong(what: string, value: unknown): never {
  const shown = typeof value === 'object' && value !== null ? value.constructor?.name : String(value)
  throw new UnpicklingError(`${what} cannot be ${shown}`)
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

export function storageIn(value: unknown): Storage {
  return value instanceof Storage ? value : wrong('the storage of a tensor', value)
}

export function tensorIn(value: unknown): Tensor {
  return internals.isTensor(value) ? value : wrong('a tensor', value)
}

export function countIn(what: string, value: unknown): number {
  return isCount(value) ? value : wrong(what, value)
}

export function countsIn(what: string, value: unknown): number[] {
  return Array.isArray(value) && value.every(isCount) ? [...value] : wrong(what, value)
}

export function flagIn(what: string, value: unknown): boolean {
  return typeof value === 'boolean' ? value : wrong(what, value)
}

export function dtypeIn(value: unknown): DType {
  return value instanceof DType ? value : wrong('a dtype', value)
}

const numberIn = (what: string, value: unknown): number => (typeof value === 'number' ? value : wrong(what, value))

/** The length, or one of two. */
function checkLength(name: string, args: Args, ...lengths: number[]): void {
  if (!lengths.includes(args.length)) throw new UnpicklingError(`${name} got ${args.length} arguments`)
}

// --- dense tensors --------------------------------------------------------------------------------------------

function withRequiresGrad(tensor: Tensor, value: unknown): Tensor {
  if (flagIn('requires_grad', value)) tensor.requires_grad_(true)
  return tensor
}

/** A tensor whose elements are to be read conjugated or negated. */
function withBits(tensor: Tensor, metadata: unknown): Tensor {
  if (metadata === undefined || metadata === null) return tensor
  if (!(metadata instanceof Dict)) wrong('the metadata of a tensor', metadata)
  let result = tensor
  for (const [name, on] of metadata.items) {
    if (name !== 'conj' && name !== 'neg') throw new UnpicklingError(`a tensor with the unknown bit '${String(name)}'`)
    if (flagIn(name, on)) result = (name === 'conj' ? aten._conj : aten._neg_view)?.(result) as Tensor
  }
  return result
}

/** `_rebuild_tensor(storage, storage_offset, size, stride)` */
function rebuildTensor(args: Args): Tensor {
  const [storage, offset, size, stride] = args
  const { dtype } = storageIn(storage)
  if (dtype === null) throw new UnpicklingError('a tensor without a dtype on an untyped storage')
  return viewOf(args, dtype, offset, size, stride)
}

function viewOf([storage]: Args, dtype: DType, offset: unknown, size: unknown, stride: unknown): Tensor {
  const sizes = countsIn('the size of a tensor', size)
  return storageIn(storage).view(
    dtype,
    countIn('the offset of a tensor', offset),
    sizes,
    countsIn('the strides of a tensor', stride),
  )
}

/** `_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None)` */
function rebuildTensorV2(args: Args): Tensor {
  checkLength('_rebuild_tensor_v2', args, 6, 7)
  return withRequiresGrad(withBits(rebuildTensor(args), args[6]), args[4])
}

/** `_rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None)` */
function rebuildTensorV3(args: Args): Tensor {
  checkLength('_rebuild_tensor_v3', args, 7, 8)
  const [, offset, size, stride, requires_grad, , dtype, metadata] = args
  return withRequiresGrad(withBits(viewOf(args, dtypeIn(dtype), offset, size, stride), metadata), requires_grad)
}

/** `_rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)` */
function rebuildMetaTensor(args: Args): Tensor {
  checkLength('_rebuild_meta_tensor_no_storage', args, 4)
  const [dtype, size, stride, requires_grad] = args
  const options = { dtype: dtypeIn(dtype), device: 'meta' }
  const sizes = countsIn('the size of a tensor', size)
  return withRequiresGrad(empty_strided(sizes, countsIn('the strides of a tensor', stride), options), requires_grad)
}

// --- parameters, buffers, attributes --------------------------------------------------------------------------

/** `_rebuild_parameter(data, requires_grad, backward_hooks)` */
function rebuildParameter(args: Args): Parameter {
  checkLength('_rebuild_parameter', args, 3)
  return new Parameter(tensorIn(args[0]), flagIn('requires_grad', args[1]))
}

/** `_rebuild_parameter_with_state(data, requires_grad, backward_hooks, state)` */
function rebuildParameterWithState(args: Args): Tensor {
  checkLength('_rebuild_parameter_with_state', args, 4)
  return withAttributes(rebuildParameter(args.slice(0, 3)), args[3])
}

/** What Python's objects keep beside their data, a dict or a pair of dicts, as fields. */
function attributesIn(state: unknown): [name: string, value: unknown][] {
  const parts = Array.isArray(state) ? state : [state]
  return parts.flatMap((part) => {
    if (part === null || part === undefined) return []
    if (!(part instanceof Dict)) wrong('the attributes of a tensor', part)
    return [...part.items].map(([name, value]): [string, unknown] => {
      if (typeof name !== 'string') wrong('the name of an attribute', name)
      if (typeof value === 'object' && value !== null && !internals.isTensor(value)) {
        throw new UnpicklingError(`a tensor whose attribute '${name}' is neither a number, a string nor a tensor`)
      }
      return [name, value]
    })
  })
}

function withAttributes(tensor: Tensor, state: unknown): Tensor {
  for (const [name, value] of attributesIn(state)) {
    if (name in tensor) throw new UnpicklingError(`a tensor whose attribute '${name}' would hide its own`)
    Object.defineProperty(tensor, name, { value, enumerable: true, configurable: true, writable: true })
  }
  return tensor
}

/** `_rebuild_from_type_v2(func, type, args, state)`: a tensor with attributes, such as a Buffer. */
function rebuildFromType(args: Args): Tensor {
  checkLength('_rebuild_from_type_v2', args, 4)
  const [func, type, inner, state] = args
  if (!(func instanceof Global) || !REBUILD.has(func.path) || func.call === undefined || !Array.isArray(inner)) {
    throw new UnpicklingError('_rebuild_from_type_v2 of what rebuilds no tensor')
  }
  const path = type instanceof Global ? type.path : null
  if (path !== TENSOR && path !== PARAMETER && path !== BUFFER) throw new UnpicklingError('a tensor of another class')
  const tensor = tensorIn(func.call(inner))
  const attributes = attributesIn(state)
  const buffer = attributes.find(([name]) => name === '_is_buffer')
  if (buffer?.[1] === true) {
    const persistent = attributes.find(([name]) => name === 'persistent')?.[1] !== false
    const made = new Buffer(tensor.detach(), { persistent })
    return tensor.requires_grad ? made.requires_grad_(true) : made
  }
  const own = path === PARAMETER ? new Parameter(tensor.detach(), tensor.requires_grad) : tensor
  return withAttributes(own, new Dict().filled(attributes))
}

// --- sparse and quantised tensors -----------------------------------------------------------------------------

/** `_rebuild_sparse_tensor(layout, data)` */
function rebuildSparseTensor(args: Args): Tensor {
  checkLength('_rebuild_sparse_tensor', args, 2)
  const [layout, data] = args
  if (!(layout instanceof Layout) || !Array.isArray(data)) wrong('a sparse tensor', layout)
  if (layout.name === 'sparse_coo') return rebuildCoo(data)
  checkLength('_rebuild_sparse_tensor', data, 4)
  const [compressed, plain, values] = data.slice(0, 3).map(tensorIn) as [Tensor, Tensor, Tensor]
  const size = countsIn('the size of a tensor', data[3])
  aten._validate_sparse_compressed_tensor_args?.(compressed, plain, values, size, layout)
  return sparse_compressed_tensor(compressed, plain, values, size, {
    layout,
    dtype: values.dtype,
    device: values.device,
  })
}

function rebuildCoo(data: Args): Tensor {
  checkLength('_rebuild_sparse_tensor', data, 3, 4)
  const [indices, values] = data.slice(0, 2).map(tensorIn) as [Tensor, Tensor]
  const size = countsIn('the size of a tensor', data[2])
  const is_coalesced = data[3] === undefined || data[3] === null ? null : flagIn('is_coalesced', data[3])
  aten._validate_sparse_coo_tensor_args?.(indices, values, size, is_coalesced)
  const options = { dtype: values.dtype, device: values.device, is_coalesced }
  return sparse_coo_tensor(indices, values, size, options)
}

/** `_rebuild_qtensor(storage, storage_offset, size, stride, quantizer_params, requires_grad, backward_hooks)` */
function rebuildQuantizedTensor(args: Args): Tensor {
  checkLength('_rebuild_qtensor', args, 7)
  const [first, offset, size, stride, quantizer] = args
  const storage = storageIn(first)
  const { dtype } = storage
  if (dtype === null || !/^qu?int/.test(dtype.name)) throw new UnpicklingError('a quantised tensor of another dtype')
  const sizes = countsIn('the size of a tensor', size)
  const empty = emptyQuantized(sizes, quantizer, { dtype, device: storage.bytes.device })
  const strides = countsIn('the strides of a tensor', stride)
  return storage.view(dtype, countIn('the offset of a tensor', offset), sizes, strides, empty)
}

/** A quantised tensor without elements, of as many dimensions as `sizes`. */
function emptyQuantized(sizes: number[], quantizer: unknown, options: { dtype: DType; device: DeviceLike }): Tensor {
  const [scheme, scales, points, axis] = Array.isArray(quantizer) ? quantizer : []
  const name = scheme instanceof Global ? scheme.path : null
  const nothing = sizes.map(() => 0)
  if (name === 'torch.per_tensor_affine') {
    const scale = numberIn('a scale', scales)
    const zero_point = numberIn('a zero point', points)
    return aten._empty_affine_quantized?.(nothing, { scale, zero_point, ...options }) as Tensor
  }
  if (name !== 'torch.per_channel_affine' && name !== 'torch.per_channel_affine_float_qparams') {
    throw new UnpicklingError(`Can't deserialize quantized tensor with qscheme ${name}`)
  }
  const channel = countIn('the axis of a quantised tensor', axis)
  const length = sizes[channel]
  if (length === undefined) throw new UnpicklingError(`per_channel axis ${channel} out of range for size [${sizes}]`)
  const each = [scales, points].map((list) =>
    Array.isArray(list) ? tensorFrom(list.map((x) => numberIn('a scale', x))) : tensorIn(list),
  )
  const [all_scales, zero_points] = each as [Tensor, Tensor]
  if (all_scales.numel() !== length || zero_points.numel() !== length) {
    throw new UnpicklingError(
      `per_channel scales/zero_points length must equal size[axis]=${length}, got scales=${all_scales.numel()}, ` +
        `zero_points=${zero_points.numel()}`,
    )
  }
  const settings = { scales: all_scales, zero_points, axis: channel, ...options }
  return aten._empty_per_channel_affine_quantized?.(nothing, settings) as Tensor
}

// --- their names ----------------------------------------------------------------------------------------------

export const TENSOR = 'torch.Tensor'
export const PARAMETER = 'torch.nn.parameter.Parameter'
export const BUFFER = 'torch.nn.parameter.Buffer'

const REBUILD = new Map<string, (args: Args) => unknown>(
  Object.entries({
    _rebuild_tensor: rebuildTensor,
    _rebuild_tensor_v2: rebuildTensorV2,
    _rebuild_tensor_v3: rebuildTensorV3,
    _rebuild_meta_tensor_no_storage: rebuildMetaTensor,
    _rebuild_parameter: rebuildParameter,
    _rebuild_parameter_with_state: rebuildParameterWithState,
    _rebuild_sparse_tensor: rebuildSparseTensor,
    _rebuild_qtensor: rebuildQuantizedTensor,
  }).map(([name, rebuild]) => [`torch._utils.${name}`, rebuild]),
)

export const rebuildFunctions: ReadonlyMap<string, (args: Args) => unknown> = new Map([
  ...REBUILD,
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
])

/** `torch.device(type, index)` */
export function deviceFrom(args: Args): unknown {
  checkLength('torch.device', args, 1, 2)
  const [type, index] = args
  if (typeof type !== 'string') wrong('a device', type)
  return index === undefined ? device(type) : device(type, countIn('the number of a device', index))
}
