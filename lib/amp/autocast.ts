// Automatic mixed precision: operators that gain from it compute in 16 bits, others in 32.

import { cuda, is_available } from '../core/cuda_available.js'
import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import { native } from '../core/native.js'
import { warn } from '../core/warn.js'
import { type Arguments, read } from '../operators/generated/arguments.js'

export type AutocastDevice = 'cpu' | 'cuda'

export interface AutocastOptions {
  /** What to compute in: by default bfloat16 on the CPU, float16 on CUDA. */
  dtype?: DType | null | undefined
  enabled?: boolean | undefined
  /** Whether a weight that is used twice is cast once. */
  cache_enabled?: boolean | null | undefined
}

export function is_autocast_available(device_type: string): boolean {
  return device_type === 'cpu' || device_type === 'cuda'
}

export function is_autocast_enabled(device_type: AutocastDevice = 'cuda'): boolean {
  return native.autocast_state(device_type)[0] !== 0
}

/** Deprecated in Python: `is_autocast_enabled('cpu')`. */
export function is_autocast_cpu_enabled(): boolean {
  return is_autocast_enabled('cpu')
}

export function get_autocast_dtype(device_type: AutocastDevice): DType {
  return dtypes.dtypeOf(native.autocast_state(device_type)[1])
}

export function is_autocast_cache_enabled(): boolean {
  return native.autocast_state('cpu')[2] !== 0
}

/** Forgets the weights that were cast. */
export function clear_autocast_cache(): void {
  native.clear_autocast_cache()
}

/** Whether it can be enabled with these settings; if not, warns what is missing, as Python does. */
function usable(device_type: AutocastDevice, dtype: DType): boolean {
  if (device_type === 'cuda') {
    if (!is_available()) {
      warn("CUDA is not available: autocast('cuda') changes nothing. npx tstorch doctor says what is missing")
      return false
    }
    // Compute capability 8.0 or higher.
    if (dtype === dtypes.bfloat16 && cuda().device_properties(-1).major < 8) {
      throw new Error('Current CUDA Device does not support bfloat16. Please switch dtype to float16.')
    }
    return true
  }
  if (dtype === dtypes.bfloat16 || dtype === dtypes.float16) return true
  warn(
    'In CPU autocast, but the target dtype is not supported. Disabling autocast.\n' +
      'CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.',
  )
  return false
}

/**
 * Runs `body` in mixed precision; or, as `using _ = torch.autocast('cuda')`, the rest of the block. Only forward and
 * loss belong inside; backward computes in what forward did.
 */
export function autocast<T>(device_type: AutocastDevice, options: AutocastOptions, body: () => Synchronous<T>): T
export function autocast<T>(device_type: AutocastDevice, body: () => Synchronous<T>): T
export function autocast(...args: Arguments['torch.autocast']): Disposable
export function autocast<T>(...args: unknown[]): T | Disposable {
  const last = args.at(-1)
  const body = typeof last === 'function' ? (last as () => Synchronous<T>) : undefined
  const values = read('torch.autocast', body === undefined ? args : args.slice(0, -1))
  const { device_type, cache_enabled } = values
  if (!is_autocast_available(device_type)) {
    throw new RangeError(`User specified an unsupported autocast device_type '${device_type}'`)
  }
  const [wasEnabled, wasDtype, wasCached] = native.autocast_state(device_type)
  const dtype = values.dtype ?? dtypes.dtypeOf(wasDtype)
  const enabled = values.enabled && usable(device_type, dtype)
  const open = () => {
    native.autocast_enter(device_type, enabled, dtype.code, cache_enabled ?? wasCached !== 0)
    return () => native.autocast_exit(device_type, wasEnabled !== 0, wasDtype, wasCached !== 0)
  }
  return body === undefined ? openMode('torch.autocast', open()) : runInMode('torch.autocast', open, body)
}
