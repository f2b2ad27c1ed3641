// An event file: records of TensorFlow's kind, appended. What was added waits in a queue, which is written when it is
// full, when `flush_secs` have passed since it began to fill, when it is told to, and when the process ends.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Arguments, read } from '../generated/arguments.js'
import { encode, int64 } from './messages.js'
import { needed } from './packages.js'

// --- records ----------------------------------------------------------------------------------------------------

let crc32c: ((bytes: Uint8Array) => number) | undefined

/** TensorFlow's checksum: CRC-32C, turned, so that the checksum of a text with checksums in it is a good one, too. */
function maskedCrc(bytes: Uint8Array): number {
  crc32c ??= needed<{ crc32c: (bytes: Uint8Array) => number }>('@node-rs/crc32', 'event files').crc32c
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** A record: the length, its checksum, the data, its checksum. */
export function recordOf(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(8 + 4 + data.length + 4)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc(data), true)
  return record
}

// --- the file ---------------------------------------------------------------------------------------------------

/** How many files this environment has made. */
let made = 0

/** Makes a file whose name no other one has: worker threads share the number of the process, but not this count. */
function create(folder: string, suffix: string): number {
  mkdirSync(folder, { recursive: true })
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0')
  for (;;) {
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${made++}${suffix}`
    try {
      return openSync(join(folder, name), 'ax')
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error
    }
  }
}

const open = new Set<FileWriter>()
let watching = false

/** What is open when the process ends is written. */
function flushAtExit(writer: FileWriter): void {
  open.add(writer)
  if (watching) return
  watching = true
  process.on('exit', () => {
    const failures: unknown[] = []
    for (const each of open) {
      try {
        each.close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  })
}

/** Writes events into one new file of a folder. */
export class FileWriter {
  readonly #folder: string
  readonly #queue: Uint8Array[] = []
  readonly #maxQueue: number
  readonly #flushSeconds: number
  #descriptor: number | null
  /** Bytes of the queue's first record that are in the file already. */
  #written = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #failure: unknown

  /** @throws what the file system says, or a word on packages that are missing. */
  constructor(...args: Arguments['utils.tensorboard.FileWriter']) {
    const { log_dir, max_queue, flush_secs, filename_suffix } = read('utils.tensorboard.FileWriter', args)
    this.#folder = log_dir
    this.#maxQueue = max_queue
    this.#flushSeconds = flush_secs
    const first = recordOf(
      encode('Event', {
        wall_time: Date.now() / 1000,
        file_version: 'brain.Event:2',
        source_metadata: { writer: 'tensorboard.summary.writer.event_file_writer' },
      }),
    )
    this.#descriptor = create(log_dir, filename_suffix)
    flushAtExit(this)
    this.#queue.push(first)
    this.flush()
  }

  get_logdir(): string {
    return this.#folder
  }

  /** Adds an event: the fields of the message Event. `walltime` is in seconds; it is now by default. */
  add_event(...args: Arguments['utils.tensorboard.FileWriter.add_event']): void {
    const { event, step, walltime } = read('utils.tensorboard.FileWriter.add_event', args)
    this.#check()
    const fields = { ...event, wall_time: walltime ?? Date.now() / 1000 }
    this.#queue.push(recordOf(encode('Event', step === null ? fields : { ...fields, step: int64(step) })))
    if (this.#queue.length >= this.#maxQueue) this.flush()
    else this.#flushLater()
  }

  /** Adds a summary: the fields of the message Summary. */
  add_summary(...args: Arguments['utils.tensorboard.FileWriter.add_summary']): void {
    const { summary, global_step, walltime } = read('utils.tensorboard.FileWriter.add_summary', args)
    this.add_event({ summary }, global_step, walltime)
  }

  /** Writes what waits. @throws what the file system says; what is not yet written waits on. */
  flush(): void {
    this.#check()
    clearTimeout(this.#timer)
    this.#timer = undefined
    const bytes = Buffer.concat(this.#queue)
    let written = this.#written
    try {
      while (written < bytes.length) written += writeSync(this.#descriptor as number, bytes, written)
    } finally {
      this.#forget(written)
    }
  }

  /** Drops the records that are written: the queue's first bytes. */
  #forget(written: number): void {
    let rest = written
    while (this.#queue.length > 0 && rest >= (this.#queue[0] as Uint8Array).length) {
      rest -= (this.#queue.shift() as Uint8Array).length
    }
    this.#written = rest
  }

  /** Writes what waits, and closes the file. Closing twice is no error. */
  close(): void {
    if (this.#descriptor === null) return
    this.#failure = undefined
    try {
      this.flush()
    } finally {
      open.delete(this)
      closeSync(this.#descriptor)
      this.#descriptor = null
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** A timer has nobody to tell of an error: the next call does. */
  #flushLater(): void {
    if (this.#timer !== undefined) return
    const run = () => {
      try {
        this.flush()
      } catch (error) {
        this.#failure = error
      }
    }
    // Longer than a timer can wait is never.
    this.#timer = setTimeout(run, Math.min(this.#flushSeconds * 1000, 2 ** 31 - 1))
    this.#timer.unref()
  }

  #check(): void {
    if (this.#descriptor === null) throw new Error('Writer is closed')
    if (this.#failure === undefined) return
    const error = this.#failure
    this.#failure = undefined
    throw error
  }
}
