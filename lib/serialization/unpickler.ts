// A reader of pickles in which no code runs: it knows the opcodes that Python's weights_only reader knows, and calls
// only what its host gives it for a name.

import v8 from 'node:v8'
import { UnpicklingError } from './error.js'
import { Dict, Global, Instance, isBuildable } from './objects.js'
import * as op from './opcodes.js'
import { decodeText } from './text.js'

/** What gives the names in a pickle their meaning. */
export interface Host {
  /** What a name stands for. @throws where it is not allowed. */
  global(path: string): unknown
  /** The storage that a persistent id names. */
  persistent(id: readonly unknown[]): unknown
  /** What `cls(*args)` makes, where `cls` is the user's. */
  construct?(cls: Global, args: readonly unknown[]): unknown
}

/** Protocol 2 writes the names of Python 2. */
const MODULES: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  copy_reg: 'copyreg',
  exceptions: 'builtins',
}

/** After so many opcodes it is looked whether JavaScript's heap has room for more. */
const CHECKED = 1 << 16
/** What an opcode leaves that puts nothing on the stack. */
const NOTHING = Symbol('nothing')

/** Bytes that the heap must have left: a value takes more of it than of the file. */
const ROOM = 64 << 20

/** Python's name of a value's type. */
export function typeName(value: unknown, tuples?: ReadonlySet<unknown>): string {
  if (value === null) return 'None'
  if (Array.isArray(value)) return tuples?.has(value) ? 'tuple' : 'list'
  if (value instanceof Dict) return value.kind
  if (value instanceof Global) return value.path
  if (value instanceof Set) return 'set'
  if (typeof value === 'object') return value.constructor?.name ?? 'object'
  return { string: 'str', number: 'number', boolean: 'bool', bigint: 'int' }[typeof value as string] ?? typeof value
}

/** The bytes of pickles, one after the other. */
export class PickleBytes {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Moves on by `count` bytes, and gives where they are. */
  skip(count: number): number {
    const at = this.position
    if (count > this.#bytes.length - at) throw new UnpicklingError('the pickle is cut off')
    this.position += count
    return at
  }

  bytes(count: number): Uint8Array {
    const at = this.skip(count)
    return this.#bytes.subarray(at, at + count)
  }

  uint8 = (): number => this.#view.getUint8(this.skip(1))
  uint16 = (): number => this.#view.getUint16(this.skip(2), true)
  int32 = (): number => this.#view.getInt32(this.skip(4), true)
  uint32 = (): number => this.#view.getUint32(this.skip(4), true)
  int64 = (): bigint => this.#view.getBigInt64(this.skip(8), true)
  float64 = (): number => this.#view.getFloat64(this.skip(8), false)

  text(count: number): string {
    const bytes = this.bytes(count)
    try {
      return decodeText(bytes)
    } catch {
      throw new UnpicklingError('a string that is not UTF-8')
    }
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.position)
    if (end === -1) throw new UnpicklingError('the pickle is cut off')
    const line = this.text(end - this.position)
    this.position++
    return line
  }

  /** The module and name that follow, as Python 3 calls them. */
  path(): string {
    const module = this.line()
    return `${Object.hasOwn(MODULES, module) ? MODULES[module] : module}.${this.line()}`
  }

  /** A whole number in two's complement, the last byte first. */
  long(count: number): number | bigint {
    const bytes = this.bytes(count)
    if (count === 0) return 0
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).reverse()
    const long = BigInt.asIntN(8 * count, BigInt(`0x${digits.join('')}`))
    const number = Number(long)
    return Number.isSafeInteger(number) ? number : long
  }
}

export class Unpickler {
  readonly #input: PickleBytes
  readonly #host: Host
  /** The arrays that are tuples; all others are lists. */
  readonly tuples = new Set<unknown>()
  readonly #memo = new Map<number, unknown>()
  readonly #stack: unknown[] = []
  /** Where the items since each MARK begin. */
  readonly #marks: number[] = []

  constructor(input: PickleBytes, host: Host) {
    this.#input = input
    this.#host = host
  }

  /** Reads one pickle. @throws {UnpicklingError} */
  load(): unknown {
    for (let count = 1; ; count++) {
      if (count % CHECKED === 0) checkHeap()
      const opcode = this.#input.uint8()
      if (opcode === op.STOP) return this.#pop()
      const value = this.#step(opcode)
      if (value !== NOTHING) this.#stack.push(value)
    }
  }

