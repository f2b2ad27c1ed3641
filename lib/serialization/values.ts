// JavaScript's values in Python's words: what torch.load reads with weights_only=True, and nothing else.

import { Device, Layout } from '../core/device.js'
import { DType } from '../core/dtype.js'
import { Size } from '../core/size.js'
import { internals } from '../core/tensor.js'
import { describe } from '../operators/describe.js'
import { isComplex, isPlainObject } from '../operators/options.js'
import type { TensorReducer } from './reduce.js'
import { Call, Float, Items, List, Name, Tuple, type Word } from './words.js'

/** What an object is written as. `where` says which one it is. @throws TypeError for what Python would not read. */
export function wordOf(value: object, tensors: TensorReducer, where: () => string): Word {
  if (internals.isTensor(value)) return tensors.reduced(value, where)
  if (value instanceof DType) return new Name(`torch.${value.name}`)
  if (value instanceof Device) {
    return new Call('torch.device', value.index === null ? [value.type] : [value.type, value.index])
  }
  if (value instanceof Layout) return new Call('torch.serialization._get_layout', [String(value)])
  if (value instanceof Size) return new Call('torch.Size', [new Tuple([...value])])
  if (Array.isArray(value)) return Object.isFrozen(value) ? new Tuple(value) : new List(value)
  if (value instanceof Map) return wordOfMap(value, where)
  if (value instanceof Set) {
    for (const item of value) checkHashable(item, where)
    return new Call('builtins.set', [new List([...value])])
  }
  if (value instanceof ArrayBuffer) return wordOfBytes(new Uint8Array(value))
  if (value instanceof Uint8Array) return wordOfBytes(value)
  if (ArrayBuffer.isView(value)) return tensors.reduced(tensors.ofTypedArray(value) ?? refuse(value, where), where)
  if (isPlainObject(value)) return wordOfFields(value)
  return refuse(value, where)
}

export function refuse(value: unknown, where: () => string): never {
  const isModule = typeof (value as { state_dict?: unknown } | null)?.state_dict === 'function'
  const hint = isModule ? ': save its state_dict()' : ', which Python would not read with weights_only=True'
  throw new TypeError(`${where()} is ${describe(value)}${hint}`)
}

/** Protocol 2 has no bytes of its own. */
const wordOfBytes = (bytes: Uint8Array): Word =>
  new Call('_codecs.encode', [
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'),
    'latin1',
  ])

function wordOfMap(map: ReadonlyMap<unknown, unknown>, where: () => string): Word {
  const keys = new Set<unknown>()
  for (const key of map.keys()) {
    const same = checkHashable(key, where)
    if (keys.has(same)) throw new TypeError(`${where()} has keys that are one in Python: ${String(key)}`)
    keys.add(same)
  }
  return new Items([...map])
}

/** What of a key Python compares. @throws for what cannot be one. */
function checkHashable(key: unknown, where: () => string): unknown {
  if (typeof key === 'boolean' || (typeof key === 'bigint' && Number.isSafeInteger(Number(key)))) return Number(key)
  if (['number', 'string', 'bigint'].includes(typeof key) || key === null) return key
  if (key instanceof DType || key instanceof Device || key instanceof Size) return key
  if (!Array.isArray(key) || !Object.isFrozen(key)) {
    throw new TypeError(
      `${where()} has a key or element that Python cannot hash: ${describe(key)} (a frozen array is a tuple)`,
    )
  }
  for (const item of key) checkHashable(item, where)
  return key
}

function wordOfFields(value: Record<string, unknown>): Word {
  if (isComplex(value) && Object.keys(value).length === 2) {
    const { re, im } = value as { re: unknown; im: unknown }
    if (typeof re === 'number' && typeof im === 'number') {
      return new Call('builtins.complex', [new Float(re), new Float(im)])
    }
  }
  const fields = Object.entries(value).filter(([, item]) => item !== undefined)
  const entries = fields.map((field) => entryOf(value, field))
  const metadata = Object.getOwnPropertyDescriptor(value, '_metadata')
  if (metadata === undefined || metadata.enumerable === true) return new Items(entries)
  const own: unknown = metadata.value
  return new Items(entries, true, isPlainObject(own) ? new Items(Object.entries(own), true) : own)
}

/** In two states of PyTorch's own a name that is a number is one in Python. */
function entryOf(owner: Record<string, unknown>, [name, value]: [string, unknown]): [unknown, unknown] {
  if (!isPlainObject(value)) return [name, value]
  if (name === 'state' && isOptimizerState(owner)) return [name, numbered(value)]
  if (name === 'milestones' && Object.hasOwn(owner, 'last_epoch')) {
    return [name, new Call('collections.Counter', [numbered(value)])]
  }
  return [name, value]
}

/** Whether this is what Optimizer.state_dict gives. */
function isOptimizerState(owner: Record<string, unknown>): boolean {
  const { param_groups } = owner
  return (
    Object.keys(owner).length === 2 &&
    Array.isArray(param_groups) &&
    param_groups.every((group) => Array.isArray(group?.params))
  )
}

/** A plain object as a dict whose keys are numbers where they look so. */
const numbered = (value: Record<string, unknown>): Items =>
  new Items(Object.entries(value).map(([name, item]) => [/^(0|[1-9]\d*)$/.test(name) ? Number(name) : name, item]))
