// Tensors of every kind as calls of Python's torch._utils._rebuild_*, and the storages that they share.

import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { clone } from '../generated/functions.js'
import { Buffer, is_lazy, Parameter } from '../nn/parameter.js'
import { aten } from '../operators/ops.js'
import { location_tag } from './locations.js'
import { storageNameOf, UNTYPED } from './storage.js'
import { Call, Float, Items, Name, PersistentId, Tuple } from './words.js'

/** Says that a storage is seen under several dtypes: then it is to be written without one, from the beginning. */
export class Mixed extends Error {
  constructor(readonly storage: bigint) {
    super('a storage of several dtypes')
  }
}

interface Stored {
  key: string
  dtype: DType
  bytes: Tensor
}

/** Each tensor gets its own: Python keeps the tensor's hooks in it. */
const noHooks = (): Items => new Items([], true)

export class TensorReducer {
  readonly #storages = new Map<bigint, Stored>()
  /** The storages' names hold while they live; a tensor made here is one that nobody else keeps. */
  readonly #kept: Tensor[] = []
  /** The tensors, and how often each was changed until now. */
  readonly #versions: [Tensor, number][] = []

  constructor(
    /** Storages that are to be written without a dtype. */
    readonly mixed: ReadonlySet<bigint>,
  ) {}

  /** The bytes of each storage, in the order of their keys. */
  get storages(): Tensor[] {
    return [...this.#storages.values()].map(({ bytes }) => bytes)
  }

  /** Whether a tensor was changed since it was seen. */
  isChanged(): boolean {
    return this.#versions.some(([tensor, version]) => !tensor.is_disposed && versionOf(tensor) !== version)
  }

  #keep(tensor: Tensor): Tensor {
    this.#kept.push(tensor)
    return tensor
  }

  /** A typed array as a tensor of one dimension; null where no dtype has its elements. */
  ofTypedArray(value: ArrayBufferView): Tensor | null {
    const dtype = DTYPES.get(Object.prototype.toString.call(value).slice(8, -1))
    if (dtype === undefined) return null
    const length = value.byteLength / dtype.itemsize
    return this.#keep(internals.wrap(native.from_bytes(value, dtype.code, [length])))
  }

