// torch.deepcopy: Python's copy.deepcopy.

import { Device, Layout, MemoryFormat } from '../core/device.js'
import { DType } from '../core/dtype.js'
import { Size } from '../core/size.js'
import { internals, type Tensor } from '../core/tensor.js'
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
 * that is copied with its model has the copy's parameters. Functions are not copied. Strides are kept where a tensor has no
 * gaps; tensors that share memory have memory of their own in the copy. `memo` maps what was copied to its copy.
 *
 * A class whose objects have #private fields, which nobody else can copy, has a method `__deepcopy__(memo)` that makes the
 * copy.
 *
 * @throws for a tensor that was computed: only leaves of the graph can be copied.
 * @see https://docs.python.org/3/library/copy.html
 */
export function deepcopy<T>(x: T, memo: Memo = new Map()): T {
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
  if (x instanceof Date || ArrayBuffer.isView(x) || x instanceof ArrayBuffer) {
    return remember(memo, x, structuredClone(x))
  }
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

const NO_LEAF =
  'Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment: copy ' +
  'tensor.detach() instead. In a module, a tensor computed by weight_norm or the like may be the cause'

/** The data of a tensor that may be copied. */
export function copiedData(x: Tensor): Tensor {
  if (!x.is_leaf) throw new Error(NO_LEAF)
  return x.detach().clone()
}

function copiedTensor(x: Tensor, memo: Memo): Tensor {
  const copy = copiedData(x)
  if (x.requires_grad) copy.requires_grad_(true)
  if (x.grad !== null) copy.grad = copied(x.grad, memo) as Tensor
  return copy
}
