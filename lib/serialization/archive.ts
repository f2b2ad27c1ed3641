// A PyTorch archive that is read: records by name, from a file or from memory.

import { type NativeArchive, native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { UnpicklingError } from './error.js'

/** How a file is mapped: not at all, privately, shared. */
export type Mapping = 0 | 1 | 2

/** What libtorch says, without where in its sources it says so. */
function wordOf(error: unknown): unknown {
  if (!(error instanceof Error) || error.name === 'OutOfMemoryError') return error
  const message = error.message
    .replace(/^\[enforce fail at [^\]]*\]\s*(?:[^.]*\.\s)?/, '')
    .replace(/\s*\n[\s\S]*$/, '')
    .replace(/ This is an internal miniz error\..*$/, '')
    .replace(/^PytorchStreamReader failed/, 'libtorch failed')
  return new UnpicklingError(message.trim(), { cause: error })
}

function asked<T>(question: () => T): T {
  try {
    return question()
  } catch (error) {
    throw wordOf(error)
  }
}

export class Archive implements Disposable {
  readonly #archive: NativeArchive

  constructor(file: number | Uint8Array, mapping: Mapping) {
    this.#archive = asked(() => native.open_archive(file, mapping))
  }

  /** Closes the file. What was mapped stays as long as tensors lie in it. */
  [Symbol.dispose](): void {
    native.close_archive(this.#archive)
  }

  has(name: string): boolean {
    return asked(() => native.archive_has(this.#archive, name))
  }

  /** The names of the records below a folder. */
  names(folder: string): string[] {
    const names = asked(() => native.archive_records(this.#archive))
    const within = names.map((name) => name.slice(name.indexOf('/') + 1))
    return within.filter((name) => name.startsWith(folder) && !name.endsWith('/'))
  }

  /** A copy of a record. */
  bytes(name: string): Uint8Array {
    const record = asked(() => native.archive_record(this.#archive, name, -1, true))
    try {
      return new Uint8Array(native.to_bytes(record))
    } finally {
      native.release(record)
    }
  }

  /** A short text, such as the order of bytes; null where there is no such record. */
  word(name: string): string | null {
    return this.has(name) ? Buffer.from(this.bytes(name)).toString('latin1') : null
  }

  /** A record's first `count` bytes, or those that are to be filled. */
  record(name: string, count: number, read = true): Tensor {
    return internals.wrap(asked(() => native.archive_record(this.#archive, name, count, read)))
  }

  /** All records of these names, read on another thread. No scope owns them. */
  async fetch(names: readonly string[]): Promise<Map<string, Tensor>> {
    const tensors = names.map((name) =>
      internals.wrapUnowned(asked(() => native.archive_record(this.#archive, name, -1, false))),
    )
    try {
      await asked(() => native.archive_fill(this.#archive, names, tensors.map(internals.handleOf)))
    } catch (error) {
      throw wordOf(error)
    }
    return new Map(names.map((name, i) => [name, tensors[i] as Tensor]))
  }
}
