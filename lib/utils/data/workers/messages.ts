// What a loader's thread and its workers say to each other.

import type { MessagePort } from 'node:worker_threads'
import type { Failure } from './failure.js'
import type { Packed } from './travel.js'

/** What a worker thread is started with. */
export interface WorkerStart {
  /** Marks the thread. */
  readonly is_loader_worker: true
  readonly port: MessagePort
  /** One for all workers of a thread: where they ring when they have sent something, and count what they send. */
  readonly bell: Int32Array<SharedArrayBuffer>
  /** Of this worker: see PASS and IS_BUSY. */
  readonly state: Int32Array<SharedArrayBuffer>
  /** The key of the thread's life sign (native/runtime/life_signs.cc). */
  readonly life_sign: number
}

/** The cells of a bell. */
export const RUNG = 0
export const SENT = 1

/** Wakes the loader's thread where it waits for an answer. */
export function ring(bell: WorkerStart['bell']): void {
  Atomics.add(bell, RUNG, 1)
  Atomics.notify(bell, RUNG)
}

/** The cells of a worker's state: the pass that is wanted, and whether a batch is being loaded. */
export const PASS = 0
export const IS_BUSY = 1

export const NO_BATCH = -1

/** What a worker needs for the passes of a loader. */
export interface Job {
  readonly id: number
  readonly num_workers: number
  readonly seed: bigint
  readonly is_iterable: boolean
  readonly auto_collation: boolean
  readonly drop_last: boolean
  /** { dataset, collate_fn, worker_init_fn } */
  readonly packed: Packed
}

/** To a worker. What it loads goes into the pass's group of shared tensors; batches of a pass that is over are skipped. */
export type Order =
  | { readonly kind: 'job'; readonly job: Job }
  /** A pass of the job begins. */
  | { readonly kind: 'pass'; readonly group: number }
  | { readonly kind: 'batch'; readonly pass: number; readonly number: number; readonly indices: Packed }
  /** The job is done: what it holds is let go. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'exit' }

/** From a worker. */
export type Answer = {
  readonly pass: number
  /** Which batch; NO_BATCH for an error outside of all, which ends the thread. */
  readonly number: number
  /** Which of all workers' answers this is. */
  readonly turn: number
} & (
  | { readonly kind: 'batch'; readonly batch: Packed }
  | { readonly kind: 'failure'; readonly failure: Failure }
  /** The worker's IterableDataset has no more samples. */
  | { readonly kind: 'ended' }
)
