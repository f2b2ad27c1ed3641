// Dynamic batching: what single requests ask for is gathered, for a moment at most, and computed together.

/** The queue is full: to be tried again later. */
export class QueueFull extends Error {}

/** Nothing more is taken. */
export class Closed extends Error {}

export interface BatcherOptions {
  /** How many inputs are computed together at most. */
  max_batch: number
  /** How long an input waits for others while there is somebody to compute it, in milliseconds. */
  max_wait_ms: number
  /** How many inputs wait at most; more are refused. */
  max_queue: number
  /** How many batches are computed at once: the number of workers. */
  concurrency: number
}

interface Waiting<I, O> {
  input: I
  since: number
  resolve: (output: O) => void
  reject: (error: Error) => void
}

export class Batcher<I, O> {
  /** How many batches there were of each size. */
  readonly sizes = new Map<number, number>()
  readonly #run: (inputs: I[]) => Promise<O[]>
  readonly #options: BatcherOptions
  readonly #queue: Waiting<I, O>[] = []
  #running = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #drained: (() => void)[] = []

  /** `run` computes a batch somewhere else than on this thread, and gives an output for each input. */
  constructor(run: (inputs: I[]) => Promise<O[]>, options: BatcherOptions) {
    this.#run = run
    this.#options = options
  }

  /** How many inputs wait. */
  get length(): number {
    return this.#queue.length
  }

  /**
   * The output of an input, and a function that takes back an input which still waits: its output never comes.
   * @throws {QueueFull}
   * @throws {Closed}
   */
  submit(input: I): { output: Promise<O>; cancel: () => void } {
    if (this.#closed) throw new Closed('the batcher is closed')
    if (this.#queue.length >= this.#options.max_queue) throw new QueueFull('the queue is full')
    const { promise: output, resolve, reject } = withResolvers<O>()
    const waiting = { input, since: performance.now(), resolve, reject }
    this.#queue.push(waiting)
    this.#next()
    const cancel = () => {
      const at = this.#queue.indexOf(waiting)
      if (at !== -1) this.#queue.splice(at, 1)
      this.#next()
    }
    return { output, cancel }
  }

  /** Takes nothing more, and computes what waits. */
  close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const { promise, resolve } = withResolvers<void>()
    this.#drained.push(resolve)
    this.#next()
    return promise
  }

  /** Starts the batches whose time has come. */
  #next(): void {
    const { max_batch, max_wait_ms, concurrency } = this.#options
    for (let first = this.#queue[0]; first !== undefined && this.#running < concurrency; first = this.#queue[0]) {
      const wait = first.since + max_wait_ms - performance.now()
      if (this.#queue.length < max_batch && wait > 0 && !this.#closed) {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined
          this.#next()
        }, wait)
        return
      }
      void this.#compute(this.#queue.splice(0, max_batch))
    }
    if (this.#closed && this.#running === 0 && this.#queue.length === 0) {
      for (const resolve of this.#drained.splice(0)) resolve()
    }
  }

  async #compute(batch: Waiting<I, O>[]): Promise<void> {
    this.#running++
    this.sizes.set(batch.length, (this.sizes.get(batch.length) ?? 0) + 1)
    try {
      const outputs = await this.#run(batch.map(({ input }) => input))
      if (outputs.length !== batch.length) throw new Error(`${outputs.length} outputs for ${batch.length} inputs`)
      batch.forEach(({ resolve }, i) => {
        resolve(outputs[i] as O)
      })
    } catch (error) {
      for (const { reject } of batch) reject(error as Error)
    }
    this.#running--
    this.#next()
  }
}

/** Promise.withResolvers, which Node 20 has not. */
function withResolvers<T>() {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
