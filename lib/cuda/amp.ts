// torch.cuda.amp: torch.amp for CUDA.

import { type AutocastOptions, autocast as autocastOn } from '../amp/autocast.js'
import { type GradScalerOptions, GradScaler as Scaler } from '../amp/grad_scaler.js'
import type { Synchronous } from '../core/modes.js'

/** `torch.autocast('cuda', ...)`. */
export function autocast<T>(options: AutocastOptions, body: () => Synchronous<T>): T
export function autocast<T>(body: () => Synchronous<T>): T
export function autocast(options?: AutocastOptions): Disposable
export function autocast<T>(
  options: AutocastOptions | (() => Synchronous<T>) = {},
  body?: () => Synchronous<T>,
): T | Disposable {
  if (typeof options === 'function') return autocastOn('cuda', options)
  return body === undefined ? autocastOn('cuda', options) : autocastOn('cuda', options, body)
}

/** `torch.amp.GradScaler` for CUDA. */
export class GradScaler extends Scaler {
  constructor(options: GradScalerOptions = {}) {
    super('cuda', options)
  }
}
