// torch.utils.benchmark.Timer: how long a function takes.

import { get_num_threads, set_num_threads } from '../../backends/threads.js'
import { is_available } from '../../core/cuda_available.js'
import { openMode, refusePromise, runInMode, type Synchronous } from '../../core/modes.js'
import { synchronize } from '../../cuda/index.js'
import { refuse } from '../../operators/arguments.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Measurement, TaskSpec } from './measurement.js'
import { float32 } from './units.js'

/** Seconds since some moment, when the GPU has done what it was given. */
export function timer(): number {
  if (is_available()) synchronize()
  return performance.now() / 1000
}

/** So many threads for operators: `set_torch_threads(1, () => ...)`, or `using _ = set_torch_threads(1)` for a block. */
export function set_torch_threads<T>(n: number, body: () => Synchronous<T>): T
export function set_torch_threads(n: number): Disposable
export function set_torch_threads<T>(n: number, body?: () => Synchronous<T>): T | Disposable {
  const name = 'torch.utils.benchmark.set_torch_threads'
  const open = () => {
    const before = get_num_threads()
    set_num_threads(n)
    return () => set_num_threads(before)
  }
  return body === undefined ? openMode(name, open()) : runInMode(name, open, body)
}

type Statement = (() => unknown) | 'pass'

/** What stands for a function in tables: `a.add(b)` of `() => a.add(b)`. */
function sourceOf(callee: string, statement: Statement): string {
  if (statement === 'pass') return 'pass'
  if (typeof statement !== 'function')
    throw new TypeError(`Timer: ${callee} must be a function, not ${typeof statement}`)
  const source = Function.prototype.toString.call(statement)
  const expression = source.replace(/^\(\)\s*=>\s*(?!\{)/, '')
  // The lines of a block stand as far to the right as its last one does, and more.
  const indent = /\n([ \t]*)\S*$/.exec(expression)?.[1] ?? ''
  return expression.replaceAll(`\n${indent}`, '\n')
}

const nothing = (): void => {}

/** No operator takes less than a nanosecond, and no time is zero. */
const LEAST_TIME = 1e-9

/**
 * Measures a function: `new Timer(() => x.mm(y), { label: 'mm' }).blocked_autorange()`. `setup` runs before each stretch
 * of runs, which is measured as a whole. Operators have one thread unless `num_threads` says otherwise.
 */
export class Timer {
  readonly #stmt: () => unknown
  readonly #setup: () => unknown
  readonly #timer: () => number
  readonly #spec: TaskSpec

  constructor(...args: Arguments['utils.benchmark.Timer']) {
    const given = read('utils.benchmark.Timer', args)
    refuse('utils.benchmark.Timer', given, 'global_setup', 'globals', 'language')
    const [stmt, setup] = [given.stmt, given.setup] as unknown as [Statement, Statement]
    const { label, sub_label, description, env, num_threads } = given
    const texts = { stmt: sourceOf('stmt', stmt), setup: sourceOf('setup', setup) }
    this.#spec = new TaskSpec({ ...texts, label, sub_label, description, env, num_threads })
    this.#stmt = stmt === 'pass' ? nothing : stmt
    this.#setup = setup === 'pass' ? nothing : setup
    this.#timer = given.timer ?? timer
  }

  /** Seconds of so many runs. */
  #time(number: number): number {
    const run = this.#stmt
    this.#setup()
    let result: unknown
    const start = this.#timer()
    for (let i = 0; i < number; i++) result = run()
    const seconds = this.#timer() - start
    refusePromise('Timer', result)
    return Math.max(seconds, LEAST_TIME)
  }

  #inThreads<T>(body: () => Synchronous<T>): T {
    return set_torch_threads(this.#spec.num_threads, body)
  }

  /** One time, of `number` runs, after some that do not count. */
  timeit(...args: Arguments['utils.benchmark.Timer.timeit']): Measurement {
    const { number } = read('utils.benchmark.Timer.timeit', args)
    return this.#inThreads(() => {
      this.#time(Math.max(Math.floor(number / 100), 2))
      return new Measurement(number, [this.#time(number)], this.#spec)
    })
  }

  /** How many runs it takes until reading the clock does not matter. */
  #blockSize(minRunTime: number): number {
    return this.#inThreads(() => {
      const overhead = float32(Array.from({ length: 5 }, () => this.#time(0)))
        .median()
        .item()
      for (let number = 1; ; number *= 10) {
        const taken = this.#time(number)
        const isEnough = overhead / taken <= 1e-4 && taken >= minRunTime / 1000
        if (isEnough || taken > minRunTime || number * 10 > 2147483647) return number
      }
    })
  }

  #loop(
    number: number,
    limits: { min: number; max?: number },
    callback: ((number: number, seconds: number) => void) | null,
    isEnough: (times: readonly number[]) => boolean,
  ): Measurement {
    const { min, max = Number.POSITIVE_INFINITY } = limits
    const times: number[] = []
    return this.#inThreads(() => {
      for (let total = 0, stop = false; total < min || !stop; ) {
        const seconds = this.#time(number)
        times.push(seconds)
        total += seconds
        callback?.(number, seconds)
        stop = isEnough(times)
        if (total > max) break
      }
      return new Measurement(number, times, this.#spec)
    })
  }

  /** Times of stretches of as many runs as it takes to measure them well, for `min_run_time` seconds. */
  blocked_autorange(...args: Arguments['utils.benchmark.Timer.blocked_autorange']): Measurement {
    const { callback, min_run_time } = read('utils.benchmark.Timer.blocked_autorange', args)
    return this.#loop(this.#blockSize(min_run_time), { min: min_run_time }, callback, () => true)
  }

  /** The same until the times are near each other: their iqr is below `threshold` of the median. */
  adaptive_autorange(...args: Arguments['utils.benchmark.Timer.adaptive_autorange']): Measurement {
    const options = read('utils.benchmark.Timer.adaptive_autorange', args)
    const { threshold, min_run_time, max_run_time, callback } = options
    const number = this.#blockSize(0.05)
    const isEnough = (times: readonly number[]) =>
      times.length > 3 && new Measurement(number, times, this.#spec).meets_confidence(threshold)
    return this.#loop(number, { min: min_run_time, max: max_run_time }, callback, isEnough)
  }

  /** Not there, as in Python. */
  repeat(...args: Arguments['utils.benchmark.Timer.repeat']): never {
    read('utils.benchmark.Timer.repeat', args)
    throw new Error('See `Timer.blocked_autorange.`')
  }

  /** Not there, as in Python. */
  autorange(...args: Arguments['utils.benchmark.Timer.autorange']): never {
    read('utils.benchmark.Timer.autorange', args)
    throw new Error('See `Timer.blocked_autorange.`')
  }

  /** Not supported: Valgrind cannot run what V8 compiles. */
  collect_callgrind(...args: Arguments['utils.benchmark.Timer.collect_callgrind']): never {
    read('utils.benchmark.Timer.collect_callgrind', args)
    throw new Error('collect_callgrind() is not supported: Valgrind counts no instructions of JavaScript')
  }
}
