// Fetchers: from indices to a collated batch. Loaders in this thread and workers fetch alike.

// biome-ignore-all lint/suspicious/noExplicitAny: datasets have samples of any type, and indices of any type

import {
  type AnyDataset,
  asyncIterableOf,
  getsItems,
  type IterableDataset,
  iterableOf,
  needsAwait,
  sampleAt,
} from './dataset.js'
import { END } from './loader_iterator.js'
import { allOf, isPromise } from './promises.js'

export interface FetchSettings {
  readonly dataset: AnyDataset
  readonly is_iterable: boolean
  readonly auto_collation: boolean
  readonly collate_fn: (samples: any) => unknown
  readonly drop_last: boolean
}

/** Loads what belongs to indices: a list of them where samples are collated, else one. */
export interface Fetcher {
  /** The batch, or END. @throws {TypeError} where the dataset or collate_fn gives a promise. */
  fetch(indices: unknown): unknown
  /** The batch, or END, from a dataset and a collate_fn that may give promises. */
  fetchAsync(indices: unknown): Promise<unknown>
  /** Closes the iterator of an IterableDataset that has not ended. */
  close(): void | Promise<void>
}

/** A fetcher is used by `fetch` alone, or by `fetchAsync` alone, which `is_async` says. */
export function openFetcher(settings: FetchSettings, is_async: boolean): Fetcher {
  if (!settings.is_iterable) return new MapFetcher(settings)
  return is_async ? new AsyncStreamFetcher(settings) : new StreamFetcher(settings)
}

/** Refuses promises; nobody else can handle their failures. */
function refusePromises(who: string, values: readonly unknown[]): void {
  const promises = values.filter(isPromise)
  if (promises.length === 0) return
  for (const promise of promises) void promise.then(undefined, () => {})
  throw new TypeError(needsAwait(`${who} gave a promise`))
}

class MapFetcher implements Fetcher {
  readonly #settings: FetchSettings

  constructor(settings: FetchSettings) {
    this.#settings = settings
  }

  fetch(indices: unknown): unknown {
    const { dataset, auto_collation, collate_fn } = this.#settings
    let data: unknown
    if (!auto_collation) data = sampleAt(dataset, indices)
    else if (getsItems(dataset)) data = dataset.getitems(indices as unknown[])
    else data = (indices as unknown[]).map((index) => sampleAt(dataset, index))
    refusePromises('the dataset', auto_collation && Array.isArray(data) ? data : [data])
    const batch = collate_fn(data)
    refusePromises('collate_fn', [batch])
    return batch
  }

  async fetchAsync(indices: unknown): Promise<unknown> {
    const { dataset, auto_collation, collate_fn } = this.#settings
    if (!auto_collation) return collate_fn(await sampleAt(dataset, indices))
    const data = getsItems(dataset)
      ? await dataset.getitems(indices as unknown[])
      : startAll(dataset, indices as unknown[])
    return collate_fn(Array.isArray(data) && data.some(isPromise) ? await allOf(data) : data)
  }

  close(): void {}
}

/** Asks for all samples, which then load at the same time; after one that throws for no more. */
function startAll(dataset: AnyDataset, indices: readonly unknown[]): unknown[] {
  const samples: unknown[] = []
  for (const index of indices) {
    try {
      samples.push(sampleAt(dataset, index))
    } catch (error) {
      samples.push(Promise.reject(error))
      break
    }
  }
  return samples
}

class StreamFetcher implements Fetcher {
  readonly #settings: FetchSettings
  readonly #samples: Iterator<unknown>
  #ended = false

  constructor(settings: FetchSettings) {
    this.#settings = settings
    this.#samples = iterableOf(settings.dataset as IterableDataset)[Symbol.iterator]()
  }

  fetch(indices: unknown): unknown {
    const { auto_collation, collate_fn, drop_last } = this.#settings
    const count = auto_collation ? (indices as unknown[]).length : 1
    const data: unknown[] = []
    while (data.length < count && !this.#ended) {
      this.#ended = true
      const next = this.#samples.next()
      this.#ended = next.done === true
      if (!this.#ended) data.push(next.value)
    }
    if (data.length === 0 || (drop_last && data.length < count)) return END
    refusePromises('the dataset', data)
    const batch = collate_fn(auto_collation ? data : data[0])
    refusePromises('collate_fn', [batch])
    return batch
  }

  fetchAsync(indices: unknown): Promise<unknown> {
    return Promise.resolve(this.fetch(indices))
  }

  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#samples.return?.()
  }
}

class AsyncStreamFetcher implements Fetcher {
  readonly #settings: FetchSettings
  readonly #samples: AsyncIterator<unknown> | Iterator<unknown>
  #ended = false
  #closed = false

  constructor(settings: FetchSettings) {
    this.#settings = settings
    const samples = asyncIterableOf(settings.dataset as IterableDataset)
    this.#samples = Symbol.asyncIterator in samples ? samples[Symbol.asyncIterator]() : samples[Symbol.iterator]()
  }

  fetch(): never {
    throw new TypeError(needsAwait('the dataset is asynchronous'))
  }

  async fetchAsync(indices: unknown): Promise<unknown> {
    const { auto_collation, collate_fn, drop_last } = this.#settings
    const count = auto_collation ? (indices as unknown[]).length : 1
    const data: unknown[] = []
    while (data.length < count && !this.#ended) {
      this.#ended = true
      const next = await this.#samples.next()
      this.#ended = this.#closed || next.done === true
      if (next.done !== true) data.push(await next.value)
    }
    if (this.#closed || data.length === 0 || (drop_last && data.length < count)) return END
    return collate_fn(auto_collation ? data : data[0])
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#ended) return
    this.#ended = true
    await this.#samples.return?.()
  }
}
