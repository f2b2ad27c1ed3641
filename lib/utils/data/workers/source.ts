// Loading by worker threads: which worker gets which batch, and in which order they are handed on, as Python's
// _MultiProcessingDataLoaderIter has it.

import { native } from '../../../core/native.js'
import { pythonRepr } from '../../../core/python_repr.js'
import { type BatchSource, END, type LoaderSettings, type Pass } from '../loader_iterator.js'
import { errorFrom } from './failure.js'
import { isWorker } from './loop.js'
import type { Answer, Job } from './messages.js'
import { keyOf } from './named.js'
import { rest, takeThread } from './resting.js'
import { awaitNews, nextPass, rung, sleep, type WorkerThread, wakeAll } from './thread.js'
import { pack, unpack } from './travel.js'

/** There is no answer yet. */
const WAITING = Symbol('waiting')

/** A batch that a worker was told to load, with the answer where that came before its turn. */
interface Task {
  readonly worker: number
  answer?: Answer
}

/** What a source holds that nothing collects: apart from it, so that the source itself can be collected. */
class Held {
  /** The pass's group of shared tensors, and the datasets'. */
  groups: number[] = []
  readonly threads: WorkerThread[] = []
  /** What each of the threads has loaded. */
  readonly loaded: string[] = []

  openGroup(): number {
    const group = native.open_shared_group()
    this.groups.push(group)
    return group
  }

  closeGroup(group: number): void {
    native.close_shared_group(group)
    this.groups = this.groups.filter((each) => each !== group)
  }

  release(): void {
    for (const group of this.groups.splice(0)) native.close_shared_group(group)
    for (const [i, thread] of this.threads.splice(0).entries()) rest(thread, this.loaded[i] as string)
    this.loaded.splice(0)
  }
}

/** Sources that nobody closed: iterators that were dropped, and loaders whose workers persist. */
const dropped = new FinalizationRegistry<Held>((held) => held.release())

export class WorkerSource implements BatchSource {
  readonly #loader: LoaderSettings
  readonly #base_seed: bigint
  /** Whether batches are waited for without a turn of the event loop. */
  readonly #waits: boolean
  readonly #held = new Held()
  #indices: Iterator<unknown>
  #pass = 0
  #group = 0
  #isOpen = false
  readonly #tasks = new Map<number, Task>()
  /** The number of the next batch to be loaded. */
  #sent = 0
  /** The number of the next batch to be handed on. */
  #received = 0
  /** Batches that workers were told to load and have not answered. */
  #outstanding = 0
  /** Which workers have more samples in this pass. */
  #areActive: boolean[] = []
  #tasksOf: number[] = []
  #nextWorker = 0

  constructor(loader: LoaderSettings, pass: Pass) {
    if (isWorker) {
      throw new Error(
        "a DataLoader's worker cannot have workers of its own. Where the module of a dataset starts the whole program " +
          'when a worker loads it, put the dataset into a module of its own',
      )
    }
    if ((loader.prefetch_factor as number) <= 0) {
      throw new RangeError('prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter')
    }
    this.#loader = loader
    this.#base_seed = pass.base_seed
    this.#waits = !pass.is_async
    this.#indices = pass.indices
    this.#begin()
  }

  /** Gives the threads their job, and the first batches to load. */
  #begin(): void {
    try {
      this.#startThreads()
    } catch (error) {
      this.#held.release()
      throw error
    }
    dropped.register(this, this.#held, this)
    this.#start()
  }

