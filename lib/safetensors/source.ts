// Where the bytes of safetensors come from: a file of any kind, or memory.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type Handle, native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { empty } from '../generated/functions.js'
import { SafetensorError } from './error.js'
import { type Entry, type Header, headerLength, LENGTH, parseHeader } from './header.js'

export interface Source {
  /** All its bytes; null where they come one after the other without a known end, as from a pipe. */
  readonly size: number | null
  /** Reads at a position until the bytes are full or there are no more; gives how many there were. */
  read(into: Uint8Array, position: number): number
  /** The tensor whose data begins at a position, on the CPU; null where there are fewer bytes. */
  tensor(position: number, entry: Entry): Tensor | null
}

/** Without elements, sizes may be beyond 2^53. */
const emptyTensor = ({ shape, dtype }: Entry): Tensor => empty(shape as number[], { dtype, device: 'cpu' })

export class MemorySource implements Source {
  readonly #bytes: Uint8Array

  constructor(data: ArrayBuffer | ArrayBufferView) {
    this.#bytes = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data)
  }

  get size(): number {
    return this.#bytes.length
  }

  read(into: Uint8Array, position: number): number {
    const part = this.#bytes.subarray(position, position + into.length)
    into.set(part)
    return part.length
  }

  tensor(position: number, entry: Entry): Tensor | null {
    if (entry.size === 0) return emptyTensor(entry)
    const part = this.#bytes.subarray(position, position + entry.size)
    if (part.length < entry.size) return null
    return internals.wrap(native.from_bytes(part, entry.dtype.code, entry.shape as number[]))
  }
}

export class FileSource implements Source, Disposable {
  readonly size: number | null
  readonly #descriptor: number
  readonly #filename: string
  #maps: boolean
  #map: Handle | null = null

  /** Where it maps a file, its data is read when it is touched, and what is written to a tensor stays in memory. */
  constructor(filename: string, maps: boolean) {
    this.#filename = filename
    this.#maps = maps
    this.#descriptor = openSync(filename, 'r')
    try {
      const status = fstatSync(this.#descriptor)
      this.size = status.isFile() ? status.size : null
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  read(into: Uint8Array, position: number): number {
    let done = 0
    while (done < into.length) {
      // What is no file has no positions: there it is read in order.
      const at = this.size === null ? null : position + done
      const count = readSync(this.#descriptor, into, done, into.length - done, at)
      if (count === 0) break
      done += count
    }
    return done
  }

  tensor(position: number, entry: Entry): Tensor | null {
    if (entry.size === 0) return emptyTensor(entry)
    const part = this.#partOfMap(position, entry)
    if (part !== null) return internals.wrap(part)
    const tensor = emptyTensor(entry)
    const place = this.size === null ? -1 : position
    return native.read_file(this.#descriptor, place, internals.handleOf(tensor)) === entry.size ? tensor : null
  }

  /** Null where it is to be read: from a pipe, where the file became too short, and where its place does not suit its dtype. */
  #partOfMap(position: number, { size, dtype, shape }: Entry): Handle | null {
    if (!this.#maps || this.size === null || fstatSync(this.#descriptor).size < position + size) return null
    this.#map ??= native.map_file(this.#descriptor, this.size, this.#filename)
    // A process has so many maps, and not every file system has any.
    this.#maps = this.#map !== null
    return this.#map === null ? null : native.part_of(this.#map, position, dtype.code, shape as number[])
  }

  [Symbol.dispose](): void {
    if (this.#map !== null) native.release(this.#map)
    closeSync(this.#descriptor)
  }
}

/** Says of which file something is said. */
export function damaged(name: string, error: unknown): unknown {
  if (!(error instanceof SafetensorError)) return error
  return new SafetensorError(`${name} is not a safetensors file, or it is damaged: ${error.message}`)
}

/** Reads the header. `start` is where the data begins. */
export function readHeader(source: Source): Header & { start: number } {
  const first = new Uint8Array(LENGTH)
  const count = source.read(first, 0)
  if (count < LENGTH) throw new SafetensorError(`it holds ${count} bytes`)
  const length = headerLength(first)
  const start = LENGTH + length
  if (source.size !== null && start > source.size) throw new SafetensorError('its header is cut off')
  const bytes = new Uint8Array(length)
  if (source.read(bytes, LENGTH) < length) throw new SafetensorError('its header is cut off')
  const header = parseHeader(bytes)
  if (source.size !== null && start + header.size !== source.size) {
    const last = header.entries.findLast(({ begin, size }) => start + begin + size > (source.size as number))
    throw new SafetensorError(
      last === undefined
        ? `there are ${source.size - start - header.size} bytes behind its data`
        : `the data of '${last.name}' is cut off`,
    )
  }
  return { ...header, start }
}
