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
 * A file that is there whole or not at all: written under a temporary name, flushed to the disk, then renamed. A link's
 * target is replaced, not the link; a file keeps its mode and owner. What is no file (a pipe, a device) is written to as
 * it is. Native code may write to `descriptor`. Without `commit` nothing comes of it: `dispose` then removes what was
 * written.
 * @throws what the file system says, such as ENOSPC, with the file's name; what was there before is then untouched.
 */
export class AtomicFile implements Disposable {
  readonly descriptor: number
  readonly #file: string
  readonly #target: string
  /** What is replaced. */
  readonly #before: Stats | undefined
  /** Null where the bytes go to the target itself. */
  readonly #temporary: string | null
  #open = true
  #flushed = false
  #committed = false

  constructor(file: string) {
    this.#file = file
    this.#target = this.#do(() => targetOf(file))
    this.#before = this.#do(() => statSync(this.#target, { throwIfNoEntry: false }))
    if (this.#before !== undefined && !this.#before.isFile()) {
      this.#temporary = null
      this.descriptor = this.#do(() => openSync(this.#target, 'w'))
      return
    }
    if (this.#before !== undefined) this.#do(() => accessSync(this.#target, constants.W_OK))
    const folder = dirname(this.#target)
    removeLeftovers(folder)
    const temporary = join(folder, `${PREFIX}${writer()}-${randomBytes(8).toString('hex')}${SUFFIX}`)
    this.#temporary = temporary
    // Nobody reads what will get the mode of another file before it has it.
    const mode = this.#before === undefined ? 0o666 : 0o600
    this.descriptor = this.#do(() => openSync(temporary, 'wx', mode))
  }

  write(part: Uint8Array): void {
    this.#do(() => {
      this.#flushed = false
      for (let written = 0; written < part.length; ) written += writeSync(this.descriptor, part, written)
    })
  }

  /** Puts what was written on the disk: what remains is the name. `commit` does it where it was not done. */
  flush(): void {
    const before = this.#before
    this.#do(() => {
      if (this.#temporary === null) return
      if (before !== undefined) takeOver(this.descriptor, before)
      fsyncSync(this.descriptor)
    })
    this.#flushed = true
  }

  /** Puts the file in its place, and closes it. */
  commit(): void {
    if (!this.#flushed) this.flush()
    this.#do(() => {
      this.#close()
      const temporary = this.#temporary
      if (temporary === null) return
      renameSync(temporary, this.#target)
      this.#committed = true
      syncFolder(dirname(this.#target))
    })
  }

  [Symbol.dispose](): void {
    if (this.#open) this.#close()
    if (this.#temporary !== null && !this.#committed) rmSync(this.#temporary, { force: true })
  }

  #close(): void {
    this.#open = false
    closeSync(this.descriptor)
  }

  #do<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      throw named(error, this.#file)
    }
  }
}

/** Writes a file so that it is there whole or not at all: an `AtomicFile` of these parts. */
export function writeFileAtomic(filename: string, parts: Iterable<Uint8Array>): void {
  const file = new AtomicFile(filename)
  try {
    for (const part of parts) file.write(part)
    file.commit()
  } finally {
    file[Symbol.dispose]()
  }
}

/** A system's error says what the system calls the file, which may be nothing or a temporary name. */
function named(error: unknown, file: string): unknown {
  if (error instanceof Error) error.message = `cannot write '${file}': ${error.message}`
  return error
}

/** After this a rename is on the disk. */
function syncFolder(folder: string): void {
  let descriptor: number
  try {
    descriptor = openSync(folder, 'r')
  } catch (error) {
    // Files can be made in a folder that nobody may list.
    if (codeOf(error) === 'EACCES') return
    throw error
  }
  try {
    fsyncSync(descriptor)
  } catch (error) {
    // Not every file system does it.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM'].includes(codeOf(error))) throw error
  } finally {
    closeSync(descriptor)
  }
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? ''

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
      if (['EINVAL', 'ENOENT'].includes(codeOf(error))) return target
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
    if (codeOf(error) !== 'EPERM') throw error
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

const writer = (): string => `${currentPlace()}-${process.pid}`

function currentPlace(): string {
  place ??= findPlace()
  return place
}

function findPlace(): string {
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
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    // What cannot be listed cannot be cleaned; writing may still work, or says better what is wrong.
    return
  }
  for (const name of names) {
    if (!name.startsWith(PREFIX) || !name.endsWith(SUFFIX)) continue
    const [where = '', number = ''] = name.slice(PREFIX.length).split('-')
    const file = join(folder, name)
    if ((where === currentPlace() && !isAlive(Number(number))) || isAbandoned(file)) rmSync(file, { force: true })
  }
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

function isAbandoned(file: string): boolean {
  const status = statSync(file, { throwIfNoEntry: false })
  return status !== undefined && Date.now() - status.mtimeMs > ABANDONED
}
