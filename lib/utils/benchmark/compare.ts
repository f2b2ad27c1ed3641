// torch.utils.benchmark.Compare: a table of measurements, a row for each task, a column for each description.

import { fixed } from '../../tensor/printing.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Measurement } from './measurement.js'
import { float32, select_unit, trim_sigfig, unit_to_english } from './units.js'

export const Colorize = Object.freeze({ NONE: 'none', COLUMNWISE: 'columnwise', ROWWISE: 'rowwise' } as const)
type Colors = (typeof Colorize)[keyof typeof Colorize]

const BEST = '\x1b[92m'
const GOOD = '\x1b[34m'
const BAD = '\x1b[2m\x1b[91m'
const VERY_BAD = '\x1b[31m'
const BOLD = '\x1b[1m'
const END = '\x1b[0m'

interface Look {
  trim: boolean
  colors: Colors
  warnings: boolean
}

type Cell = Measurement | null

/** In the middle of a width, as Python's str.center. */
function centered(text: string, width: number, fill = ' '): string {
  const room = Math.max(width - text.length, 0)
  const left = Math.floor(room / 2) + (room & width & 1)
  return fill.repeat(left) + text + fill.repeat(room - left)
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)]
const isThere = (cell: Cell): cell is Measurement => cell !== null

/** How the numbers of one column are written. */
class Column {
  readonly #length: number
  readonly #digits: number
  readonly #warns: boolean

  constructor(
    cells: readonly Cell[],
    private readonly scale: number,
    private readonly look: Look,
  ) {
    const there = cells.filter(isThere)
    this.#warns = look.warnings && there.some(({ has_warnings }) => has_warnings)
    const leading = there.map(({ median }) =>
      float32(median / scale)
        .log10()
        .ceil()
        .item(),
    )
    const digits = there.map((cell, i) => Math.max(cell.significant_figures - (leading[i] as number), 0))
    this.#digits = look.trim ? Math.min(...digits) : 1
    this.#length = Math.max(...leading) + this.#digits + (this.#digits > 0 ? 1 : 0)
  }

  #text(value: number, note: string): string {
    return fixed(value, this.#digits).padStart(this.#length) + note.padStart(this.#warns ? 7 : 0)
  }