  /** Does what an opcode says; gives what goes on the stack, or NOTHING. */
  #step(opcode: number): unknown {
    const input = this.#input
    switch (opcode) {
      case op.PROTO: {
        const version = input.uint8()
        if (version === 2) return NOTHING
        throw new UnpicklingError(`pickle's protocol ${version}: only 2, torch.save's own, is read`)
      }
      case op.NONE:
        return null
      case op.NEWFALSE:
        return false
      case op.NEWTRUE:
        return true
      case op.BININT:
        return input.int32()
      case op.BININT1:
        return input.uint8()
      case op.BININT2:
        return input.uint16()
      case op.LONG1:
        return input.long(input.uint8())
      case op.BINFLOAT:
        return input.float64()
      case op.BINUNICODE:
        return input.text(input.uint32())
      case op.SHORT_BINSTRING:
        return input.text(input.uint8())
      case op.EMPTY_TUPLE:
        return this.#tuple([])
      case op.EMPTY_LIST:
        return []
      case op.EMPTY_DICT:
        return new Dict()
      case op.EMPTY_SET:
        return new Set()
      case op.MARK:
        this.#marks.push(this.#stack.length)
        return NOTHING
      case op.TUPLE:
        return this.#tuple(this.#popMark())
      case op.TUPLE1:
      case op.TUPLE2:
      case op.TUPLE3:
        return this.#tuple(this.#take(opcode - op.TUPLE1 + 1))
      case op.APPEND: {
        const item = this.#pop()
        this.#list('append to').push(item)
        return NOTHING
      }
      case op.APPENDS: {
        const items = this.#popMark()
        const list = this.#list('extend')
        for (const item of items) list.push(item)
        return NOTHING
      }
      case op.SETITEM: {
        const [key, value] = this.#take(2)
        this.#set(this.#dict('SETITEM'), key, value)
        return NOTHING
      }
      case op.SETITEMS: {
        const items = this.#popMark()
        const dict = this.#dict('SETITEMS')
        if (items.length % 2 !== 0) throw new UnpicklingError('a key without a value')
        for (let i = 0; i < items.length; i += 2) this.#set(dict, items[i], items[i + 1])
        return NOTHING
      }
      case op.BINPUT:
        this.#memo.set(input.uint8(), this.#top())
        return NOTHING
      case op.LONG_BINPUT:
        this.#memo.set(input.uint32(), this.#top())
        return NOTHING
      case op.BINGET:
        return this.#remembered(input.uint8())
      case op.LONG_BINGET:
        return this.#remembered(input.uint32())
      case op.GLOBAL:
        return this.#host.global(input.path())
      case op.REDUCE:
        return this.#reduce()
      case op.NEWOBJ:
        return this.#newObject()
      case op.BUILD:
        this.#build()
        return NOTHING
      case op.BINPERSID:
        return this.#persistent()
      default:
        throw new UnpicklingError(`the opcode ${op.nameOfOpcode(opcode)} is not read`)
    }
  }

  // --- the stack ------------------------------------------------------------------------------------------------

  /** The last `count` values, which a MARK guards against being taken before it. */
  #take(count: number): unknown[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) throw new UnpicklingError('the stack is empty')
    return this.#stack.splice(this.#stack.length - count)
  }

  #pop(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw new UnpicklingError('the stack is empty')
    return this.#stack.pop()
  }

  #top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw new UnpicklingError('the stack is empty')
    return this.#stack.at(-1)
  }

  #popMark(): unknown[] {
    const mark = this.#marks.pop()
    if (mark === undefined) throw new UnpicklingError('there is no mark on the stack')
    return this.#stack.splice(mark)
  }

  #remembered(index: number): unknown {
    if (!this.#memo.has(index)) throw new UnpicklingError(`the memo has nothing at ${index}`)
    return this.#memo.get(index)
  }

  // --- containers -----------------------------------------------------------------------------------------------

  #tuple(items: unknown[]): unknown[] {
    this.tuples.add(items)
    return items
  }

  #list(action: string): unknown[] {
    const list = this.#top()
    if (!Array.isArray(list) || this.tuples.has(list)) {
      throw new UnpicklingError(`Can only ${action} lists, but got ${typeName(list, this.tuples)}`)
    }
    return list
  }

  #dict(opcode: string): Dict {
    const dict = this.#top()
    if (dict instanceof Dict) return dict
    throw new UnpicklingError(
      `Can only ${opcode} for dict, collections.OrderedDict, collections.Counter, but got ${typeName(dict, this.tuples)}`,
    )
  }

  #set(dict: Dict, key: unknown, value: unknown): void {
    if (!isHashable(key, this.tuples)) throw new UnpicklingError(`unhashable type: ${typeName(key, this.tuples)}`)
    dict.items.set(key, value)
  }

  // --- what Python would run ------------------------------------------------------------------------------------

  #args(): readonly unknown[] {
    const args = this.#pop()
    if (this.tuples.has(args)) return args as unknown[]
    throw new UnpicklingError(`arguments must be a tuple, not ${typeName(args)}`)
  }

  #reduce(): unknown {
    const args = this.#args()
    const callee = this.#pop()
    if (!(callee instanceof Global) || callee.call === undefined) {
      throw new UnpicklingError(`Trying to call reduce for unrecognized function ${typeName(callee, this.tuples)}`)
    }
    try {
      return callee.call(args)
    } catch (error) {
      if (!(error instanceof Error) || error instanceof UnpicklingError || error.name === 'OutOfMemoryError')
        throw error
      throw new UnpicklingError(`${callee.path}: ${error.message}`, { cause: error })
    }
  }

  #newObject(): unknown {
    const args = this.#args()
    const cls = this.#pop()
    const made = cls instanceof Global ? this.#host.construct?.(cls, args) : undefined
    if (made === undefined) {
      throw new UnpicklingError(
        'Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got ' +
          typeName(cls, this.tuples),
      )
    }
    return made
  }

  #build(): void {
    const state = this.#pop()
    const target = this.#top()
    if (target instanceof Dict && target.kind === 'OrderedDict' && state instanceof Dict) target.attributes = state
    else if (isBuildable(target)) target.build(state)
    else {
      throw new UnpicklingError(
        'Can only build OrderedDict or types allowlisted via `add_safe_globals`, but got ' +
          (target instanceof Instance ? target.make.name : typeName(target, this.tuples)),
      )
    }
  }

  #persistent(): unknown {
    const id = this.#pop()
    if (!this.tuples.has(id)) throw new UnpicklingError(`persistent_load id must be tuple, but got ${typeName(id)}`)
    const [kind] = id as unknown[]
    if (kind !== 'storage') {
      throw new UnpicklingError(`Only persistent_load of storage is allowed, but got ${typeName(kind, this.tuples)}`)
    }
    return this.#host.persistent(id as unknown[])
  }
}

