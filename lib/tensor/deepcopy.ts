// torch.deepcopy: Python's copy.deepcopy.

import { Device, Layout, MemoryFormat } from '../core/device.js'
import { DType } from '../core/dtype.js'
import { type Handle, native } from '../core/native.js'
import { Size } from '../core/size.js'
import { internals, type Tensor } from '../core/tensor.js'
import { empty } from '../generated/functions.js'
import { describe } from '../operators/describe.js'
import { Generator } from '../operators/generator.js'

/** What was copied, and its copy: what is met twice is copied once. */
export type Memo = Map<unknown, unknown>

/** A class may say how its objects are copied. It sets the memo itself where a copy can hold the object again. */
interface OwnCopy {
  __deepcopy__(memo: Memo): unknown
}

const hasOwnCopy = (value: object): value is OwnCopy => typeof (value as Partial<OwnCopy>).__deepcopy__ === 'function'

/** These never change. */
const CONSTANT = [DType, Device, Layout, MemoryFormat, Size, RegExp, Promise, WeakMap, WeakSet, WeakRef]

/**
 * A copy of a value and of all that it holds: tensors, parameters, modules, optimizers, arrays, Maps, Sets, typed arrays
 * and objects of any class. What is held twice is one object in the copy too: tied weights stay tied, and an optimizer
 * that is copied with its model has the copy's parameters. Functions are not copied. `memo` maps what was copied to its
 * copy.
 *
 * Tensors that share memory, and typed arrays on one ArrayBuffer, share memory in the copy too. So a tensor's whole
 * storage is copied: of a small view on a large tensor copy `x.clone()`. Parameters alone are copied as `clone()` copies
 * them, each with memory of its own.
 *
 * A class whose objects have #private fields, which nobody else can copy, has a method `__deepcopy__(memo)` that makes the
 * copy.
 *
 * @throws for a tensor that was computed: only leaves of the graph can be copied.
 * @see https://docs.python.org/3/library/copy.html
 */
export function deepcopy<T>(x: T, memo?: Memo): T {
  if (memo === undefined) {
    const own: Memo = new Map()
    try {
      return copied(x, own) as T
    } finally {
      freeStorages(own)
    }
  }
  if (!(memo instanceof Map)) throw new TypeError(`deepcopy(): the memo must be a Map, not ${describe(memo)}`)
  return copied(x, memo) as T
}

function copied(x: unknown, memo: Memo): unknown {
  const isObject = typeof x === 'object' && x !== null
  if (!isObject && typeof x !== 'function') return x
  if (memo.has(x)) return memo.get(x)
  if (hasOwnCopy(x)) return remember(memo, x, x.__deepcopy__(memo))
  if (!isObject || CONSTANT.some((constant) => x instanceof constant)) return x
  if (internals.isTensor(x)) return remember(memo, x, copiedTensor(x, memo))
  if (x instanceof Generator)
    return remember(memo, x, new Generator({ device: x.get_state().device }).set_state(x.get_state()))
  if (x instanceof Map) {
    const map = remember(memo, x, new Map())
    for (const [key, value] of x) map.set(copied(key, memo), copied(value, memo))
    return map
  }
  if (x instanceof Set) {
    const set = remember(memo, x, new Set())
    for (const value of x) set.add(copied(value, memo))
    return set
  }
  if (x instanceof Date || x instanceof ArrayBuffer) return remember(memo, x, structuredClone(x))
  if (x instanceof SharedArrayBuffer) {
    const buffer = remember(memo, x, new SharedArrayBuffer(x.byteLength))
    new Uint8Array(buffer).set(new Uint8Array(x))
    return buffer
  }
  if (ArrayBuffer.isView(x)) return remember(memo, x, copiedView(x, memo))
  const made = remember(memo, x, Array.isArray(x) ? [] : Object.create(Object.getPrototypeOf(x)))
  copyFields(x, made, memo)
  return made
}

