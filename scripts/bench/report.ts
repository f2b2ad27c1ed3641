// The results of a run of the benchmarks: every round, and how figures are computed from them.

import type { Identity } from './side.js'

export interface Measured {
  group: string
  name: string
  title: string
  /** Microseconds of a step, for each round of each side. */
  rounds: Record<string, number[]>
  peak_mb: Record<string, number>
  /** Why a side that was started has no rounds. */
  failed: Record<string, string>
}

export interface Report {
  date: string
  machine: { cpu: string; cores: number; memory_gb: number; gpu?: string }
  sides: Record<string, Identity>
  cases: Measured[]
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

export function timeOf(us: number): string {
  if (us < 1000) return `${us.toPrecision(3)} us`
  return us < 1e6 ? `${(us / 1000).toPrecision(3)} ms` : `${(us / 1e6).toPrecision(3)} s`
}
