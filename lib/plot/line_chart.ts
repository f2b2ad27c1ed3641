// Line charts as SVG and PNG, drawn by vega-lite and resvg. Those are loaded when the first chart is drawn.

import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import type { TopLevelSpec } from 'vega-lite'
import { writeFileAtomic } from '../core/atomic_file.js'

export interface Series {
  name: string
  x: readonly number[]
  y: readonly number[]
  /** A CSS color; by default the palette's next. */
  color?: string
}

export interface LineChart {
  title?: string
  xlabel: string
  ylabel: string
  series: readonly Series[]
  xlim?: readonly [number, number] | undefined
  xscale?: 'linear' | 'log'
  yscale?: 'linear' | 'log'
  /** Marks each point. */
  points?: boolean
}

const PALETTE = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf']
const FONT = 'DejaVu Sans'

/** A logarithmic axis has no place for zero, and no axis for what is not finite. */
const hasPlace = (value: number, scale: 'linear' | 'log'): boolean =>
  Number.isFinite(value) && (scale === 'linear' || value > 0)

function specification(chart: LineChart): TopLevelSpec {
  const { title, xlabel, ylabel, series, xlim, xscale = 'linear', yscale = 'linear', points = false } = chart
  const values = series.flatMap(({ name, x, y }) =>
    x
      .map((value, i) => ({ series: name, x: value, y: y[i] as number }))
      .filter((point) => hasPlace(point.x, xscale) && hasPlace(point.y, yscale)),
  )
  return {
    ...(title === undefined ? {} : { title }),
    width: 560,
    height: 340,
    background: 'white',
    config: { font: FONT },
    data: { values },
    mark: { type: 'line', point: points },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        title: xlabel,
        scale: { ...(xscale === 'log' ? { type: 'log' } : { zero: false }), ...(xlim ? { domain: [...xlim] } : {}) },
      },
      y: {
        field: 'y',
        type: 'quantitative',
        title: ylabel,
        scale: yscale === 'log' ? { type: 'log' } : { zero: false },
      },
      color: {
        field: 'series',
        type: 'nominal',
        title: null,
        legend: { labelLimit: 400 },
        scale: {
          domain: series.map(({ name }) => name),
          range: series.map(({ color }, i) => color ?? (PALETTE[i % PALETTE.length] as string)),
        },
      },
    },
  }
}

async function charting() {
  try {
    const [vega, vegaLite, resvg] = await Promise.all([import('vega'), import('vega-lite'), import('@resvg/resvg-js')])
    const fonts = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')
    return { vega, vegaLite, resvg, font: join(dirname(fonts), 'ttf', 'DejaVuSans.ttf') }
  } catch (cause) {
    throw new Error('charts need vega, vega-lite, @resvg/resvg-js and dejavu-fonts-ttf: npm install them', { cause })
  }
}

/** The chart as SVG. */
export async function line_chart_svg(chart: LineChart): Promise<string> {
  const { vega, vegaLite } = await charting()
  const view = new vega.View(vega.parse(vegaLite.compile(specification(chart)).spec), { renderer: 'none' })
  try {
    return await view.toSVG()
  } finally {
    view.finalize()
  }
}

/** Writes the chart as SVG and as PNG, twice as large: `out` with the endings .svg and .png. Returns both names. */
export async function save_line_chart(chart: LineChart, out: string): Promise<[svg: string, png: string]> {
  const { resvg, font } = await charting()
  const svg = await line_chart_svg(chart)
  const rendered = new resvg.Resvg(svg, {
    fitTo: { mode: 'zoom', value: 2 },
    font: { fontFiles: [font], loadSystemFonts: false, defaultFontFamily: FONT },
  })
  const base = ['.svg', '.png'].includes(extname(out)) ? out.slice(0, -4) : out
  writeFileAtomic(`${base}.svg`, [Buffer.from(svg)])
  writeFileAtomic(`${base}.png`, [rendered.render().asPng()])
  return [`${base}.svg`, `${base}.png`]
}