function remember<T>(memo: Memo, x: unknown, copy: T): T {
  memo.set(x, copy)
  return copy
}

/** Copies an object's own fields. */
export function copyFields(from: object, to: object, memo: Memo, names = Reflect.ownKeys(from)): void {
  for (const name of names) {
    const field = Object.getOwnPropertyDescriptor(from, name) as PropertyDescriptor
    if ('value' in field) field.value = copied(field.value, memo)
    Object.defineProperty(to, name, field)
  }
}

type View = new (buffer: unknown, byteOffset: number, length: number) => ArrayBufferView

/** A typed array or DataView on the copy of its buffer; of a subclass where it is of one, as Node's Buffer is. */
function copiedView(x: ArrayBufferView, memo: Memo): ArrayBufferView {
  const kind = (x as Partial<Uint8Array>)[Symbol.toStringTag] as 'Uint8Array'
  const Kind = (x instanceof DataView ? DataView : globalThis[kind]) as unknown as View
  const length = x instanceof DataView ? x.byteLength : (x as Uint8Array).length
  const view = new Kind(copied(x.buffer, memo), x.byteOffset, length)
  return Object.setPrototypeOf(view, Object.getPrototypeOf(x))
}

/** A storage and its copy, as bytes. The storage is held: else another one might come to have its identity. */
interface CopiedStorage {
  readonly source: Tensor
  readonly copy: Tensor
}

const copiedStorages = new WeakMap<Memo, Map<bigint, CopiedStorage>>()

/** The copy of the storage with this identity, on which the tensor is a view. */
function copiedStorage(x: Tensor, id: bigint, memo: Memo): Tensor {
  const storages = copiedStorages.get(memo) ?? new Map<bigint, CopiedStorage>()
  copiedStorages.set(memo, storages)
  let storage = storages.get(id)
  if (storage === undefined) {
    const source = internals.wrapUnowned(native.storage_bytes(internals.handleOf(x)) as Handle)
    const copy = source.clone()
    if (internals.ownerOf(copy) !== null) internals.setOwner(copy, null)
    storage = { source, copy }
    storages.set(id, storage)
  }
  return storage.copy
}

/** Frees the names of storages that a memo holds, which the garbage collector would do later. */
function freeStorages(memo: Memo): void {
  for (const { source, copy } of copiedStorages.get(memo)?.values() ?? []) {
    internals.free(source)
    internals.free(copy)
  }
}

const NO_LEAF =
  'Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment: copy ' +
  'tensor.detach() instead. In a module, a tensor computed by weight_norm or the like may be the cause'

/** The data of a tensor that may be copied, with memory of its own. */
export function clonedData(x: Tensor): Tensor {
  if (!x.is_leaf) throw new Error(NO_LEAF)
  return x.detach().clone()
}

/** The data of a tensor that may be copied, on the copy of its storage. */
export function copiedData(x: Tensor, memo: Memo): Tensor {
  const id = x.is_quantized ? null : native.storage_id(internals.handleOf(x))
  if (id === null || !x.is_leaf) return clonedData(x)
  const storage = copiedStorage(x, id, memo)
  const { dtype, device } = x
  const view = empty([0], { dtype, device }).set_(storage, x.storage_offset(), [...x.shape], [...x.stride()])
  // As in Python: these are computed, and have memory of their own.
  const conjugated = x.is_conj() ? view.conj_physical() : view
  return x.is_neg() ? conjugated.neg() : conjugated
}

/** Gives a copy what its original has besides data. */
export function copyGradient(x: Tensor, copy: Tensor, memo: Memo): void {
  if (x.requires_grad) copy.requires_grad_(true)
  if (x.grad !== null) copy.grad = copied(x.grad, memo) as Tensor
}

function copiedTensor(x: Tensor, memo: Memo): Tensor {
  const copy = copiedData(x, memo)
  copyGradient(x, copy, memo)
  return copy
}
