// Loading in this thread: a batch is fetched when it is asked for.

import { type Fetcher, openFetcher } from './fetch.js'
import { type BatchSource, END, type LoaderSettings, type Pass } from './loader_iterator.js'

export class SingleProcessSource implements BatchSource {
  readonly #fetcher: Fetcher
  readonly #indices: Iterator<unknown>
  #hasMore = true

  constructor(loader: LoaderSettings, pass: Pass) {
    if (loader.timeout !== 0) {
      throw new RangeError('_SingleProcessDataLoaderIter requires timeout == 0: only workers run into one')
    }
    this.#indices = pass.indices
    this.#fetcher = openFetcher(loader, pass.is_async)
  }

  next(): unknown {
    const indices = this.#advance()
    return indices.done === true ? END : this.#fetcher.fetch(indices.value)
  }

  async nextAsync(): Promise<unknown> {
    const indices = this.#advance()
    return indices.done === true ? END : this.#fetcher.fetchAsync(indices.value)
  }

  #advance(): IteratorResult<unknown> {
    // An iterator that has ended or thrown is not closed.
    this.#hasMore = false
    const indices = this.#indices.next()
    this.#hasMore = indices.done !== true
    return indices
  }

  close(): void | Promise<void> {
    const hasMore = this.#hasMore
    this.#hasMore = false
    let closed: void | Promise<void>
    try {
      closed = this.#fetcher.close()
    } finally {
      if (hasMore) this.#indices.return?.()
    }
    return closed
  }
}