/** Whether a value may be a key. Of what a tuple holds none is asked: a memo can make it endless. */
export function isHashable(value: unknown, tuples: ReadonlySet<unknown>): boolean {
  if (Array.isArray(value)) return tuples.has(value)
  return !(value instanceof Dict || value instanceof Set || value instanceof Map)
}

function checkHeap(): void {
  if (v8.getHeapStatistics().total_available_size > ROOM) return
  const error = new Error('out of memory: the pickle makes more objects than JavaScript has room for')
  error.name = 'OutOfMemoryError'
  throw error
}

/** The names in a pickle, which is not run: null stands for one that only running it would tell. */
export function globalsOf(bytes: Uint8Array): Set<string> {
  const input = new PickleBytes(bytes)
  const names = new Set<string>()
  for (;;) {
    const opcode = input.uint8()
    if (opcode === op.STOP) return names
    if (opcode === op.GLOBAL) names.add(input.path())
    else if (opcode === op.BINUNICODE) input.skip(input.uint32())
    else if (opcode === op.SHORT_BINSTRING || opcode === op.LONG1) input.skip(input.uint8())
    else {
      const size = SIZES.get(opcode)
      if (size === undefined) throw new UnpicklingError(`the opcode ${op.nameOfOpcode(opcode)} is not read`)
      input.skip(size)
    }
  }
}

/** The bytes behind an opcode. */
const SIZES = new Map<number, number>([
  ...[op.NEWOBJ, op.REDUCE, op.BUILD, op.APPEND, op.APPENDS, op.SETITEM, op.SETITEMS, op.MARK, op.TUPLE].map(none),
  ...[op.TUPLE1, op.TUPLE2, op.TUPLE3, op.NONE, op.NEWFALSE, op.NEWTRUE, op.EMPTY_TUPLE, op.EMPTY_LIST].map(none),
  ...[op.EMPTY_DICT, op.EMPTY_SET, op.BINPERSID].map(none),
  [op.BININT, 4],
  [op.BININT1, 1],
  [op.BININT2, 2],
  [op.BINFLOAT, 8],
  [op.BINGET, 1],
  [op.LONG_BINGET, 4],
  [op.BINPUT, 1],
  [op.LONG_BINPUT, 4],
  [op.PROTO, 1],
])

function none(opcode: number): [number, number] {
  return [opcode, 0]
}
