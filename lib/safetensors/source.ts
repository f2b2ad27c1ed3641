// Where the bytes of safetensors come from: a file of any kind, or memory.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { SafetensorError } from './error.js'
import { type Header, headerLength, LENGTH, parseHeader } from './header.js'

export interface Source {
  /** All its bytes; null where they come one after the other without a known end, as from a pipe. */
  readonly size: number | null
  /** Reads at a position until the bytes are full or there are no more; gives how many there were. */
  read(into: Uint8Array, position: number): number
}

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
}

export class FileSource implements Source, Disposable {
  readonly size: number | null
  readonly #descriptor: number

  constructor(filename: string) {
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

  get descriptor(): number {
    return this.#descriptor
  }

  [Symbol.dispose](): void {
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
