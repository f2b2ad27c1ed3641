// torch.autograd.set_detect_anomaly: backward stops at the first nan and shows the line of the forward call.

import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import { native } from '../core/native.js'
import { type Arguments, read } from '../operators/generated/arguments.js'

function open(mode: boolean, check_nan: boolean): () => void {
  const before = native.is_anomaly_check_nan_enabled()
  const enabled = native.detect_anomaly(mode, check_nan)
  return () => {
    native.detect_anomaly(enabled, before)
  }
}

/**
 * While it is on, each call of an operator records its place in the program, which takes many times as long as the
 * call; a backward that computes nan throws an error that shows the place.
 */
export function set_detect_anomaly(...args: Arguments['autograd.set_detect_anomaly']): void {
  const { mode, check_nan } = read('autograd.set_detect_anomaly', args)
  native.detect_anomaly(mode, check_nan)
}

/** The same for a function, or, as `using _ = torch.autograd.detect_anomaly()`, for the rest of the block. */
export function detect_anomaly<T>(body: () => Synchronous<T>, ...args: Arguments['autograd.detect_anomaly']): T
export function detect_anomaly(...args: Arguments['autograd.detect_anomaly']): Disposable
export function detect_anomaly<T>(...args: unknown[]): T | Disposable {
  const name = 'torch.autograd.detect_anomaly'
  const [body] = args
  const isBody = typeof body === 'function'
  const { check_nan } = read('autograd.detect_anomaly', isBody ? args.slice(1) : args)
  if (!isBody) return openMode(name, open(true, check_nan))
  return runInMode(name, () => open(true, check_nan), body as () => Synchronous<T>)
}

export function is_anomaly_enabled(): boolean {
  return native.is_anomaly_enabled()
}

export function is_anomaly_check_nan_enabled(): boolean {
  return native.is_anomaly_check_nan_enabled()
}
