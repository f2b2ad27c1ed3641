// The directories of zip archives, held to what PyTorch's writer makes of them: where the records are, and how long.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'

/** Bytes that are read at any place. */
export interface Bytes {
  readonly size: number
  read(position: number, length: number): Uint8Array
}

/** A record. */
export interface Entry {
  name: string
  compressed: boolean
  /** Bytes in the file, and bytes of the record. */
  stored: number
  size: number
  /** Of its own header, before its bytes. */
  offset: number
}

/** Deflate makes of a byte at most so many. */
const INFLATION = 1032

export const damaged = (what: string): Error => new Error(`the file is damaged, or another program's: ${what}`)

function view(bytes: Bytes, position: number, length: number): DataView {
  if (!Number.isSafeInteger(position) || position < 0 || length > bytes.size - position) {
    throw damaged('it ends before its records do')
  }
  const part = bytes.read(position, length)
  if (part.length < length) throw damaged('it is cut off')
  return new DataView(part.buffer, part.byteOffset, part.length)
}

const size64 = (data: DataView, at: number): number => Number(data.getBigUint64(at, true))

const END = 22
const LOCATOR = 20

/** Where the directory lies and how many entries it has. */
function findDirectory(bytes: Bytes): { start: number; length: number; count: number } {
  const at = bytes.size - END
  if (at < 0) throw damaged('it is too short')
  const end = view(bytes, at, END)
  // libtorch's writer adds no comment, so there is one place to look.
  if (end.getUint32(0, true) !== 0x06054b50) throw damaged('the directory of the archive is missing')
  let found = { count: end.getUint16(10, true), length: end.getUint32(12, true), start: end.getUint32(16, true) }
  if (at >= LOCATOR) {
    const locator = view(bytes, at - LOCATOR, LOCATOR)
    if (locator.getUint32(0, true) === 0x07064b50) {
      const large = view(bytes, size64(locator, 8), 56)
      if (large.getUint32(0, true) === 0x06064b50) {
        found = { count: size64(large, 32), length: size64(large, 40), start: size64(large, 48) }
      }
    }
  }
  if (found.length > at - found.start) throw damaged('the directory of the archive is not where it should be')
  return found
}

function readDirectory(bytes: Bytes): Entry[] {
  const { start, length, count } = findDirectory(bytes)
  const data = view(bytes, start, length)
  const entries: Entry[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    if (at + 46 > length || data.getUint32(at, true) !== 0x02014b50) throw damaged('an entry of the directory is none')
    const flags = data.getUint16(at + 8, true)
    const method = data.getUint16(at + 10, true)
    if ((flags & 1) !== 0 || (method !== 0 && method !== 8)) throw damaged('a record is packed in an unknown way')
    const [name, extra, comment] = [28, 30, 32].map((field) => data.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ]
    if (at + 46 + name + extra + comment > length) throw damaged('an entry of the directory is cut off')
    const entry: Entry = {
      name: Buffer.from(data.buffer, data.byteOffset + at + 46, name).toString('latin1'),
      compressed: method === 8,
      stored: data.getUint32(at + 20, true),
      size: data.getUint32(at + 24, true),
      offset: data.getUint32(at + 42, true),
    }
    readLargeFields(entry, new DataView(data.buffer, data.byteOffset + at + 46 + name, extra))
    entries.push(entry)
    at += 46 + name + extra + comment
  }
  return entries
}

/** What is too large for 32 bits stands in a field of its own. */
function readLargeFields(entry: Entry, extra: DataView): void {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true)
    if (at + 4 + length > extra.byteLength) throw damaged('a field of an entry is cut off')
    if (extra.getUint16(at, true) === 1) {
      let field = at + 4
      for (const key of ['size', 'stored', 'offset'] as const) {
        if (entry[key] !== 0xffffffff) continue
        if (field + 8 > at + 4 + length) throw damaged('a field of an entry is cut off')
        entry[key] = size64(extra, field)
        field += 8
      }
      return
    }
    at += 4 + length
  }
}

/** The bytes of a record in the file begin here. */
function startOf(bytes: Bytes, { offset, stored }: Entry): number {
  const header = view(bytes, offset, 30)
  if (header.getUint32(0, true) !== 0x04034b50) throw damaged('a record has no header')
  const start = offset + 30 + header.getUint16(26, true) + header.getUint16(28, true)
  if (stored > bytes.size - start) throw damaged('a record is cut off')
  return start
}

/** A record's bytes. */
export function contentOf(bytes: Bytes, entry: Entry): Uint8Array {
  const stored = view(bytes, startOf(bytes, entry), entry.stored)
  const content = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
  if (!entry.compressed) return content
  try {
    const inflated = inflateRawSync(content, { maxOutputLength: Math.max(entry.size, 1) })
    if (inflated.length === entry.size) return inflated
  } catch {
    // It is not what the directory says.
  }
  throw damaged(`${entry.name} does not unpack`)
}

/**
 * The records by name, in small letters.
 * @throws where the directory says what the archive cannot hold.
 */
export function readArchive(bytes: Bytes): Map<string, Entry> {
  const entries = readDirectory(bytes)
  if (entries.length === 0) throw damaged('it is empty')
  const byName = new Map<string, Entry>()
  let stored = 0
  for (const entry of entries) {
    startOf(bytes, entry)
    stored += entry.stored
    const most = entry.compressed ? INFLATION * entry.stored : entry.stored
    if (entry.compressed ? entry.size > most : entry.size !== most || stored > bytes.size) {
      throw damaged(`${entry.name} is longer than what is stored of it`)
    }
    // libtorch's reader does not tell a from A.
    const key = entry.name.toLowerCase()
    if (byName.has(key)) throw damaged(`it has two records called ${entry.name}`)
    byName.set(key, entry)
  }
  if (stored > bytes.size) throw damaged('its records lie over each other')
  return byName
}

/** A file, for as long as `use` runs. */
export function withFile<R>(file: string, use: (bytes: Bytes) => R): R {
  // A pipe that nobody writes to is no reason to wait.
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const status = fstatSync(descriptor)
    if (!status.isFile()) throw new Error('it is no file')
    return use({
      size: status.size,
      read(position, length) {
        const into = new Uint8Array(length)
        let done = 0
        while (done < length) {
          const count = readSync(descriptor, into, done, length - done, position + done)
          if (count === 0) break
          done += count
        }
        return into.subarray(0, done)
      },
    })
  } finally {
    closeSync(descriptor)
  }
}

export const memoryBytes = (bytes: Uint8Array): Bytes => ({
  size: bytes.length,
  read: (position, length) => bytes.subarray(position, position + length),
})

/** The folder that all records are in, as the first one says. */
export function rootOf(records: Map<string, Entry>): string {
  const [first = ''] = records.keys()
  return first.slice(0, first.indexOf('/') + 1)
}
