// Threads that rest between two passes. Node.js lets go of a thread that has ended on a turn of the event loop; a
// program whose passes follow each other without one would gather them. So a thread rests until then, and serves the
// next pass that needs the same modules.

import { setImmediate } from 'node:timers'
import { WorkerThread } from './thread.js'

/** By what they have loaded. */
const resting = new Map<string, WorkerThread[]>()
/** More are not kept. */
const MOST = 64
let isClearing = false

/** A thread that rests and has loaded this, or a new one. `waits`: see WorkerThread.isUsable. */
export function takeThread(loaded: string, name: string, waits: boolean): WorkerThread {
  const threads = resting.get(loaded) ?? []
  for (let thread = threads.pop(); thread !== undefined; thread = threads.pop()) {
    if (threads.length === 0) resting.delete(loaded)
    if (thread.isUsable(waits)) return thread
    if (waits) thread.terminate()
    else thread.end()
  }
  return new WorkerThread(name)
}

/** Lets a thread rest until the event loop turns. */
export function rest(thread: WorkerThread, loaded: string): void {
  const count = [...resting.values()].reduce((sum, threads) => sum + threads.length, 0)
  if (!thread.isAlive || count >= MOST) {
    thread.end()
    return
  }
  thread.post({ kind: 'rest' })
  resting.set(loaded, [...(resting.get(loaded) ?? []), thread])
  if (isClearing) return
  isClearing = true
  setImmediate(() => {
    isClearing = false
    for (const threads of resting.values()) for (const each of threads) each.end()
    resting.clear()
  }).unref()
}
