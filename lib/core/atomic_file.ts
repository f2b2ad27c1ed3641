import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/**
 * Writes a file so that it is there whole or not at all: under a temporary name, flushed to the disk, then renamed.
 * A link's target is replaced, not the link; a file keeps its mode and owner. What is no file (a pipe, a device) is
 * written to as it is.
 * @throws what the file system says, such as ENOSPC; what was there before is then untouched.
 */
export function writeFileAtomic(file: string, parts: Iterable<Uint8Array>): void {
  const target = targetOf(file)
  const before = statSync(target, { throwIfNoEntry: false })
  if (before !== undefined && !before.isFile()) {
    writeInto(openSync(target, 'w'), parts)
    return
  }
  if (before !== undefined) accessSync(target, constants.W_OK)
  const folder = dirname(target)
  removeLeftovers(folder)
  const temporary = join(folder, `${PREFIX}${writer()}-${randomBytes(8).toString('hex')}${SUFFIX}`)
  const descriptor = openSync(temporary, 'wx')
  try {
    writeInto(descriptor, parts, () => {
      if (before !== undefined) takeOver(descriptor, before)
      fsyncSync(descriptor)
    })
    renameSync(temporary, target)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Writes all parts, and closes. */
function writeInto(descriptor: number, parts: Iterable<Uint8Array>, finish?: () => void): void {
  try {
    for (const part of parts) {
      for (let written = 0; written < part.length; ) written += writeSync(descriptor, part, written)
    }
    finish?.()
  } finally {
    closeSync(descriptor)
  }
}

/** As many links in a row as Linux follows. */
const LINKS = 40

/** What a path names behind its links, whether or not it is there. */
function targetOf(file: string): string {
  let target = resolve(file)
  for (let i = 0; i <= LINKS; i++) {
    let next: string
    try {
      next = readlinkSync(target)
    } catch (error) {
      if (['EINVAL', 'ENOENT'].includes((error as { code?: string }).code ?? '')) return target
      throw error
    }
    // /dev/stdout leads to what has no path, such as pipe:[1234].
    if (/^\w+:\[/.test(next)) return target
    target = resolve(realpathSync(dirname(target)), next)
  }
  throw Object.assign(new Error(`ELOOP: too many symbolic links encountered, open '${file}'`), { code: 'ELOOP' })
}

/** Gives a file the owner and mode of the one that it replaces. */
function takeOver(descriptor: number, { uid, gid, mode }: Stats): void {
  try {
    fchownSync(descriptor, uid, gid)
  } catch (error) {
    // Only root gives files away.
    if ((error as { code?: string }).code !== 'EPERM') throw error
  }
  // After the owner, whose change takes bits away.
  fchmodSync(descriptor, mode & 0o7777)
}

// --- leftovers ------------------------------------------------------------------------------------------------

const PREFIX = '.tstorch-'
const SUFFIX = '.tmp'

/** A file that nobody wrote to for so long belongs to nobody, in milliseconds. */
const ABANDONED = 3_600_000

/** Where this process's number means this process: the machine, and the container. */
let place: string | null = null

function writer(): string {
  place ??= currentPlace()
  return `${place}-${process.pid}`
}

function currentPlace(): string {
  let namespace = ''
  try {
    namespace = readlinkSync('/proc/self/ns/pid')
  } catch {
    // There are no such names beside Linux.
  }
  return Buffer.from(`${hostname()} ${namespace}`).toString('hex').slice(-48)
}

/** Removes what processes that were killed left in a folder. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) continue
    const [where = '', number = ''] = name.slice(PREFIX.length).split('-')
    const file = join(folder, name)
    if ((where === place && !isAlive(Number(number))) || isAbandoned(file)) rmSync(file, { force: true })
  }
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code !== 'ESRCH'
  }
}

function isAbandoned(file: string): boolean {
  const status = statSync(file, { throwIfNoEntry: false })
  return status !== undefined && Date.now() - status.mtimeMs > ABANDONED
}
