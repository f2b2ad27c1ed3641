import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

/**
 * Writes a file so that it is there whole or not at all: under a temporary name, flushed to the disk, then renamed.
 * @throws what the file system says, such as ENOSPC; what was there before is then untouched.
 */
export function writeFileAtomic(file: string, parts: Iterable<Uint8Array>): void {
  const temporary = `${file}.${process.pid}.tmp`
  const descriptor = openSync(temporary, 'w')
  try {
    try {
      for (const part of parts) {
        for (let written = 0; written < part.length; ) written += writeSync(descriptor, part, written)
      }
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