  #startThreads(): void {
    const { dataset, collate_fn, worker_init_fn, num_workers, is_iterable, auto_collation, drop_last } = this.#loader
    const group = this.#held.openGroup()
    const ids = Array.from({ length: num_workers }, (_, id) => id)
    const jobs = ids.map((id): Job => {
      const packed = pack({ dataset, collate_fn, worker_init_fn }, group, 'DataLoader')
      return { id, num_workers, seed: this.#base_seed + BigInt(id), is_iterable, auto_collation, drop_last, packed }
    })
    for (const job of jobs) {
      const loaded = [job.id, ...job.packed.names.map(keyOf)].join(' ')
      const thread = takeThread(loaded, `DataLoader worker ${job.id}`, this.#waits)
      this.#held.threads.push(thread)
      this.#held.loaded.push(loaded)
      thread.post({ kind: 'job', job })
    }
  }

  #start(): void {
    const { threads } = this.#held
    this.#group = this.#held.openGroup()
    this.#pass = nextPass()
    this.#isOpen = true
    this.#tasks.clear()
    this.#sent = 0
    this.#received = 0
    this.#outstanding = 0
    this.#areActive = threads.map(() => true)
    this.#tasksOf = threads.map(() => 0)
    this.#nextWorker = 0
    for (const thread of threads) {
      thread.want(this.#pass)
      thread.post({ kind: 'pass', group: this.#group })
    }
    for (let i = 0; i < this.#most; i++) this.#sendNext()
  }

  restart(indices: Iterator<unknown>): void {
    this.close()
    this.#indices = indices
    if (this.#held.threads.every((thread) => thread.isAlive)) {
      this.#start()
      return
    }
    this.#release()
    this.#begin()
  }

  /** How many batches may be under way. */
  get #most(): number {
    return (this.#loader.prefetch_factor as number) * this.#loader.num_workers
  }

  #sendNext(): void {
    const next = this.#indices.next()
    if (next.done === true) return
    const worker = this.#chooseWorker()
    if (worker === null) return
    const number = this.#sent++
    this.#tasks.set(number, { worker })
    ;(this.#tasksOf[worker] as number)++
    this.#outstanding++
    const indices = pack(next.value, this.#group, 'an index of the sampler')
    this.#held.threads[worker]?.post({ kind: 'batch', pass: this.#pass, number, indices })
  }

  /** The next worker in turn that has more samples and, where the order does not matter, is not busier than the others. */
  #chooseWorker(): number | null {
    const active = this.#areActive.filter((isActive) => isActive).length
    for (let i = 0; i < this.#areActive.length; i++) {
      const worker = this.#nextWorker
      this.#nextWorker = (worker + 1) % this.#areActive.length
      if (this.#areActive[worker] !== true) continue
      if (this.#loader.in_order || (this.#tasksOf[worker] as number) < Math.floor(this.#most / active)) return worker
    }
    return null
  }

  next(): unknown {
    const deadline = this.#deadline()
    for (;;) {
      const heard = rung()
      const batch = this.#step()
      if (batch !== WAITING) return batch
      sleep(heard, this.#remaining(deadline))
    }
  }

  async nextAsync(): Promise<unknown> {
    const deadline = this.#deadline()
    for (;;) {
      const batch = this.#step()
      if (batch !== WAITING) return batch
      await awaitNews(this.#held.threads, this.#remaining(deadline))
    }
  }

  #deadline(): number {
    const { timeout } = this.#loader
    return timeout > 0 ? performance.now() + timeout * 1000 : Number.POSITIVE_INFINITY
  }

  #remaining(deadline: number): number {
    const remaining = deadline - performance.now()
    if (remaining > 0) return remaining
    throw new Error(`DataLoader timed out after ${pythonRepr(this.#loader.timeout)} seconds`)
  }

  /** The next batch, END, or WAITING where it has not come yet. */
  #step(): unknown {
    while (this.#isOpen) {
      const task = this.#currentTask()
      if (task === null) return END
      if (task.answer !== undefined) {
        this.#tasks.delete(this.#received++)
        return this.#handOn(task.worker, task.answer)
      }
      const worker = this.#firstToAnswer()
      if (worker === null) {
        this.#checkThreads()
        return WAITING
      }
      const batch = this.#receive(worker)
      if (batch !== WAITING) return batch
    }
    return END
  }

  /** The batch whose turn it is; null where there are no more. What a worker has no samples for is passed over. */
  #currentTask(): Task | null {
    for (; this.#received < this.#sent; this.#received++) {
      const task = this.#tasks.get(this.#received)
      if (task === undefined) continue
      if (task.answer !== undefined || this.#areActive[task.worker] === true) return task
      this.#tasks.delete(this.#received)
    }
    return null
  }

  /** The worker whose answer is the first of those that have come. */
  #firstToAnswer(): number | null {
    let first: number | null = null
    let turn = 0
    for (const [worker, thread] of this.#held.threads.entries()) {
      const answer = thread.peek(this.#pass)
      // Turns are 32-bit numbers that start again.
      if (answer === undefined || (first !== null && ((answer.turn - turn) | 0) > 0)) continue
      first = worker
      turn = answer.turn
    }
    return first
  }

  /** Takes a worker's answer: the batch, where it is to be handed on now. */
  #receive(worker: number): unknown {
    const answer = this.#held.threads[worker]?.take(this.#pass) as Answer
    this.#outstanding--
    if (answer.kind === 'ended') {
      this.#areActive[worker] = false
      if (this.#outstanding < this.#most) this.#sendNext()
      return WAITING
    }
    if (answer.number !== this.#received && this.#loader.in_order) {
      const task = this.#tasks.get(answer.number)
      if (task !== undefined) task.answer = answer
      return WAITING
    }
    if (answer.number === this.#received) this.#received++
    this.#tasks.delete(answer.number)
    return this.#handOn(worker, answer)
  }

  #handOn(worker: number, answer: Answer): unknown {
    ;(this.#tasksOf[worker] as number)--
    this.#sendNext()
    if (answer.kind === 'failure') throw errorFrom(answer.failure, worker)
    if (answer.kind === 'batch') return unpack(answer.batch)
    throw new Error('a worker answered without a batch')
  }

  /** @throws where a worker that has batches to load has ended. */
  #checkThreads(): void {
    const { threads } = this.#held
    const ended = threads.filter((thread, worker) => this.#areActive[worker] === true && !thread.isAlive)
    const [first] = ended
    // What it sent before it ended may have come meanwhile.
    if (first === undefined || this.#firstToAnswer() !== null) return
    const ids = ended.map((thread) => threads.indexOf(thread)).join(', ')
    const { failure } = first
    const why = failure === null ? '' : `: ${(failure as Error)?.message ?? failure}`
    throw new Error(`DataLoader worker (id(s) ${ids}) exited unexpectedly${why}`, { cause: failure ?? undefined })
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#tasks.clear()
    this.#held.closeGroup(this.#group)
    for (const thread of this.#held.threads) thread.want(0)
    if (!this.#loader.persistent_workers) this.#release()
    wakeAll()
    this.#indices.return?.()
  }

  #release(): void {
    dropped.unregister(this)
    this.#held.release()
  }
}
