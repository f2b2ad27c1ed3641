// What a loader's worker knows of itself.

import type { AnyDataset } from './dataset.js'

/** Which worker of a DataLoader this thread is. */
export interface WorkerInfo {
  /** From 0 on. */
  readonly id: number
  readonly num_workers: number
  /** The seed of this worker's default generator: the pass's own one plus the id. */
  readonly seed: bigint
  /** This worker's own copy. */
  readonly dataset: AnyDataset
}

let current: WorkerInfo | null = null

/** In a thread that loads data for a DataLoader: which one it is. Elsewhere null. */
export function get_worker_info(): WorkerInfo | null {
  return current
}

export function setWorkerInfo(info: WorkerInfo): void {
  current = info
}
