// Worker threads that share one set of weights: each has a module of its own, whose parameters are the same memory.

import { Worker } from 'node:worker_threads'
import type { nn, SharedToken } from 'tstorch'

/** What a worker is started with. */
export interface WorkerData {
  /** A token for each tensor of the state_dict. A token is good for one worker. */
  weights: Record<string, SharedToken>
  /** How many threads libtorch may use in it. */
  threads: number
}

/** A batch of `count` inputs, one behind the other; and what comes back: all outputs, or why there are none. */
export type Task = { inputs: Float32Array; count: number }
export type Answer = { outputs: Float32Array } | { error: string }

export interface PoolOptions {
  workers: number
  threads: number
  /** The module that a worker runs. */
  module?: URL
}

/** How long to wait before a worker that ended gets a successor, in milliseconds. */
const RESTART_MS = 100

export class Pool {
  readonly #model: nn.Module
  readonly #options: PoolOptions
  readonly #all = new Set<Worker>()
  readonly #idle: Worker[] = []
  readonly #wanted: ((worker: Worker) => void)[] = []
  #closed = false

  private constructor(model: nn.Module, options: PoolOptions) {
    this.#model = model
    this.#options = options
  }

  /** A pool whose workers are ready. @throws what keeps a worker from starting. */
  static async start(model: nn.Module, options: PoolOptions): Promise<Pool> {
    const pool = new Pool(model, options)
    try {
      await Promise.all(Array.from({ length: options.workers }, () => pool.#add()))
    } catch (error) {
      await pool.close()
      throw error
    }
    return pool
  }

  /** Computes a batch in a worker that has nothing to do, or in the first that has finished. */
  async run(inputs: Float32Array, count: number): Promise<Float32Array> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#wanted.push(resolve)))
    return new Promise((resolve, reject) => {
      const onMessage = (answer: Answer) => {
        worker.off('exit', onExit)
        if ('error' in answer) reject(new Error(answer.error))
        else resolve(answer.outputs)
        this.#free(worker)
      }
      const onExit = (code: number) => reject(new Error(`the worker ended with code ${code} while it computed`))
      worker.once('message', onMessage)
      worker.once('exit', onExit)
      // The array is handed over, not copied.
      worker.postMessage({ inputs, count } satisfies Task, [inputs.buffer as ArrayBuffer])
    })
  }

  /** Ends the workers, whatever they do. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#all].map((worker) => worker.terminate()))
  }

  #free(worker: Worker): void {
    const wanted = this.#wanted.shift()
    if (wanted === undefined) this.#idle.push(worker)
    else wanted(worker)
  }

  /** Starts a worker, which is replaced when it ends. */
  #add(): Promise<void> {
    const { threads, module = new URL('./worker.js', import.meta.url) } = this.#options
    const weights = Object.fromEntries(Object.entries(this.#model.state_dict()).map(([name, t]) => [name, t.share()]))
    const worker = new Worker(module, { workerData: { weights, threads } satisfies WorkerData })
    this.#all.add(worker)
    return new Promise((resolve, reject) => {
      worker.once('message', () => {
        this.#free(worker)
        resolve()
      })
      worker.on('error', (error) => {
        console.error('a worker failed:', error)
        reject(error)
      })
      worker.once('exit', (code) => {
        reject(new Error(`a worker ended with code ${code} before it was ready`))
        this.#all.delete(worker)
        const at = this.#idle.indexOf(worker)
        if (at !== -1) this.#idle.splice(at, 1)
        if (!this.#closed) setTimeout(() => this.#restart(), RESTART_MS)
      })
    })
  }

  #restart(): void {
    // One that cannot start is told of by its events, and tried again.
    if (!this.#closed) this.#add().catch(() => {})
  }
}
