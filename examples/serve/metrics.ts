// What a server counts: requests by outcome, their time, and how late the event loop comes.

import { createHistogram, monitorEventLoopDelay, type RecordableHistogram } from 'node:perf_hooks'

/** How often the event loop is looked at, in milliseconds: the least that a delay can be. */
const RESOLUTION = 10

const OUTCOMES = ['ok', 'bad_request', 'rejected', 'failed', 'cancelled'] as const
export type Outcome = (typeof OUTCOMES)[number]

export class Metrics {
  readonly requests = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>
  /** Of answered requests, in microseconds. */
  readonly #latency: RecordableHistogram = createHistogram()
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  readonly #started = performance.now()

  constructor() {
    this.#delay.enable()
  }

  count(outcome: Outcome, ms: number): void {
    this.requests[outcome]++
    if (outcome === 'ok') this.#latency.record(Math.max(1, Math.round(ms * 1000)))
  }

  close(): void {
    this.#delay.disable()
  }

  toJSON() {
    const latency = this.#latency.count === 0 ? null : percentiles(this.#latency, 1e3)
    return {
      uptime_s: (performance.now() - this.#started) / 1000,
      requests: this.requests,
      latency_ms: latency,
      // Between two looks, so an idle loop has the resolution itself.
      event_loop_delay_ms: { resolution: RESOLUTION, ...percentiles(this.#delay, 1e6) },
    }
  }
}

const percentiles = (histogram: Pick<RecordableHistogram, 'percentile' | 'max'>, unit: number) => ({
  p50: histogram.percentile(50) / unit,
  p90: histogram.percentile(90) / unit,
  p99: histogram.percentile(99) / unit,
  max: histogram.max / unit,
})
