// torch.profiler: where the time of a program goes, operator by operator, as libtorch's own profiler sees it.

import { types } from 'node:util'
import { writeFileAtomic } from './core/atomic_file.js'
import { native } from './core/native.js'
import { ownFields } from './operators/options.js'

export interface ProfileOptions {
  /** Also keeps the shapes of each operator's inputs. */
  record_shapes?: boolean | undefined
}

/** One call of an operator, or a stretch that record_function names. Times are in microseconds. */
export interface ProfilerEvent {
  name: string
  start: number
  duration: number
  /** What is not spent in the events inside this one. */
  self: number
  thread: number
  input_shapes: number[][]
}

const SORTS = {
  cpu_time_total: (average: FunctionEventAverage) => average.cpu_time_total,
  self_cpu_time_total: (average: FunctionEventAverage) => average.self_cpu_time_total,
  cpu_time: (average: FunctionEventAverage) => average.cpu_time,
  count: (average: FunctionEventAverage) => average.count,
}

export interface TableOptions {
  sort_by?: keyof typeof SORTS | null | undefined
  row_limit?: number | undefined
  max_name_column_width?: number | undefined
}

/** All calls of one operator. Times are in microseconds. */
export class FunctionEventAverage {
  count = 0
  cpu_time_total = 0
  self_cpu_time_total = 0

  constructor(readonly key: string) {}

  /** The time of one call. */
  get cpu_time(): number {
    return this.count === 0 ? 0 : this.cpu_time_total / this.count
  }
}

