// torch.utils.progress: shows how far a loop is, as tqdm does.

import { checkKeys } from '../../operators/arguments.js'
import { type Meter, meter, postfixOf } from './meter.js'

/** Where the progress is shown. */
export interface ProgressOutput {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

export interface ProgressOptions {
  /** What stands before the bar. */
  desc?: string
  /** How many there will be; by default the iterable's length or size. */
  total?: number | null
  /** What is counted. By default 'it'. */
  unit?: string
  /** How many are done already. */
  initial?: number
  /** Seconds between two pictures of the bar on a terminal, 0.1 by default. */
  mininterval?: number
  /** Seconds between two lines elsewhere, 10 by default. */
  line_interval?: number
  /** Whether the bar stays when all is done. By default true. */
  leave?: boolean
  /** Shows nothing. */
  disable?: boolean
  /** By default the process's stderr. */
  file?: ProgressOutput
}

const NAMES = ['desc', 'total', 'unit', 'initial', 'mininterval', 'line_interval', 'leave', 'disable', 'file']

const CLEAR = '\r\x1b[K'

/** A list's length, a set's size; null where there is neither. */
function lengthOf(iterable: unknown): number | null {
  const { length, size } = Object(iterable) as { length?: unknown; size?: unknown }
  return ([length, size].find(Number.isSafeInteger) as number | undefined) ?? null
}

/**
 * How far a loop is: a bar on a terminal, lines at intervals elsewhere. Iterating over it counts; whoever counts for
 * himself calls `update` and `close`.
 */
export class Progress<T> implements Iterable<T>, AsyncIterable<T>, Disposable {
  readonly #iterable: Iterable<T> | AsyncIterable<T> | null
  readonly #file: ProgressOutput
  readonly #isTerminal: boolean
  readonly #interval: number
  readonly #leave: boolean
  readonly #started = performance.now()
  readonly #meter: Meter
  #open: boolean
  #drawn = this.#started
  /** What was shown last. */
  #shown = ''

  constructor(iterable: Iterable<T> | AsyncIterable<T> | null, options: ProgressOptions) {
    checkKeys('progress', options, NAMES)
    const { desc = '', unit = 'it', initial = 0, mininterval = 0.1, line_interval = 10, leave = true } = options
    this.#iterable = iterable
    this.#file = options.file ?? process.stderr
    this.#isTerminal = this.#file.isTTY === true
    this.#interval = 1000 * (this.#isTerminal ? mininterval : line_interval)
    this.#leave = leave
    this.#open = options.disable !== true
    const total = options.total === undefined ? lengthOf(iterable) : options.total
    this.#meter = { n: initial, total, elapsed: 0, initial, desc, unit, postfix: '' }
    if (this.#isTerminal) this.refresh()
  }

  /** How many are done. */
  get n(): number {
    return this.#meter.n
  }

  get total(): number | null {
    return this.#meter.total
  }

  *[Symbol.iterator](): Generator<T> {
    if (this.#iterable === null || !(Symbol.iterator in this.#iterable)) {
      throw new TypeError('progress: what it counts is not iterable; over an async iterable, write `for await`')
    }
    try {
      for (const value of this.#iterable) {
        yield value
        this.update()
      }
    } finally {
      this.close()
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    if (this.#iterable === null) throw new TypeError('progress: there is nothing to iterate over')
    try {
      for await (const value of this.#iterable) {
        yield value
        this.update()
      }
    } finally {
      this.close()
    }
  }

  /** Counts on. */
  update(n = 1): void {
    this.#meter.n += n
    if (this.#open && performance.now() - this.#drawn >= this.#interval) this.refresh()
  }

  /** What stands at the end of the line: a text, or names with their values. It shows with the next picture. */
  set_postfix(postfix: string | Readonly<Record<string, unknown>>): void {
    this.#meter.postfix = typeof postfix === 'string' ? postfix : postfixOf(postfix)
  }

  set_description(desc: string): void {
    this.#meter.desc = desc
  }

  /** Shows how far it is. */
  refresh(): void {
    if (!this.#open) return
    this.#drawn = performance.now()
    this.#meter.elapsed = (this.#drawn - this.#started) / 1000
    // A line as wide as the terminal would wrap.
    const text = meter(this.#meter, this.#isTerminal ? (this.#file.columns || 80) - 1 : 0)
    this.#shown = text
    this.#file.write(this.#isTerminal ? CLEAR + text : `${text}\n`)
  }

  /** Prints a line above the bar. */
  write(line: string): void {
    const covered = this.#open && this.#isTerminal
    if (covered) this.#file.write(CLEAR)
    console.log(line)
    if (covered) this.#file.write(this.#shown)
  }

  /** Shows how far it came. What is counted later is not shown. */
  close(): void {
    if (!this.#open) return
    if (this.#leave || !this.#isTerminal) this.refresh()
    this.#open = false
    if (this.#isTerminal) this.#file.write(this.#leave ? '\n' : CLEAR)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const isIterable = (value: object): boolean => Symbol.iterator in value || Symbol.asyncIterator in value

/**
 * Shows how far a loop over any iterable, async ones too, is: `for (const batch of progress(loader, { desc: 'epoch 1' }))`.
 * Without an iterable it counts by `update`.
 */
export function progress<T>(iterable: Iterable<T> | AsyncIterable<T>, options?: ProgressOptions): Progress<T>
export function progress(options?: ProgressOptions): Progress<never>
export function progress<T>(
  first: Iterable<T> | AsyncIterable<T> | ProgressOptions = {},
  options: ProgressOptions = {},
): Progress<T> {
  if (isIterable(Object(first))) return new Progress(first as Iterable<T>, options)
  if (typeof first !== 'object') throw new TypeError(`progress: ${String(first)} is not iterable`)
  return new Progress<T>(null, first as ProgressOptions)
}