  /** The call that makes a tensor again. */
  reduced(tensor: Tensor, where: () => string): Call {
    if (is_lazy(tensor)) throw new TypeError(`${where()} is uninitialized: call forward before`)
    this.#versions.push([tensor, versionOf(tensor)])
    const { requires_grad } = tensor
    if (tensor instanceof Parameter) {
      return new Call('torch._utils._rebuild_parameter', [this.#keep(tensor.data), requires_grad, noHooks()])
    }
    const call = this.#plain(tensor, where)
    if (!(tensor instanceof Buffer)) return call
    const state = new Items([
      ['persistent', tensor.persistent],
      ['_is_buffer', true],
    ])
    return new Call('torch._tensor._rebuild_from_type_v2', [
      new Name(call.path),
      new Name('torch.Tensor'),
      new Tuple(call.args),
      state,
    ])
  }

  #plain(tensor: Tensor, where: () => string): Call {
    const sizes = new Tuple([...tensor.shape])
    const { dtype, requires_grad } = tensor
    const layout = tensor.layout.name
    if (layout !== 'strided') return this.#sparse(tensor, layout, where)
    const strides = new Tuple(native.strides(internals.handleOf(tensor)))
    if (tensor.is_meta) {
      return new Call('torch._utils._rebuild_meta_tensor_no_storage', [dtype, sizes, strides, requires_grad])
    }
    const offset = tensor.storage_offset()
    if (tensor.is_quantized) {
      const storage = this.#storage(tensor, dtype, where)
      const rest = [offset, sizes, strides, this.#quantizer(tensor, where), requires_grad, noHooks()]
      return new Call('torch._utils._rebuild_qtensor', [storage, ...rest])
    }
    const bits = [...(tensor.is_conj() ? ['conj'] : []), ...(tensor.is_neg() ? ['neg'] : [])]
    const metadata = bits.length === 0 ? [] : [new Items(bits.map((bit) => [bit, true]))]
    const storage = this.#storage(tensor, dtype, where)
    const rest = [offset, sizes, strides, requires_grad, noHooks()]
    return this.#isUntyped(tensor, dtype)
      ? new Call('torch._utils._rebuild_tensor_v3', [storage, ...rest, dtype, ...metadata])
      : new Call('torch._utils._rebuild_tensor_v2', [storage, ...rest, ...metadata])
  }

  #sparse(tensor: Tensor, layout: string, where: () => string): Call {
    const size = tensor.shape
    const parts = (...names: string[]) => names.map((name) => this.#keep(aten[name]?.(tensor) as Tensor))
    const data =
      layout === 'sparse_coo'
        ? [...parts('_indices', '_values'), size, tensor.is_coalesced()]
        : layout === 'sparse_csr' || layout === 'sparse_bsr'
          ? [...parts('crow_indices', 'col_indices', 'values'), size]
          : layout === 'sparse_csc' || layout === 'sparse_bsc'
            ? [...parts('ccol_indices', 'row_indices', 'values'), size]
            : null
    if (data === null) throw new TypeError(`${where()} is a tensor of layout ${tensor.layout}: use to_dense()`)
    return new Call('torch._utils._rebuild_sparse_tensor', [tensor.layout, new Tuple(data)])
  }

  #quantizer(tensor: Tensor, where: () => string): Tuple {
    const scheme = native.qscheme(internals.handleOf(tensor))
    if (scheme === 'per_tensor_affine') {
      return new Tuple([new Name(`torch.${scheme}`), new Float(tensor.q_scale()), tensor.q_zero_point()])
    }
    if (scheme !== 'per_channel_affine' && scheme !== 'per_channel_affine_float_qparams') {
      throw new TypeError(`${where()} is a tensor of the quantization ${scheme}`)
    }
    const channels = [tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()].map((part) => this.#keep(part))
    return new Tuple([new Name('torch.per_channel_affine'), ...channels, tensor.q_per_channel_axis()])
  }

  #isUntyped(tensor: Tensor, dtype: DType): boolean {
    if (storageNameOf(dtype) === undefined) return true
    const id = native.storage_id(internals.handleOf(tensor))
    return id !== null && this.mixed.has(id)
  }

  #storage(given: Tensor, dtype: DType, where: () => string): PersistentId {
    let tensor = given
    let id = native.storage_id(internals.handleOf(tensor))
    if (id === null) {
      // Zeros without memory, of autograd's.
      tensor = this.#keep(clone(tensor))
      id = native.storage_id(internals.handleOf(tensor))
    }
    const handle = native.storage_bytes(internals.handleOf(tensor))
    if (id === null || handle === null) throw new TypeError(`${where()} is a tensor without memory`)
    const bytes = internals.wrap(handle)
    let stored = this.#storages.get(id)
    if (stored === undefined) {
      stored = { key: String(this.#storages.size), dtype, bytes: this.#keep(bytes) }
      this.#storages.set(id, stored)
    }
    if (stored.dtype !== dtype && !this.mixed.has(id)) throw new Mixed(id)
    const name = this.#isUntyped(tensor, dtype) ? undefined : storageNameOf(dtype)
    const size = bytes.numel()
    const count = name === undefined ? size : Math.floor(size / dtype.itemsize)
    const type = new Name(name === undefined ? UNTYPED : `torch.${name}`)
    return new PersistentId(new Tuple(['storage', type, stored.key, location_tag(bytes), count]))
  }
}

const DTYPES = new Map<string, DType>([
  ['Uint8ClampedArray', dtypes.uint8],
  ['Int8Array', dtypes.int8],
  ['Int16Array', dtypes.int16],
  ['Uint16Array', dtypes.uint16],
  ['Int32Array', dtypes.int32],
  ['Uint32Array', dtypes.uint32],
  ['BigInt64Array', dtypes.int64],
  ['BigUint64Array', dtypes.uint64],
  ['Float16Array', dtypes.float16],
  ['Float32Array', dtypes.float32],
  ['Float64Array', dtypes.float64],
])

/** Tensors of inference mode do not count. */
function versionOf(tensor: Tensor): number {
  try {
    return native.version(internals.handleOf(tensor))
  } catch {
    return 0
  }
}
