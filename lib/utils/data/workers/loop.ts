// What a worker thread does: it takes orders one after the other, and answers with batches.

import { type MessagePort, workerData } from 'node:worker_threads'
import { set_num_threads } from '../../../backends/threads.js'
import { native } from '../../../core/native.js'
import { manual_seed } from '../../../operators/generator.js'
import type { AnyDataset } from '../dataset.js'
import { type Fetcher, type FetchSettings, openFetcher } from '../fetch.js'
import { END } from '../loader_iterator.js'
import { setWorkerInfo } from '../worker_info.js'
import { failureOf } from './failure.js'
import { type Answer, IS_BUSY, type Job, NO_BATCH, type Order, PASS, ring, SENT, type WorkerStart } from './messages.js'
import { load } from './named.js'
import { pack, unpack } from './travel.js'

interface Given {
  readonly dataset: AnyDataset
  readonly collate_fn: FetchSettings['collate_fn']
  readonly worker_init_fn: ((worker_id: number) => unknown) | null
}
/** An answer without what all of them have. */
type Content = Answer extends infer Each
  ? Each extends Answer
    ? Omit<Each, 'pass' | 'number' | 'turn'>
    : never
  : never

class Loop {
  readonly #port: MessagePort
  readonly #bell: WorkerStart['bell']
  readonly #state: WorkerStart['state']
  #settings: FetchSettings | null = null
  #fetcher: Fetcher | null = null
  #group = 0
  /** What went wrong before there was any batch to load. */
  #failure: unknown
  #hasFailed = false
  /** The dataset has no more samples for this pass. */
  #hasEnded = false

  constructor({ port, bell, state }: WorkerStart) {
    this.#port = port
    this.#bell = bell
    this.#state = state
  }

  answer(pass: number, number: number, content: Content): void {
    const turn = Atomics.add(this.#bell, SENT, 1)
    this.#port.postMessage({ pass, number, turn, ...content })
    ring(this.#bell)
  }

  async take(order: Order): Promise<void> {
    switch (order.kind) {
      case 'job':
        return this.#begin(order.job)
      case 'pass':
        return this.#open(order.group)
      case 'batch':
        return this.#load(order)
      case 'rest':
        await this.#close()
        this.#settings = null
        return
      case 'exit':
        await this.#close()
        process.exit()
    }
  }

  /** What may go wrong before the first batch becomes that batch's failure. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action()
    } catch (error) {
      this.#failure = error
      this.#hasFailed = true
    }
  }

  async #begin({ id, num_workers, seed, packed, ...settings }: Job): Promise<void> {
    await this.#close()
    this.#settings = null
    this.#hasFailed = false
    await this.#attempt(async () => {
      set_num_threads(1)
      manual_seed(seed)
      for (const name of packed.names) await load(name)
      const { dataset, collate_fn, worker_init_fn } = unpack(packed) as Given
      setWorkerInfo({ id, num_workers, seed, dataset })
      await worker_init_fn?.(id)
      this.#settings = { dataset, collate_fn, ...settings }
    })
  }

  async #open(group: number): Promise<void> {
    await this.#close()
    this.#group = group
    this.#hasEnded = false
    const settings = this.#settings
    if (settings === null) return
    await this.#attempt(async () => {
      this.#fetcher = openFetcher(settings, true)
    })
  }

  async #close(): Promise<void> {
    const fetcher = this.#fetcher
    this.#fetcher = null
    try {
      await fetcher?.close()
    } catch {
      // Nobody waits for this dataset any more.
    }
  }

  async #load({ pass, number, indices }: Extract<Order, { kind: 'batch' }>): Promise<void> {
    if (this.#hasEnded || Atomics.load(this.#state, PASS) !== pass) return
    Atomics.store(this.#state, IS_BUSY, 1)
    try {
      if (this.#hasFailed) throw this.#failure
      const batch = await this.#fetcher?.fetchAsync(unpack(indices))
      this.#hasEnded = batch === END
      if (this.#hasEnded) this.answer(pass, number, { kind: 'ended' })
      else this.answer(pass, number, { kind: 'batch', batch: pack(batch, this.#group, 'the batch') })
    } catch (error) {
      this.answer(pass, number, { kind: 'failure', failure: failureOf(error) })
    } finally {
      Atomics.store(this.#state, IS_BUSY, 0)
      Atomics.notify(this.#state, IS_BUSY)
    }
  }
}

/** Serves the loaders of the thread that started this one. */
function serve(start: WorkerStart): void {
  native.own_generator()
  native.take_life_sign(start.life_sign)
  const loop = new Loop(start)
  let last: Promise<void> = Promise.resolve()
  start.port.on('message', (order: Order) => {
    last = last.then(() => loop.take(order))
  })
  process.on('uncaughtException', (error) => {
    loop.answer(Atomics.load(start.state, PASS), NO_BATCH, { kind: 'failure', failure: failureOf(error) })
    process.exit(1)
  })
}

/** Whether this thread is a loader's worker. */
export const isWorker = (workerData as Partial<WorkerStart> | null)?.is_loader_worker === true

if (isWorker) serve(workerData as WorkerStart)
