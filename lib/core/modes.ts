// Modes that hold for a stretch of synchronous code: scopes, no_grad, inference_mode. They nest strictly. A mode has a
// callback form and a `using` form; the latter is guarded: what is still open when synchronous code ends (a forgotten
// `using`, an await inside) is closed and reported.

import { warn } from './warn.js'

interface Opened {
  readonly name: string
  close(): void
}

const opened: Opened[] = []
let guarded = false

/** How many `using` modes are open. */
export const openModes = (): number => opened.length

/** Closes and reports what was opened since there were `count`: a mode cannot outlive the code that it was opened in. */
export function closeModesSince(count: number): void {
  while (opened.length > count) {
    const mode = opened.pop() as Opened
    mode.close()
    warn(
      `${mode.name} was still open when synchronous code ended, and was closed. Declare it with \`using\`, and do not ` +
        'await inside: modes hold for synchronous code only.',
      'TSTORCH_MODE_LEFT_OPEN',
    )
  }
}

function guard(): void {
  guarded = false
  closeModesSince(0)
}

/** Opens a mode until the disposable is disposed of. */
export function openMode(name: string, close: () => void): Disposable {
  const mode: Opened = { name, close }
  opened.push(mode)
  if (!guarded) {
    guarded = true
    queueMicrotask(guard)
  }
  return {
    [Symbol.dispose]() {
      const position = opened.lastIndexOf(mode)
      if (position === -1) return
      if (position !== opened.length - 1) {
        throw new Error(`${name} cannot end before ${opened.at(-1)?.name}, which was opened inside it`)
      }
      opened.pop()
      close()
    },
  }
}

/** A result that is no promise: the mode would end long before the promise does. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T

/** Runs `body` between `open` and the close that it gives; refuses promises. */
export function runInMode<T>(name: string, open: () => () => void, body: () => Synchronous<T>): T {
  const before = openModes()
  const close = open()
  try {
    const result: unknown = body()
    refusePromise(name, result)
    return result as T
  } finally {
    closeModesSince(before)
    close()
  }
}

export function refusePromise(name: string, result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== 'function') return
  // The body runs on without the mode; nobody else can handle its failure.
  void (result as PromiseLike<unknown>).then(undefined, () => {})
  throw new TypeError(`${name} holds for synchronous code only, but its function gave a promise (is it async?)`)
}
