import { Future } from './values.js'

/** Calls a function, as Python does outside of TorchScript: at once. `forward_async` runs in another thread. */
export function fork<A extends unknown[], R>(func: (...args: A) => R, ...args: A): Future<R> {
  return new Future(func(...args))
}

/** The value of a future. */
export function wait<T>(future: Future<T>): T {
  return future.wait()
}
