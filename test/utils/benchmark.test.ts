// torch.utils.benchmark: what Python prints of the same times, and measures by the same clock
// (scripts/reference/benchmark.py).

import { describe, expect, test, vi } from 'vitest'
import torch from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

const { Compare, Measurement, TaskSpec, Timer, select_unit, set_torch_threads, trim_sigfig, unit_to_english } =
  torch.utils.benchmark

interface Times {
  spec: { stmt: string; setup: string }
  number: number
  times: number[]
}
interface Measured extends Times {
  text: string[]
  median: number
  mean: number
  iqr: number
  digits: number
  warns: boolean
  title: string
  row: string
}
const { measurements, compared, tables, timed, units, trimmed } = fixture<{
  measurements: Measured[]
  compared: Times[]
  tables: { trim: boolean; colors: 'rowwise' | 'columnwise' | null; warnings: boolean; text: string }[]
  timed: {
    steps: number[]
    method: string
    options: object
    number: number
    times: number[]
    runs: number
    setups: number
  }[]
  units: [number, string, number][]
  trimmed: [number, number, number][]
}>('benchmark.json')

const made = ({ spec, number, times }: Times) => new Measurement(number, times, new TaskSpec(spec))

describe('a Measurement', () => {
  test.each(filled(measurements).map((each, i) => [i, each] as const))('is printed as in Python: %i', (_, each) => {
    const result = made(each)
    expect(String(result).split('\n').slice(1)).toEqual(each.text)
    const { median, mean, iqr } = result
    expect([median, mean, iqr]).toEqual([each.median, each.mean, each.iqr])
    expect([result.significant_figures, result.has_warnings]).toEqual([each.digits, each.warns])
    expect([result.title, result.as_row_name]).toEqual([each.title, each.row])
  })

  test('merges with others of its task', () => {
    const merged = Measurement.merge(filled(compared).map(made))
    expect(merged.length).toBe(compared.length - 1)
    expect(merged[0]?.raw_times.length).toBe(16)
  })

  test('has times', () => {
    expect(() => new Measurement(1, [], new TaskSpec('a', 'b'))).toThrow('a Measurement has one time at least')
  })
})

test.each(filled(tables))('Compare prints as Python: trimmed $trim, $colors, warnings $warnings', (table) => {
  const compare = new Compare(compared.map(made))
  if (table.trim) compare.trim_significant_figures()
  if (table.colors !== null) compare.colorize({ rowwise: table.colors === 'rowwise' })
  if (table.warnings) compare.highlight_warnings()
  expect(String(compare)).toBe(table.text)
  const print = vi.spyOn(console, 'log').mockReturnValue(undefined)
  compare.print()
  expect(print.mock.calls).toEqual([[table.text]])
  print.mockRestore()
})

test('units and digits are Python’s', () => {
  for (const [value, unit, scale] of filled(units)) expect(select_unit(value), `${value}`).toEqual([unit, scale])
  for (const [value, digits, expected] of filled(trimmed)) expect(trim_sigfig(value, digits)).toBe(expected)
  expect(unit_to_english('us')).toBe('microsecond')
  expect(() => unit_to_english('min')).toThrow("'min' is no unit")
})

describe('a Timer', () => {
  /** Each reading takes a while; each run a time of its own. */
  class Clock {
    time = 0
    runs = 0
    setups = 0
    constructor(readonly steps: readonly number[]) {}
    now = () => {
      this.time += 2 ** -24
      return this.time
    }
    run = () => {
      this.time += this.steps[this.runs++ % this.steps.length] as number
    }
    setup = () => {
      this.setups++
    }
  }

  test.each(filled(timed))('measures as Python: $method of $steps', ({ steps, method, options, ...expected }) => {
    const clock = new Clock(steps)
    const timer = new Timer(clock.run, clock.setup, { timer: clock.now })
    const { number_per_run: number, raw_times: times } = timer[method as 'blocked_autorange'](options)
    const { runs, setups } = clock
    expect({ number, times, runs, setups }).toEqual(expected)
  })

  test('tells each stretch to the callback', () => {
    const clock = new Clock([0.1])
    const told: number[][] = []
    const timer = new Timer({ stmt: clock.run, timer: clock.now })
    const { raw_times } = timer.blocked_autorange((...stretch) => told.push(stretch))
    expect(told).toEqual(raw_times.map((time) => [1, time]))
  })

  test('measures real operators, in one thread', () => {
    const [a, before] = [torch.ones(4, 4), torch.get_num_threads()]
    let threads = 0
    const result = new Timer(() => a.add(a), {
      setup: () => {
        threads = torch.get_num_threads()
      },
      description: 'add',
    }).blocked_autorange({ min_run_time: 0.01 })
    expect(threads).toBe(1)
    expect(torch.get_num_threads()).toBe(before)
    expect(result.median).toBeGreaterThan(0)
    expect(String(result)).toMatch(/^<torch.utils.benchmark.Measurement>\na\.add\(a\)\nadd\nsetup:/)
  })

  test('shows a function of several lines as it is written', () => {
    const timer = new Timer(
      () => {
        torch.ones(1)
        return 2
      },
      { num_threads: 2 },
    )
    const { stmt, title, num_threads } = timer.timeit(1)
    expect(stmt.split('\n')[1]).toMatch(/^( {2}|\t)\S/)
    expect(stmt.split('\n').at(-1)).toBe('}')
    expect(title.startsWith('stmt:\n  ')).toBe(true)
    expect(num_threads).toBe(2)
  })

  test.each([
    ['a text', () => new Timer('1 + 1' as never), 'Timer: stmt must be a function, not string'],
    ['an async function', () => new Timer(async () => 1).timeit(1), 'Timer holds for synchronous code only'],
    ['C++', () => new Timer(() => 1, { language: 'c++' }), 'Timer(): language is not supported'],
    ['Callgrind', () => new Timer(() => 1).collect_callgrind(), 'collect_callgrind() is not supported'],
    ['repeat', () => new Timer(() => 1).repeat(), 'See `Timer.blocked_autorange.`'],
    ['autorange', () => new Timer(() => 1).autorange(), 'See `Timer.blocked_autorange.`'],
    ['other results', () => new Compare([1 as never]), 'Expected an instance of `Measurement`'],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(message)
  })
})

test('set_torch_threads holds for a function or a block', () => {
  const before = torch.get_num_threads()
  expect(set_torch_threads(before + 1, () => torch.get_num_threads())).toBe(before + 1)
  {
    using _ = set_torch_threads(before + 2)
    expect(torch.get_num_threads()).toBe(before + 2)
  }
  expect(torch.get_num_threads()).toBe(before)
})
