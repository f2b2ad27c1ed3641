// Charts, read back from their SVG: a plot area of 560 x 340, whose y grows downwards.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { Animator } from '../../lib/d2l/animator.js'
import { type LineChart, line_chart_png, line_chart_svg, save_line_chart } from '../../lib/plot/line_chart.js'

const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Line {
  name: string
  color: string
  points: number[][]
}

/** The lines, and where their points lie. */
const linesOf = (svg: string): Line[] =>
  [...svg.matchAll(/series: ([^"]*)" [^>]*"line mark" d="M([^"]*)" stroke="([^"]*)"/g)].map(
    ([, name, path, color]) => ({
      name: name as string,
      color: color as string,
      points: (path as string).split('L').map((point) => point.split(',').map((x) => Math.round(Number(x)))),
    }),
  )

const textsOf = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text as string)
const draw = async (chart: Omit<LineChart, 'xlabel' | 'ylabel'>) =>
  linesOf(await line_chart_svg({ xlabel: 'epoch', ylabel: 'loss', ...chart }))

describe('a line chart', () => {
  const chart: LineChart = {
    title: 'Training <& testing>',
    xlabel: 'epoch',
    ylabel: 'loss',
    series: [
      { name: 'train', x: [0, 1, 2], y: [1, 2, 3] },
      { name: 'test', x: [0, 2], y: [3, 1], color: '#123456' },
      { name: 'other', x: [1], y: [2] },
    ],
  }

  test('has a line for each series, its points where they belong', async () => {
    const lines = linesOf(await line_chart_svg(chart))
    expect(lines).toEqual([
      {
        name: 'train',
        color: expect.any(String),
        points: [
          [0, 340],
          [280, 170],
          [560, 0],
        ],
      },
      {
        name: 'test',
        color: '#123456',
        points: [
          [0, 0],
          [560, 340],
        ],
      },
      expect.objectContaining({ name: 'other' }),
    ])
    expect(new Set(lines.map(({ color }) => color)).size).toBe(3)
  })

  test('says what its axes and lines are', async () => {
    const texts = textsOf(await line_chart_svg(chart))
    for (const text of ['Training &lt;&amp; testing&gt;', 'epoch', 'loss', 'train', 'test', 'other']) {
      expect(texts).toContain(text)
    }
  })

  test('marks points on request', async () => {
    const marks = async (points: boolean) =>
      [...(await line_chart_svg({ ...chart, points })).matchAll(/aria-roledescription="point"/g)].length
    expect([await marks(false), await marks(true)]).toEqual([0, 3 + 2 + 1])
  })

  test('has logarithmic axes', async () => {
    const [line] = await draw({
      xscale: 'log',
      yscale: 'log',
      series: [{ name: 'a', x: [1, 10, 100], y: [0.01, 100, 1] }],
    })
    expect(line?.points).toEqual([
      [0, 340],
      [280, 0],
      [560, 170],
    ])
  })

  test('leaves out what has no place on an axis', async () => {
    const series = [{ name: 'a', x: [0, 1, 10, 100, 1000], y: [1, 1, 0, 100, Number.NaN] }]
    const [linear] = await draw({ series })
    expect(linear?.points).toHaveLength(4)
    const ends = [
      [0, 340],
      [560, 0],
    ]
    const [logarithmic] = await draw({ xscale: 'log', yscale: 'log', series })
    expect(logarithmic?.points).toEqual(ends)
    const [finite] = await draw({ series: [{ name: 'a', x: [1, 2, Infinity, 3], y: [1, -Infinity, 2, 3] }] })
    expect(finite?.points).toEqual(ends)
  })

  test.each(['linear', 'log'] as const)('has the x axis that it is told, %s', async (xscale) => {
    const series = [{ name: 'a', x: [10, 100], y: [1, 2] }]
    const [line] = await draw({ xscale, xlim: [1, 1000], series })
    const place = (x: number) => Math.round(560 * (xscale === 'log' ? Math.log10(x) / 3 : (x - 1) / 999))
    expect(line?.points.map(([x]) => x)).toEqual([place(10), place(100)])
  })

  test('is written as SVG and as PNG, twice as large, whatever the ending of the name', async () => {
    for (const [name, base] of [
      ['plain', 'plain'],
      ['vector.svg', 'vector'],
      ['picture.png', 'picture'],
      ['v1.5', 'v1.5'],
    ] as const) {
      const files = await save_line_chart(chart, join(folder, name))
      expect(files).toEqual([join(folder, `${base}.svg`), join(folder, `${base}.png`)])
      const svg = readFileSync(files[0], 'utf8')
      expect(svg).toBe(await line_chart_svg(chart))
      const [, width, height] = /^<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg) as unknown as string[]
      const png = readFileSync(files[1])
      expect(png.subarray(0, 8)).toEqual(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))
      expect(png.equals(await line_chart_png(chart))).toBe(true)
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2 * Number(width), 2 * Number(height)])
    }
    expect(readdirSync(folder)).toHaveLength(8)
  })

  test('says what to install where its packages are missing', async () => {
    vi.doMock('vega', () => {
      throw new Error('Cannot find package')
    })
    try {
      await expect(line_chart_svg(chart)).rejects.toThrow(/charts need vega, vega-lite, .*: npm install them/)
    } finally {
      vi.doUnmock('vega')
    }
  })
})

test('an Animator draws what it was given, point by point', async () => {
  const animator = new Animator({ xlabel: 'epoch', ylabel: 'perplexity', legend: ['train', 'test'], xlim: [1, 3] })
  animator.add(1, [4, 2])
  animator.add(2, [3, null])
  animator.add(3, [2, 4])
  expect([animator.X, animator.Y]).toEqual([
    [
      [1, 2, 3],
      [1, 3],
    ],
    [
      [4, 3, 2],
      [2, 4],
    ],
  ])
  const [svg] = await animator.save(join(folder, 'animated'))
  const lines = linesOf(readFileSync(svg, 'utf8'))
  expect(lines.map(({ name, points }) => [name, points])).toEqual([
    [
      'train',
      [
        [0, 0],
        [280, 170],
        [560, 340],
      ],
    ],
    [
      'test',
      [
        [0, 340],
        [560, 0],
      ],
    ],
  ])
})