function formatTime(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(3)}s`
  if (us >= 1e3) return `${(us / 1e3).toFixed(3)}ms`
  return `${us.toFixed(3)}us`
}

const formatShare = (part: number, whole: number): string =>
  whole === 0 ? 'NaN' : `${((part * 100) / whole).toFixed(2)}%`

const HEADERS = ['Self CPU %', 'Self CPU', 'CPU total %', 'CPU total', 'CPU time avg', '# of Calls']
const COLUMN = 12

/** The operators of a profile, each once. */
export class EventList extends Array<FunctionEventAverage> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  /** The table that Python prints. */
  table(options: TableOptions = {}): string {
    const { sort_by = null, row_limit = 100, max_name_column_width = 55 } = ownFields(options)
    if (sort_by !== null && !Object.hasOwn(SORTS, sort_by)) {
      throw new RangeError(`sort_by must be one of ${Object.keys(SORTS).join(', ')}, got ${String(sort_by)}`)
    }
    const rows = [...this]
    if (sort_by !== null) rows.sort((a, b) => SORTS[sort_by](b) - SORTS[sort_by](a))
    const longest = Math.max(0, ...rows.map(({ key }) => key.length)) + 4
    const width = Math.min(longest, max_name_column_width)
    const total = this.reduce((sum, { self_cpu_time_total }) => sum + self_cpu_time_total, 0)
    const line = (name: string, cells: readonly string[]) =>
      [name.padStart(width), ...cells.map((cell) => cell.padStart(COLUMN))].join('  ')
    const rule = line(
      '-'.repeat(width),
      HEADERS.map(() => '-'.repeat(COLUMN)),
    )
    const body = rows.slice(0, row_limit).map((row) => {
      const name = row.key.length >= width - 3 ? `${row.key.slice(0, width - 3)}...` : row.key
      return line(name, [
        formatShare(row.self_cpu_time_total, total),
        formatTime(row.self_cpu_time_total),
        formatShare(row.cpu_time_total, total),
        formatTime(row.cpu_time_total),
        formatTime(row.cpu_time),
        String(row.count),
      ])
    })
    return [rule, line('Name', HEADERS), rule, ...body, rule, `Self CPU time total: ${formatTime(total)}`, ''].join(
      '\n',
    )
  }
}

/** What profile() saw. */
export class Profile<T = unknown> {
  constructor(
    /** What the profiled function returned. */
    readonly result: T,
    private readonly recorded: readonly ProfilerEvent[],
  ) {}

  /** Every call, in the order of their starts. */
  events(): readonly ProfilerEvent[] {
    return this.recorded
  }

  /** The calls grouped by operator; by operator and shapes with group_by_input_shape. */
  key_averages(options: { group_by_input_shape?: boolean } = {}): EventList {
    const { group_by_input_shape = false } = ownFields(options)
    const groups = new Map<string, FunctionEventAverage>()
    for (const { name, duration, self, input_shapes } of this.recorded) {
      const shapes = group_by_input_shape ? ` ${JSON.stringify(input_shapes)}` : ''
      const key = `${name}${shapes}`
      const group = groups.get(key) ?? new FunctionEventAverage(key)
      groups.set(key, group)
      group.count++
      group.cpu_time_total += duration
      group.self_cpu_time_total += self
    }
    const list = new EventList()
    list.push(...groups.values())
    return list
  }

  /** Writes the calls as a Chrome trace, for chrome://tracing or https://ui.perfetto.dev. */
  export_chrome_trace(path: string): void {
    const first = this.recorded[0]?.start ?? 0
    const traceEvents = this.recorded.map(({ name, start, duration, thread, input_shapes }) => ({
      ph: 'X',
      cat: 'cpu_op',
      name,
      pid: process.pid,
      tid: thread,
      ts: start - first,
      dur: duration,
      args: input_shapes.length === 0 ? {} : { 'Input Dims': input_shapes },
    }))
    const trace = { schemaVersion: 1, displayTimeUnit: 'ms', traceEvents }
    writeFileAtomic(path, [Buffer.from(JSON.stringify(trace))])
  }
}

/** Events from their flat form, with the time spent in each itself. */
function eventsOf(flat: readonly (string | number | number[][])[]): ProfilerEvent[] {
  const events: ProfilerEvent[] = []
  for (let i = 0; i < flat.length; i += 5) {
    const [name, start, duration, thread, input_shapes] = flat.slice(i, i + 5) as [
      string,
      number,
      number,
      number,
      number[][],
    ]
    events.push({ name, start: start / 1000, duration: duration / 1000, self: duration / 1000, thread, input_shapes })
  }
  events.sort((a, b) => a.start - b.start || b.duration - a.duration)
  const open = new Map<number, ProfilerEvent[]>()
  for (const event of events) {
    const stack = open.get(event.thread) ?? []
    open.set(event.thread, stack)
    while (stack.length > 0) {
      const last = stack.at(-1) as ProfilerEvent
      if (last.start + last.duration > event.start) break
      stack.pop()
    }
    const parent = stack.at(-1)
    if (parent !== undefined) parent.self -= event.duration
    stack.push(event)
  }
  return events
}

/**
 * Runs `fn` and records every operator that it calls on this thread, backward included.
 *
 *     const prof = torch.profiler.profile(() => train())
 *     console.log(prof.key_averages().table({ sort_by: 'cpu_time_total', row_limit: 10 }))
 *
 * @throws where `fn` is async: the profiler follows a thread, not a promise.
 */
export function profile<T>(fn: () => T, options: ProfileOptions = {}): Profile<T> {
  const { record_shapes = false } = ownFields(options)
  // libtorch's profiler writes lines of its own to stderr unless it is told not to.
  process.env.KINETO_LOG_LEVEL ??= '99'
  native.profiler_start(record_shapes)
  // libtorch does not live through the end of a process that it still watches.
  const stop = () => native.profiler_stop()
  process.once('exit', stop)
  let flat: (string | number | number[][])[]
  let result: T
  try {
    result = fn()
  } finally {
    process.off('exit', stop)
    flat = stop()
  }
  if (types.isPromise(result)) {
    result.catch(() => {})
    throw new TypeError('profile() follows a thread, not a promise: the function must not be async')
  }
  return new Profile(result, eventsOf(flat))
}

/** Runs `fn` as one event of that name in profiles and traces. */
export function record_function<T>(name: string, fn: () => T): T {
  native.record_function_enter(name)
  try {
    return fn()
  } finally {
    native.record_function_exit()
  }
}
