// What was measured, and of what: torch.utils.benchmark's Measurement and TaskSpec.

import { float64 } from '../../core/dtype.js'
import { tensor } from '../../tensor/factories.js'
import { fixed } from '../../tensor/printing.js'
import { type Arguments, read } from '../generated/arguments.js'
import { float32, select_unit } from './units.js'

const MOST_DIGITS = 4
/** No time is known better than to 25 ns. */
const LEAST_INTERVAL = 25e-9
const IQR_WARNING = 0.1
const IQR_GROSS_WARNING = 0.25

const indented = (text: string): string => text.replace(/^(?=.*\S)/gm, '  ')

/** What is measured, in words. */
export class TaskSpec {
  readonly stmt: string
  readonly setup: string
  readonly global_setup: string
  readonly label: string | null
  readonly sub_label: string | null
  readonly description: string | null
  readonly env: string | null
  readonly num_threads: number

  constructor(...args: Arguments['utils.benchmark.TaskSpec']) {
    const given = read('utils.benchmark.TaskSpec', args)
    this.stmt = given.stmt
    this.setup = given.setup
    this.global_setup = given.global_setup
    this.label = given.label
    this.sub_label = given.sub_label
    this.description = given.description
    this.env = given.env
    this.num_threads = given.num_threads
  }

  get title(): string {
    const sub = this.sub_label ? `: ${this.sub_label}` : ''
    if (this.label !== null) return this.label + sub
    if (!this.stmt.includes('\n')) return this.stmt + sub
    return `stmt:${this.sub_label ? ` (${this.sub_label})` : ''}\n${indented(this.stmt)}`
  }

  setup_str(): string {
    if (this.setup === 'pass' || this.setup === '') return ''
    return this.setup.includes('\n') ? `setup:\n${indented(this.setup)}` : `setup: ${this.setup}`
  }

  summarize(): string {
    return [this.title, this.description ?? '', this.setup_str()]
      .filter((section) => section !== '')
      .map((section) => (section.includes('\n') ? `${section}\n` : section))
      .join('\n')
  }
}

interface Statistics {
  sorted: readonly number[]
  median: number
  mean: number
  p25: number
  p75: number
}

/** Times of one task, in seconds; each of `raw_times` is that of `number_per_run` runs. */
export class Measurement {
  readonly number_per_run: number
  readonly raw_times: readonly number[]
  readonly task_spec: TaskSpec
  readonly metadata: unknown
  #statistics: Statistics | null = null

  constructor(...args: Arguments['utils.benchmark.Measurement']) {
    const given = read('utils.benchmark.Measurement', args)
    if (given.raw_times.length === 0) throw new RangeError('a Measurement has one time at least')
    this.number_per_run = given.number_per_run
    this.raw_times = [...given.raw_times]
    this.task_spec = given.task_spec
    this.metadata = given.metadata
  }

  #computed(): Statistics {
    if (this.#statistics === null) {
      const sorted = [...this.times].sort((a, b) => a - b)
      const values = tensor(sorted, { dtype: float64, device: 'cpu' })
      const at = (part: number) => values.quantile(part).item()
      this.#statistics = { sorted, median: at(0.5), mean: values.mean().item(), p25: at(0.25), p75: at(0.75) }
    }
    return this.#statistics
  }

  /** Seconds of one run. */
  get times(): number[] {
    return this.raw_times.map((time) => time / this.number_per_run)
  }

  get median(): number {
    return this.#computed().median
  }

  get mean(): number {
    return this.#computed().mean
  }

  /** From the first quarter to the third. */
  get iqr(): number {
    const { p25, p75 } = this.#computed()
    return p75 - p25
  }

  /** How many digits of the median mean something. */
  get significant_figures(): number {
    const { sorted, median } = this.#computed()
    const [low, high] = [Math.floor(sorted.length / 4), Math.ceil((3 * sorted.length) / 4)]
    const middle = float32(sorted.slice(low, high))
    const deviation = middle.std({ correction: 0 }).item()
    const interval = Math.max((1.645 * deviation) / float32(middle.numel()).sqrt().item(), LEAST_INTERVAL)
    const digits = Math.floor(
      float32(median / interval)
        .log10()
        .item(),
    )
    return Math.min(Math.max(digits, 1), MOST_DIGITS)
  }

  get has_warnings(): boolean {
    return this.#warning() !== ''
  }

  #warning(): string {
    if (this.meets_confidence(IQR_WARNING)) return ''
    const advice = this.meets_confidence(IQR_GROSS_WARNING)
      ? 'This could indicate system fluctuation.'
      : 'This suggests significant environmental influence.'
    const share = fixed((this.iqr / this.median) * 100, 1)
    return `  WARNING: Interquartile range is ${share}% of the median measurement.\n           ${advice}`
  }

  /** Whether the times are near each other: the iqr is less than this part of the median. */
  meets_confidence(...args: Arguments['utils.benchmark.Measurement.meets_confidence']): boolean {
    const { threshold } = read('utils.benchmark.Measurement.meets_confidence', args)
    return this.iqr / this.median < threshold
  }

  get stmt(): string {
    return this.task_spec.stmt
  }

  get label(): string | null {
    return this.task_spec.label
  }

  get sub_label(): string | null {
    return this.task_spec.sub_label
  }

  get description(): string | null {
    return this.task_spec.description
  }

  get env(): string | null {
    return this.task_spec.env
  }

  get num_threads(): number {
    return this.task_spec.num_threads
  }

  get title(): string {
    return this.task_spec.title
  }

  get as_row_name(): string {
    return this.sub_label || this.stmt || '[Unknown]'
  }

  toString(): string {
    const { sorted, median, p25, p75 } = this.#computed()
    const [unit, scale] = select_unit(median)
    const shown = (seconds: number) => fixed(seconds / scale, 2)
    const { length } = sorted
    const [many, threads] = [length > 1, this.num_threads]
    const lines = [
      '<torch.utils.benchmark.Measurement>',
      this.task_spec.summarize(),
      `  ${many ? 'Median: ' : ''}${shown(median)} ${unit}`,
      ...(length >= 4 ? [`  IQR:    ${shown(p75 - p25)} ${unit} (${shown(p25)} to ${shown(p75)})`] : []),
      `  ${length} measurement${many ? 's' : ''}, ${this.number_per_run} runs ${many ? 'per measurement,' : ','} ` +
        `${threads} thread${threads > 1 ? 's' : ''}`,
      this.#warning(),
    ]
    return lines.join('\n').trim()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  /** One measurement of all of a task, for each task. */
  static merge(measurements: Iterable<Measurement>): Measurement[] {
    const groups = new Map<string, Measurement[]>()
    for (const each of measurements) {
      const key = JSON.stringify(each.task_spec)
      groups.set(key, [...(groups.get(key) ?? []), each])
    }
    return [...groups.values()].map(
      (group) =>
        new Measurement(
          1,
          group.flatMap(({ times }) => times),
          (group[0] as Measurement).task_spec,
        ),
    )
  }
}
