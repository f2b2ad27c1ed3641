// What stands between a DataLoader and whatever loads its batches, this thread or workers: a loader opens a BatchSource
// for each pass over the data (or starts the last one again, where workers persist), and the iterators here hand its
// batches on.

// biome-ignore-all lint/suspicious/noExplicitAny: datasets have samples of any type, and indices of any type

import { is_available } from '../../core/cuda_available.js'
import { native } from '../../core/native.js'
import { warn } from '../../core/warn.js'
import { describe } from '../../operators/describe.js'
import type { Generator } from '../../operators/generator.js'
import type { AnyDataset } from './dataset.js'
import { pinned } from './pin_memory.js'
import { lengthOf } from './sized.js'

/** What a source gives instead of a batch when there is no more. */
export const END = Symbol('the end of a pass')

/** A DataLoader as its sources and iterators see it. */
export interface LoaderSettings {
  readonly dataset: AnyDataset
  /** Whether the dataset is an IterableDataset. */
  readonly is_iterable: boolean
  /** Whether samples are collated into batches: what the index sampler gives are then lists of indices. */
  readonly auto_collation: boolean
  readonly index_sampler: Iterable<unknown>
  readonly collate_fn: (samples: any) => unknown
  readonly drop_last: boolean
  readonly num_workers: number
  readonly pin_memory: boolean
  readonly timeout: number
  readonly worker_init_fn: ((worker_id: number) => void) | null
  readonly generator: Generator | null
  /** How many batches each worker loads ahead; null without workers. */
  readonly prefetch_factor: number | null
  readonly persistent_workers: boolean
  readonly in_order: boolean
  /** What the loader's length was based on: the length of an IterableDataset, once it was asked for. */
  readonly promised_length: number | null
}

/** One pass over the data. */
export interface Pass {
  /** Batches' lists of indices, or samples' indices one by one. For an IterableDataset: null in place of an index. */
  readonly indices: Iterator<unknown>
  /** Drawn from the loader's generator; a worker's seed is this plus its id. */
  readonly base_seed: bigint
  /** Whether batches are asked for by next, or by nextAsync alone. */
  readonly is_async: boolean
}

/** Loads a pass's batches, collated but not pinned. */
export interface BatchSource {
  /** The next batch, or END. Waits for it. */
  next(): unknown
  /** The next batch, or END. It is not called before the one before is settled. */
  nextAsync(): Promise<unknown>
  /**
   * Lets go of all that is held for this pass, after END, an error or an early end, perhaps while nextAsync is under way.
   * Workers that persist stay.
   */
  close(): void | Promise<void>
  /** Starts a pass anew, where workers persist. The base seed is the first pass's. */
  restart?(indices: Iterator<unknown>): void
}

const FINISHED: IteratorReturnResult<undefined> = { done: true, value: undefined }

/** What both iterators share: pinning, counting, closing. */
class BaseIterator {
  protected readonly loader: LoaderSettings
  readonly #isPinning: boolean
  readonly #promised: number | null
  #source: BatchSource | null
  #yielded = 0

  constructor(loader: LoaderSettings, source: BatchSource) {
    this.loader = loader
    this.#source = source
    this.#promised = loader.is_iterable ? loader.promised_length : null
    if (loader.pin_memory && !is_available()) {
      warn("'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.")
    }
    this.#isPinning = loader.pin_memory && is_available()
  }

  /** Null when the pass has ended. */
  protected get source(): BatchSource | null {
    return this.#source
  }

  /** How many batches a whole pass has. */
  get length(): number {
    return lengthOf(this.loader.index_sampler)
  }

  protected close(): void | Promise<void> {
    const source = this.#source
    this.#source = null
    return source?.close()
  }

  protected handOn<Batch>(batch: unknown): IteratorYieldResult<Batch> {
    this.#yielded++
    if (this.#promised !== null && this.#yielded > this.#promised) {
      const { dataset, num_workers } = this.loader
      warn(
        `Length of IterableDataset ${describe(dataset)} was reported to be ${this.#promised}(when accessing the ` +
          `loader's length), but ${this.#yielded} samples have been fetched. ` +
          (num_workers === 0
            ? ''
            : 'With workers this happens where each of them iterates over all samples, instead of the part that ' +
              'get_worker_info() says.'),
      )
    }
    return { done: false, value: (this.#isPinning ? pinned(batch) : batch) as Batch }
  }
}

/** The batches of one pass, for `for (const batch of loader)`. After an error there are no more. */
export class LoaderIterator<Batch> extends BaseIterator implements IterableIterator<Batch> {
  next(): IteratorResult<Batch, undefined> {
    const { source, loader } = this
    if (source === null) return FINISHED
    const kind = loader.num_workers === 0 ? '_SingleProcessDataLoaderIter' : '_MultiProcessingDataLoaderIter'
    native.record_function_enter(`enumerate(DataLoader)#${kind}.__next__`)
    try {
      const batch = source.next()
      if (batch !== END) return this.handOn<Batch>(batch)
    } catch (error) {
      this.#abandon()
      throw error
    } finally {
      native.record_function_exit()
    }
    this.close()
    return FINISHED
  }

  /** Ends the pass early, as `break` does. */
  return(): IteratorResult<Batch, undefined> {
    this.close()
    return FINISHED
  }

  [Symbol.iterator](): this {
    return this
  }

  /** Closes after an error, which is the one to be thrown. */
  #abandon(): void {
    try {
      this.close()
    } catch {}
  }
}

/** The batches of one pass, for `for await (const batch of loader)`. After an error there are no more. */
export class AsyncLoaderIterator<Batch> extends BaseIterator implements AsyncIterableIterator<Batch> {
  /** The call before: batches come one after the other, however they are asked for. */
  #last: Promise<unknown> = Promise.resolve()

  next(): Promise<IteratorResult<Batch, undefined>> {
    const result = this.#last.then(() => this.#step())
    this.#last = result.catch(() => {})
    return result
  }

  async #step(): Promise<IteratorResult<Batch, undefined>> {
    const { source } = this
    if (source === null) return FINISHED
    try {
      const batch = await source.nextAsync()
      // It may have been closed meanwhile.
      if (this.source === null) return FINISHED
      if (batch !== END) return this.handOn<Batch>(batch)
    } catch (error) {
      await Promise.resolve(this.close()).catch(() => {})
      throw error
    }
    await this.close()
    return FINISHED
  }

  /** Ends the pass early, as `break` does, also while a batch is awaited. */
  async return(): Promise<IteratorResult<Batch, undefined>> {
    await this.close()
    return FINISHED
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
