import { type LineChart, save_line_chart } from 'tstorch/plot'

export interface AnimatorOptions {
  xlabel: string
  ylabel: string
  legend: readonly string[]
  xlim?: readonly [number, number] | undefined
  yscale?: 'linear' | 'log'
  title?: string
}

/** Collects points of several curves and draws them. */
export class Animator {
  readonly #options: AnimatorOptions
  readonly X: number[][]
  readonly Y: number[][]

  constructor(options: AnimatorOptions) {
    this.#options = options
    this.X = options.legend.map(() => [])
    this.Y = options.legend.map(() => [])
  }

  /** Adds a point to each curve. */
  add(x: number, y: number | readonly (number | null)[]): void {
    const values = typeof y === 'number' ? [y] : y
    values.forEach((value, i) => {
      if (value === null) return
      this.X[i]?.push(x)
      this.Y[i]?.push(value)
    })
  }

  get chart(): LineChart {
    const { legend, ...options } = this.#options
    const series = legend.map((name, i) => ({ name, x: this.X[i] as number[], y: this.Y[i] as number[] }))
    return { ...options, series, points: series.some(({ x }) => x.length === 1) }
  }

  /** Writes the chart as SVG and PNG. Returns their names. */
  save(out: string): Promise<[svg: string, png: string]> {
    return save_line_chart(this.chart, out)
  }
}
