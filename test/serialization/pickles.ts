// Pickles written opcode by opcode, and archives around them.

import { native } from '../../lib/core/native.js'
import * as op from '../../lib/serialization/opcodes.js'

export type Part = number | string | Uint8Array | readonly Part[]

const text = new TextEncoder()

/** Bytes of opcodes, strings and other parts. */
export function bytesOf(...parts: Part[]): Uint8Array {
  const bytes: Uint8Array[] = []
  for (const part of parts) {
    if (typeof part === 'number') bytes.push(Uint8Array.of(part))
    else if (typeof part === 'string') bytes.push(text.encode(part))
    else if (part instanceof Uint8Array) bytes.push(part)
    else bytes.push(bytesOf(...part))
  }
  return Buffer.concat(bytes)
}

export const uint32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)

// --- values -----------------------------------------------------------------------------------------------------

export const global = (module: string, name: string): Part => [op.GLOBAL, `${module}\n${name}\n`]
export const string = (value: string): Part => [op.BINUNICODE, uint32(text.encode(value).length), value]
export const integer = (value: number): Part => [op.BININT, new Uint8Array(Int32Array.of(value).buffer)]
export const long = (...bytes: number[]): Part => [op.LONG1, bytes.length, Uint8Array.from(bytes)]
export const tuple = (...items: Part[]): Part => [op.MARK, ...items, op.TUPLE]
export const list = (...items: Part[]): Part => [op.EMPTY_LIST, op.MARK, ...items, op.APPENDS]
export const dict = (...items: Part[]): Part => [op.EMPTY_DICT, op.MARK, ...items, op.SETITEMS]
export const call = (callee: Part, ...args: Part[]): Part => [callee, tuple(...args), op.REDUCE]
export const created = (cls: Part, ...args: Part[]): Part => [cls, tuple(...args), op.NEWOBJ]
export const flag = (value: boolean): Part => (value ? op.NEWTRUE : op.NEWFALSE)
export const none: Part = op.NONE

/** A storage of float32s under the key '0'. */
export const storage = (count: Part = integer(4), key: Part = string('0'), location: Part = string('cpu')): Part => [
  tuple(string('storage'), global('torch', 'FloatStorage'), key, location, count),
  op.BINPERSID,
]

export const rebuild = (name: string): Part => global('torch._utils', name)
export const noHooks = call(global('collections', 'OrderedDict'))

/** A tensor on a storage of four float32s. */
export const tensor = (offset: Part, sizes: readonly Part[], strides: readonly Part[], from: Part = storage()): Part =>
  call(rebuild('_rebuild_tensor_v2'), from, offset, tuple(...sizes), tuple(...strides), flag(false), noHooks)

// --- files ------------------------------------------------------------------------------------------------------

/** An archive of torch.save's with this pickle, and a storage of 16 bytes. */
export function archiveOf(pickle: Uint8Array, records: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const all = { 'data.pkl': pickle, byteorder: text.encode('little'), 'data/0': new Uint8Array(16), ...records }
  const room = new Uint8Array(Object.values(all).reduce((sum, bytes) => sum + bytes.length + 1024, 4096))
  return room.subarray(0, native.write_archive_into(room, Object.keys(all), Object.values(all), true))
}

/** An archive whose pickle holds this value. */
export const checkpointOf = (...value: Part[]): Uint8Array => archiveOf(bytesOf(op.PROTO, 2, ...value, op.STOP))
