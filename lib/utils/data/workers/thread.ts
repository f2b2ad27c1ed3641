// A worker thread as the loader's thread sees it.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { native } from '../../../core/native.js'
import { thrownFrom } from './failure.js'
import { type Answer, IS_BUSY, NO_BATCH, type Order, PASS, RUNG, type WorkerStart } from './messages.js'
import { WORKER_URL } from './worker_url.js'

/** Milliseconds that a worker has to end by itself. */
const TO_END = 5_000
/** Milliseconds that a worker has to start, on however busy a machine. */
const TO_START = 120_000
/** Milliseconds between two looks whether workers live. */
const BETWEEN_LOOKS = 100

const bell = new Int32Array(new SharedArrayBuffer(8))

/** How often the workers have rung: for `sleep`. */
export const rung = (): number => Atomics.load(bell, RUNG)

/** Blocks this thread until a worker rings, unless one has since `rung()` gave `heard`; at most for so many milliseconds. */
export function sleep(heard: number, milliseconds: number): void {
  Atomics.wait(bell, RUNG, heard, Math.min(milliseconds, BETWEEN_LOOKS))
}

/** Whoever waits while the event loop turns. */
const waiting = new Set<() => void>()

/** Wakes those who await news, to look again. */
export function wakeAll(): void {
  for (const wake of [...waiting]) wake()
}

/** Waits until a worker may have sent something, or ended; at most for so many milliseconds. */
export function awaitNews(threads: readonly WorkerThread[], milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = milliseconds === Number.POSITIVE_INFINITY ? undefined : setTimeout(wake, milliseconds)
    function wake(): void {
      clearTimeout(timer)
      waiting.delete(wake)
      for (const thread of threads) thread.hold(false)
      resolve()
    }
    waiting.add(wake)
    for (const thread of threads) thread.hold(true)
  })
}

/** What this thread's workers load is numbered by pass: no two have the same. */
let passes = 0
export const nextPass = (): number => ++passes

export class WorkerThread {
  /** The error that ended the thread, where one did and is known. */
  failure: unknown = null
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #state = new Int32Array(new SharedArrayBuffer(8))
  readonly #life_sign = native.make_life_sign()
  readonly #started = performance.now()
  readonly #answers: Answer[] = []
  #hasEnded = false
  #isTerminated = false

  constructor(name: string) {
    native.prepare_own_generators()
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    const start: WorkerStart = {
      is_loader_worker: true,
      port: port2,
      bell,
      state: this.#state,
      life_sign: this.#life_sign,
    }
    try {
      this.#worker = new Worker(WORKER_URL, { workerData: start, transferList: [port2], name })
    } catch (error) {
      this.#clear()
      throw error
    }
    // Others can have it too (process.on('worker')). Where it has not begun, nothing else will say that it never will.
    const worker = this.#worker
    worker.terminate = () => {
      this.#isTerminated = true
      return Worker.prototype.terminate.call(worker)
    }
    this.#worker.once('error', (error) => {
      this.failure ??= error
    })
    this.#worker.once('exit', () => {
      this.#drain()
      this.#clear()
      wakeAll()
    })
    port1.on('message', (answer: Answer) => {
      this.#receive(answer)
      wakeAll()
    })
    // No thread keeps the process from ending.
    port1.unref()
    this.#worker.unref()
  }

  #clear(): void {
    this.#hasEnded = true
    this.#port.close()
    native.remove_life_sign(this.#life_sign)
  }

  #drain(): void {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#receive(next.message)
    }
  }

  #receive(answer: Answer): void {
    if (answer.number !== NO_BATCH) this.#answers.push(answer)
    else if (answer.kind === 'failure') this.failure = thrownFrom(answer.failure)
  }

  /** The pass that is wanted from now on. What belongs to another one is neither loaded nor answered any more. */
  want(pass: number): void {
    Atomics.store(this.#state, PASS, pass)
  }

  post(order: Order): void {
    this.#port.postMessage(order)
  }

  /** The first answer of the pass that was not taken yet. */
  peek(pass: number): Answer | undefined {
    if (!this.#hasEnded) this.#drain()
    while (this.#answers[0] !== undefined && this.#answers[0].pass !== pass) this.#answers.shift()
    return this.#answers[0]
  }

  /** Takes it. */
  take(pass: number): Answer | undefined {
    this.peek(pass)
    return this.#answers.shift()
  }

  /** Whether the thread runs, or is about to. */
  get isAlive(): boolean {
    if (this.#hasEnded) return false
    const sign = native.read_life_sign(this.#life_sign)
    return sign === 1 || (sign === 0 && !this.#isTerminated && performance.now() - this.#started < TO_START)
  }

  /** Whether the process waits for the thread: where it is waited for. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#worker.ref()
    else this.#worker.unref()
  }

  /**
   * Whether the thread can be used for another pass: not where it is busy with a batch of the last one. Whoever cannot
   * turn the event loop waits for that batch, for as long as a thread has to end.
   */
  isUsable(waits: boolean): boolean {
    const deadline = performance.now() + TO_END
    while (waits && this.#isBusy && this.isAlive && performance.now() < deadline) {
      Atomics.wait(this.#state, IS_BUSY, 1, BETWEEN_LOOKS)
    }
    return !this.#isBusy && this.isAlive
  }

  get #isBusy(): boolean {
    return Atomics.load(this.#state, IS_BUSY) === 1
  }

  /** Ends the thread, after the batch with which it is busy unless that takes too long. */
  end(): void {
    this.want(0)
    if (this.#hasEnded) return
    this.post({ kind: 'exit' })
    const timer = setTimeout(() => this.terminate(), TO_END).unref()
    this.#worker.once('exit', () => clearTimeout(timer))
  }

  /** Ends the thread in the midst of whatever it does. */
  terminate(): void {
    void this.#worker.terminate()
    this.#worker.unref()
  }
}
