// Loading in this thread: a batch is fetched when it is asked for.

import { type Fetcher, openFetcher } from './fetch.js'
import { type BatchSource, END, type LoaderSettings, type Pass } from './loader_iterator.js'

export class SingleProcessSource implements BatchSource {
  readonly #fetcher: Fetcher
  readonly #indices: Iterator<unknown>

  constructor(loader: LoaderSettings, pass: Pass) {
    if (loader.timeout !== 0) throw new RangeError('a timeout needs workers: without them it must be 0')
    this.#indices = pass.indices
    this.#fetcher = openFetcher(loader, pass.is_async)
  }

  next(): unknown {
    const indices = this.#indices.next()
    return indices.done === true ? END : this.#fetcher.fetch(indices.value)
  }

  async nextAsync(): Promise<unknown> {
    const indices = this.#indices.next()
    return indices.done === true ? END : this.#fetcher.fetchAsync(indices.value)
  }

  close(): void | Promise<void> {
    this.#indices.return?.()
    return this.#fetcher.close()
  }
}
