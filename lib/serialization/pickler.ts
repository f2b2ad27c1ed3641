// A writer of pickles in protocol 2, with the opcodes that Python's weights_only reader knows.

import { ByteWriter } from './byte_writer.js'
import { DEEPEST } from './objects.js'
import * as op from './opcodes.js'
import type { TensorReducer } from './reduce.js'
import { refuse, wordOf } from './values.js'
import { Call, Float, Items, isWord, List, Name, PersistentId, Tuple, type Word } from './words.js'

/** As many items Python writes at once. */
const BATCH = 1000
/** The bytes of the largest integer that is read. */
const LONGEST = 0xff

export class Pickler {
  readonly #out = new ByteWriter()
  readonly #memo = new Map<unknown, number>()
  readonly #path: (string | number)[] = []
  /** The tuples that are being written. */
  readonly #open = new Set<unknown>()
  readonly #tensors: TensorReducer
  #depth = 0

  constructor(
    readonly callee: string,
    tensors: TensorReducer,
  ) {
    this.#tensors = tensors
  }

  dump(value: unknown): Uint8Array {
    this.#out.uint8(op.PROTO, 2)
    this.#write(value)
    this.#out.byte(op.STOP)
    return this.#out.finish()
  }

  /** Which value is being written, for a message. */
  readonly #where = (): string => {
    const names = this.#path.map((name) => `[${JSON.stringify(name)}]`)
    return `${this.callee}(): ${names.length === 0 ? 'the object' : `obj${names.join('')}`}`
  }

  #write(value: unknown): void {
    switch (typeof value) {
      case 'boolean':
        this.#out.byte(value ? op.NEWTRUE : op.NEWFALSE)
        break
      case 'number':
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.#integer(value)
        else this.#out.float64(op.BINFLOAT, value)
        break
      case 'bigint':
        if (Number.isSafeInteger(Number(value))) this.#integer(Number(value))
        else this.#long(value)
        break
      case 'string':
        this.#once(value, () => this.#out.text(op.BINUNICODE, value))
        break
      case 'object':
        if (value === null) this.#out.byte(op.NONE)
        else this.#object(value)
        break
      default:
        refuse(value, this.#where)
    }
  }

  #integer(value: number): void {
    if (value >= 0 && value <= 0xff) this.#out.uint8(op.BININT1, value)
    else if (value >= 0 && value <= 0xffff) this.#out.uint16(op.BININT2, value)
    else if (value >= -(2 ** 31) && value < 2 ** 31) this.#out.int32(op.BININT, value)
    else this.#long(BigInt(value))
  }

  /** Two's complement in as few bytes as hold it, the last first. */
  #long(value: bigint): void {
    const bits = (value < 0n ? -value - 1n : value).toString(2).length
    const count = Math.floor(bits / 8) + 1
    if (count > LONGEST)
      throw new RangeError(`${this.#where()} is an integer of ${bits} bits, and Python reads ${8 * LONGEST - 1}`)
    this.#out.uint8(op.LONG1, count)
    const digits = BigInt.asUintN(8 * count, value)
      .toString(16)
      .padStart(2 * count, '0')
    this.#out.bytes(Buffer.from(digits, 'hex').reverse())
  }

  // --- what is written once -------------------------------------------------------------------------------------

  /** Writes a value, or where it was written before. */
  #once(value: unknown, write: () => void): void {
    const index = this.#memo.get(value)
    if (index === undefined) {
      write()
      this.#remember(value)
    } else if (index <= 0xff) this.#out.uint8(op.BINGET, index)
    else this.#out.uint32(op.LONG_BINGET, index)
  }

  #remember(value: unknown): void {
    const index = this.#memo.size
    this.#memo.set(value, index)
    if (index <= 0xff) this.#out.uint8(op.BINPUT, index)
    else this.#out.uint32(op.LONG_BINPUT, index)
  }

  // --- objects --------------------------------------------------------------------------------------------------

  #object(value: object): void {
    if (this.#memo.has(value)) {
      this.#once(value, () => {})
      return
    }
    if (++this.#depth > DEEPEST) throw new RangeError(`${this.callee}(): values within more than ${DEEPEST} others`)
    this.#word(value, isWord(value) ? value : wordOf(value, this.#tensors, this.#where))
    this.#depth--
  }

  /** Writes `value` as `word`. */
  #word(value: object, word: Word): void {
    if (word instanceof Call) this.#call(value, word)
    else if (word instanceof Items) this.#items(value, word)
    else if (word instanceof List) this.#list(value, word.items)
    else if (word instanceof Tuple) this.#tuple(value, word.items)
    else if (word instanceof Name) this.#name(word.path)
    else if (word instanceof Float) this.#out.float64(op.BINFLOAT, word.value)
    else if (word instanceof PersistentId) {
      this.#write(word.id)
      this.#out.byte(op.BINPERSID)
    }
  }

  #name(path: string): void {
    // No string of the user's is the same.
    this.#once(Symbol.for(`python ${path}`), () => {
      const dot = path.lastIndexOf('.')
      const module = path.slice(0, dot)
      // Protocol 2 is Python 2's.
      this.#out.global(op.GLOBAL, module === 'builtins' ? '__builtin__' : module, path.slice(dot + 1))
    })
  }

  #call(value: object, { path, args }: Call): void {
    this.#name(path)
    this.#write(new Tuple(args))
    this.#out.byte(op.REDUCE)
    this.#remember(value)
  }

  #tuple(value: object, items: readonly unknown[]): void {
    if (items.length === 0) {
      this.#out.byte(op.EMPTY_TUPLE)
      return
    }
    if (this.#open.has(value)) throw new TypeError(`${this.#where()} is a frozen array that holds itself`)
    this.#open.add(value)
    if (items.length > 3) this.#out.byte(op.MARK)
    for (let i = 0; i < items.length; i++) this.#at(i, items[i])
    this.#out.byte(items.length > 3 ? op.TUPLE : op.TUPLE1 + items.length - 1)
    this.#open.delete(value)
    this.#remember(value)
  }

  #at(name: string | number, value: unknown): void {
    this.#path.push(name)
    this.#write(value)
    this.#path.pop()
  }

  #list(value: object, items: readonly unknown[]): void {
    this.#out.byte(op.EMPTY_LIST)
    this.#remember(value)
    this.#batches(items.length, op.APPEND, op.APPENDS, (i) => this.#at(i, items[i]))
  }

  #items(value: object, { entries, ordered, metadata }: Items): void {
    if (ordered) {
      this.#name('collections.OrderedDict')
      this.#out.byte(op.EMPTY_TUPLE)
      this.#out.byte(op.REDUCE)
    } else this.#out.byte(op.EMPTY_DICT)
    this.#remember(value)
    this.#batches(entries.length, op.SETITEM, op.SETITEMS, (i) => {
      const [key, item] = entries[i] as readonly [unknown, unknown]
      this.#write(key)
      this.#at(typeof key === 'number' ? key : String(key), item)
    })
    if (metadata === null) return
    this.#write(new Items([['_metadata', metadata]]))
    this.#out.byte(op.BUILD)
  }

  /** One item goes in by itself, several go in together. */
  #batches(length: number, one: number, several: number, write: (index: number) => void): void {
    for (let from = 0; from < length; from += BATCH) {
      const to = Math.min(from + BATCH, length)
      if (to - from > 1) this.#out.byte(op.MARK)
      for (let i = from; i < to; i++) write(i)
      this.#out.byte(to - from > 1 ? several : one)
    }
  }
}
