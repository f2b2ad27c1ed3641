/** Measures time: start, stop, and sums of what was measured. In seconds. */
export class Timer {
  readonly times: number[] = []
  #started = 0

  constructor() {
    this.start()
  }

  start(): void {
    this.#started = performance.now()
  }

  /** Seconds since the start, which are also kept. */
  stop(): number {
    const seconds = (performance.now() - this.#started) / 1000
    this.times.push(seconds)
    return seconds
  }

  sum(): number {
    return this.times.reduce((sum, seconds) => sum + seconds, 0)
  }

  avg(): number {
    return this.sum() / this.times.length
  }

  cumsum(): number[] {
    let sum = 0
    return this.times.map((seconds) => {
      sum += seconds
      return sum
    })
  }
}

/** Sums of n quantities. */
export class Accumulator {
  data: number[]

  constructor(n: number) {
    this.data = new Array<number>(n).fill(0)
  }

  add(...values: number[]): void {
    this.data = this.data.map((sum, i) => sum + (values[i] ?? 0))
  }

  reset(): void {
    this.data.fill(0)
  }

  /** The sum of the quantity at a position. */
  get(position: number): number {
    return this.data[position] as number
  }
}
