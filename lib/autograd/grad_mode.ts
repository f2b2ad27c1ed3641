import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import { native } from '../core/native.js'

function gradMode(enabled: boolean): () => () => void {
  return () => {
    const before = native.set_grad_enabled(enabled)
    return () => {
      native.set_grad_enabled(before)
    }
  }
}

/** A mode in both of its forms: `mode(() => ...)` gives the function's result; `using _ = mode()` holds for the block. */
function mode<T>(name: string, open: () => () => void, body: (() => Synchronous<T>) | undefined): T | Disposable {
  return body === undefined ? openMode(name, open()) : runInMode(name, open, body)
}

/** Runs `body` without recording graphs; or, as `using _ = torch.no_grad()`, the rest of the block. */
export function no_grad<T>(body: () => Synchronous<T>): T
export function no_grad(): Disposable
export function no_grad<T>(body?: () => Synchronous<T>): T | Disposable {
  return mode('torch.no_grad', gradMode(false), body)
}

/** Records graphs again inside a no_grad. */
export function enable_grad<T>(body: () => Synchronous<T>): T
export function enable_grad(): Disposable
export function enable_grad<T>(body?: () => Synchronous<T>): T | Disposable {
  return mode('torch.enable_grad', gradMode(true), body)
}

/** Faster than no_grad; what is computed inside can never be part of a graph. */
export function inference_mode<T>(body: () => Synchronous<T>): T
export function inference_mode(): Disposable
export function inference_mode<T>(body?: () => Synchronous<T>): T | Disposable {
  const open = () => {
    native.push_inference_mode(true)
    return () => native.pop_inference_mode()
  }
  return mode('torch.inference_mode', open, body)
}

/** Turns the recording of graphs on or off until it is called again. */
export function set_grad_enabled(enabled: boolean): void {
  native.set_grad_enabled(enabled)
}

export function is_grad_enabled(): boolean {
  return native.is_grad_enabled()
}

export function is_inference_mode_enabled(): boolean {
  return native.is_inference_mode_enabled()
}
