// torch.autograd.set_detect_anomaly: backward stops at the first nan and shows the line of the forward call.

import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import { native } from '../core/native.js'

function open(mode: boolean, check_nan: boolean): () => void {
  const before = native.is_anomaly_check_nan_enabled()
  const enabled = native.detect_anomaly(mode, check_nan)
  return () => {
    native.detect_anomaly(enabled, before)
  }
}

interface AnomalyOptions {
  check_nan?: boolean | undefined
}

/**
 * While it is on, each call of an operator remembers where it is in the program, which takes many times as long as the
 * call; a backward whose gradient is nan is an error that shows the place.
 */
export function set_detect_anomaly(mode: boolean, { check_nan = true }: AnomalyOptions = {}): void {
  native.detect_anomaly(mode, check_nan)
}

/** The same for a function, or, as `using _ = torch.autograd.detect_anomaly()`, for the rest of the block. */
export function detect_anomaly<T>(body: () => Synchronous<T>, options?: AnomalyOptions): T
export function detect_anomaly(options?: AnomalyOptions): Disposable
export function detect_anomaly<T>(
  body?: (() => Synchronous<T>) | AnomalyOptions,
  options?: AnomalyOptions,
): T | Disposable {
  const name = 'torch.autograd.detect_anomaly'
  if (typeof body === 'function') return runInMode(name, () => open(true, options?.check_nan ?? true), body)
  return openMode(name, open(true, body?.check_nan ?? true))
}

export function is_anomaly_enabled(): boolean {
  return native.is_anomaly_enabled()
}

export function is_anomaly_check_nan_enabled(): boolean {
  return native.is_anomaly_check_nan_enabled()
}
