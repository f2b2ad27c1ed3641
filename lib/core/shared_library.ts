// Whether a shared library is whole. A cut-off one ends the process by SIGBUS when it is loaded.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** ELF-64, little endian, as on all platforms that libtorch has libraries for. */
const MAGIC = '7f454c460201'
const HEADER = 64
const PT_LOAD = 1

/** Where a file of ELF ends by its own headers: after its last segment and the table of its sections. */
function endOf(header: Buffer, segments: Buffer): number {
  const sizes = [Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60)]
  const step = header.readUInt16LE(54)
  for (let at = 0; at + step <= segments.length; at += step) {
    if (segments.readUInt32LE(at) !== PT_LOAD) continue
    sizes.push(Number(segments.readBigUInt64LE(at + 8) + segments.readBigUInt64LE(at + 32)))
  }
  return Math.max(...sizes)
}

/** What is wrong with the file of a shared library, or null. Only Linux's are looked into. */
export function damageOf(file: string): string | null {
  if (process.platform !== 'linux') return null
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? `there is no ${file}` : (error as Error).message
  }
  try {
    const { size } = fstatSync(fd)
    const header = Buffer.alloc(HEADER)
    if (readSync(fd, header, 0, HEADER, 0) < HEADER || header.toString('hex', 0, 6) !== MAGIC)
      return `${file} is no shared library`
    const segments = Buffer.alloc(header.readUInt16LE(54) * header.readUInt16LE(56))
    readSync(fd, segments, 0, segments.length, Number(header.readBigUInt64LE(32)))
    const end = endOf(header, segments)
    return size < end ? `${file} is cut off: it has ${size} bytes of at least ${end}` : null
  } catch (error) {
    return (error as Error).message
  } finally {
    closeSync(fd)
  }
}