  textOf(cell: Cell): string {
    if (cell === null) return ' '.repeat(this.#text(this.look.trim ? trim_sigfig(1, 1) : 1, '').length)
    const value = cell.median / this.scale
    const spread = this.#warns && cell.has_warnings ? ` (! ${fixed((cell.iqr / cell.median) * 100, 0)}%)` : ''
    return this.#text(this.look.trim ? trim_sigfig(value, cell.significant_figures) : value, spread)
  }
}

function colored(segment: string, value: number, best: number): string {
  if (value <= best * 1.01 || value <= best + 100e-9) return BEST + BOLD + segment + END + END
  if (value <= best * 1.1) return GOOD + BOLD + segment + END + END
  if (value >= best * 5) return VERY_BAD + BOLD + segment + END + END
  if (value >= best * 2) return BAD + segment + END + END
  return segment
}

const least = (cells: readonly Cell[]): number => Math.min(...cells.filter(isThere).map(({ median }) => median))

interface Row {
  threads: number
  env: string | null
  name: string
  cells: Cell[]
}

/** The table of the measurements that have one label. */
function table(results: readonly Measurement[], look: Look): string {
  const [unit, scale] = select_unit(least(results))
  const descriptions = unique(results.map(({ description }) => description))
  const rows: Row[] = []
  for (const result of results) {
    const { num_threads: threads, env, as_row_name: name } = result
    let row = rows.find((each) => each.threads === threads && each.env === env && each.name === name)
    if (row === undefined) {
      row = { threads, env, name, cells: descriptions.map(() => null) }
      rows.push(row)
    }
    row.cells[descriptions.indexOf(result.description)] = result
  }
  const order = (a: string | null, b: string | null) => (a === b ? 0 : (a ?? '') < (b ?? '') ? -1 : 1)
  rows.sort((a, b) => a.threads - b.threads || order(a.env, b.env))

  const envs = unique(results.map(({ env }) => env))
  const envWidth = envs.length > 1 ? Math.max(...envs.map((env) => String(env).length)) : 0
  const columns = descriptions.map(
    (_, i) =>
      new Column(
        rows.map(({ cells }) => cells[i] ?? null),
        scale,
        look,
      ),
  )
  const texts = rows.map((row, i) => {
    const above = rows[i - 1]
    const isNew = above === undefined || above.threads !== row.threads || above.env !== row.env
    const env = envs.length > 1 && isNew ? `(${row.env})` : ''
    return [
      `  ${env.padEnd(envWidth + 4)}${row.name}`,
      ...columns.map((column, j) => column.textOf(row.cells[j] ?? null)),
    ]
  })
  const heads = ['', ...descriptions.map((description) => description ?? '')]
  const widths = heads.map((head, i) => Math.max(head.length, ...texts.map((row) => (row[i] as string).length)))
  const header = heads.map((head, i) => centered(head, widths[i] as number)).join('  |  ')

  /** What a cell is compared with: the best of its row, or of its column among rows of as many threads. */
  const bestOf = (row: Row, column: number): number =>
    look.colors === Colorize.ROWWISE
      ? least(row.cells)
      : least(rows.filter(({ threads }) => threads === row.threads).map(({ cells }) => cells[column] ?? null))
  const lines = rows.flatMap((row, i) => {
    const [name, ...cells] = texts[i] as [string, ...string[]]
    const segments = cells.map((text, j) => {
      const [segment, cell] = [centered(text, widths[j + 1] as number), row.cells[j] ?? null]
      return cell === null || look.colors === Colorize.NONE ? segment : colored(segment, cell.median, bestOf(row, j))
    })
    const line = [name.padEnd(widths[0] as number), ...segments].join('  |  ')
    const isFirst = rows[i - 1]?.threads !== row.threads
    return isFirst ? [`${row.threads} threads: `.padEnd(header.length, '-'), line] : [line]
  })
  const hasWarnings = look.warnings && results.some(({ has_warnings }) => has_warnings)
  return [
    `[${centered(` ${results[0]?.label ?? ''} `, header.length - 2, '-')}]`,
    header,
    ...lines,
    '',
    `Times are in ${unit_to_english(unit)}s (${unit}).`,
    ...(hasWarnings ? ['(! XX%) Measurement has high variance, where XX is the IQR / median * 100.'] : []),
    '',
  ].join('\n')
}

/** Measurements as a table for each label. */
export class Compare {
  readonly #results: Measurement[] = []
  readonly #look: Look = { trim: false, colors: Colorize.NONE, warnings: false }

  constructor(...args: Arguments['utils.benchmark.Compare']) {
    this.extend_results(read('utils.benchmark.Compare', args).results)
  }

  extend_results(...args: Arguments['utils.benchmark.Compare.extend_results']): void {
    const { results } = read('utils.benchmark.Compare.extend_results', args)
    for (const result of results) {
      if (!(result instanceof Measurement)) throw new TypeError('Expected an instance of `Measurement`')
    }
    this.#results.push(...results)
  }

  /** Shows the digits alone that mean something. */
  trim_significant_figures(): void {
    this.#look.trim = true
  }

  /** Shows in colors which are fast and slow, in each column, or in each row. */
  colorize(...args: Arguments['utils.benchmark.Compare.colorize']): void {
    const { rowwise } = read('utils.benchmark.Compare.colorize', args)
    this.#look.colors = rowwise ? Colorize.ROWWISE : Colorize.COLUMNWISE
  }

  /** Marks the times that vary. */
  highlight_warnings(): void {
    this.#look.warnings = true
  }

  print(): void {
    console.log(String(this))
  }

  toString(): string {
    const merged = Measurement.merge(this.#results)
    return unique(merged.map(({ label }) => label))
      .map((label) =>
        table(
          merged.filter((each) => each.label === label),
          this.#look,
        ),
      )
      .join('\n')
  }
}
