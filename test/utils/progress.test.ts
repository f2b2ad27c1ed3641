// torch.utils.progress: tqdm's lines (scripts/reference/progress.py), and when they are shown.

import { afterEach, describe, expect, test, vi } from 'vitest'
import torch from '../../lib/index.js'
import { meter, postfixOf } from '../../lib/utils/progress/meter.js'
import { filled, fixture } from '../helpers.js'

const { progress } = torch.utils

interface Given {
  n: number
  total: number | null
  elapsed: number
  initial?: number
  prefix?: string
  unit?: string
  postfix?: string
  ncols?: number
}
const { meters, postfixes } = fixture<{
  meters: { given: Given; text: string }[]
  postfixes: { given: Record<string, unknown>; text: string }[]
}>('progress.json')

/** A place that keeps what is written to it. */
function output(terminal: boolean) {
  const written: string[] = []
  return { written, isTTY: terminal, columns: 61, write: (text: string) => written.push(text) }
}
/** A line without its times. */
const timeless = (line: string): string => line.replace(/\[.*\]/, '[]')

afterEach(() => {
  vi.restoreAllMocks()
})

test.each(filled(meters))('writes as tqdm: $text', ({ given, text }) => {
  const { prefix = '', ncols, ...rest } = given
  const values = { desc: prefix, unit: 'it', initial: 0, postfix: '', ...rest }
  expect(meter(values, ncols ?? 0)).toBe(text)
})

test.each(filled(postfixes))('writes values as tqdm: $text', ({ given, text }) => {
  expect(postfixOf(given)).toBe(text)
})

describe('on a terminal', () => {
  test('there is one line, drawn anew', () => {
    const file = output(true)
    const seen = [...progress([1, 2, 3, 4], { desc: 'd', file, mininterval: 0 })]
    expect(seen).toEqual([1, 2, 3, 4])
    expect(file.written.length).toBe(7)
    expect(file.written.at(-1)).toBe('\n')
    for (const text of file.written.slice(0, -1)) {
      expect(text.startsWith('\r\x1b[K')).toBe(true)
      expect([...text].length).toBe('\r\x1b[K'.length + 60)
    }
    expect(file.written.at(-2)?.replace('\r\x1b[K', '')).toMatch(/^d: 100%\|█+\| 4\/4 \[/)
  })

  test('no more often than mininterval', () => {
    const file = output(true)
    for (const _ of progress(Array(1000), { file, mininterval: 1000 }));
    // The first, the last, and the end of the line.
    expect(file.written.length).toBe(3)
  })

  test('it goes away where it is not to stay', () => {
    const file = output(true)
    for (const _ of progress([1], { file, leave: false, mininterval: 1000 }));
    expect(file.written.at(-1)).toBe('\r\x1b[K')
    expect(file.written.length).toBe(2)
  })

  test('lines are printed above it', () => {
    const file = output(true)
    const print = vi.spyOn(console, 'log').mockImplementation((line) => void file.written.push(`${line}\n`))
    using bar = progress({ total: 3, file })
    const [first] = file.written
    bar.write('a line')
    expect(file.written.slice(1)).toEqual(['\r\x1b[K', 'a line\n', first?.replace('\r\x1b[K', '')])
    expect(print).toHaveBeenCalledOnce()
  })
})

describe('elsewhere', () => {
  test('there are lines at intervals, without a bar, and a last one', () => {
    const file = output(false)
    for (const _ of progress(new Set(['a', 'b']), { desc: 'set', file, line_interval: 0, unit: 'letter' }));
    expect(file.written.map(timeless)).toEqual(['set:  50%| 1/2 []\n', 'set: 100%| 2/2 []\n', 'set: 100%| 2/2 []\n'])
  })

  test('of a short loop the last alone', () => {
    const file = output(false)
    for (const _ of progress([1, 2, 3], { file }));
    expect(file.written.map(timeless)).toEqual(['100%| 3/3 []\n'])
  })
})

describe('counts', () => {
  function* three() {
    yield 1
    yield 2
    yield 3
  }

  test('what has no length', () => {
    const file = output(false)
    expect([...progress(three(), { file })]).toEqual([1, 2, 3])
    expect(file.written.map(timeless)).toEqual(['3it []\n'])
  })

  test('an async iterable, which is closed when the loop ends early', async () => {
    let closed = false
    async function* slow() {
      try {
        yield* three()
      } finally {
        closed = true
      }
    }
    const file = output(false)
    const seen: number[] = []
    for await (const value of progress(slow(), { file, total: 3 })) {
      seen.push(value)
      if (value === 2) break
    }
    expect(seen).toEqual([1, 2])
    expect(closed).toBe(true)
    expect(file.written.map(timeless)).toEqual([' 33%| 1/3 []\n'])
    expect(() => [...progress(slow(), { file })]).toThrow('write `for await`')
  })

  test('an iterable in `for await`, too', async () => {
    const file = output(false)
    const seen: number[] = []
    for await (const value of progress([1, 2], { file })) seen.push(value)
    expect(seen).toEqual([1, 2])
  })

  test('up to an error in the loop, which comes through', () => {
    const file = output(false)
    expect(() => {
      for (const value of progress([1, 2, 3], { file })) if (value === 3) throw new Error('in the loop')
    }).toThrow('in the loop')
    expect(file.written.map(timeless)).toEqual([' 67%| 2/3 []\n'])
  })

  test('by hand', () => {
    const file = output(false)
    {
      using bar = progress({ total: 10, initial: 4, file })
      bar.update(2)
      bar.update()
      bar.set_description('by hand')
      bar.set_postfix({ loss: 0.25 })
      expect([bar.n, bar.total]).toEqual([7, 10])
    }
    expect(file.written).toEqual([expect.stringMatching(/^by hand: {2}70%\| 7\/10 \[.*, loss=0\.25\]\n$/)])
  })

  test('and shows nothing when it is told to', () => {
    const file = output(true)
    expect([...progress([1, 2], { file, disable: true })]).toEqual([1, 2])
    expect(file.written).toEqual([])
  })
})

test('says what it cannot do', () => {
  expect(() => progress(5 as never)).toThrow('progress: 5 is not iterable')
  expect(() => progress([], { descr: 'x' } as never)).toThrow(
    "unexpected keyword argument 'descr' (did you mean 'desc'?)",
  )
  expect(() => [...progress({ total: 3, file: output(false) })]).toThrow('not iterable')
})
