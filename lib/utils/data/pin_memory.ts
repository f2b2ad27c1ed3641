import { types } from 'node:util'
import { internals } from '../../core/tensor.js'
import { isPlainObject } from '../../operators/options.js'

/**
 * A batch with its tensors in page-locked memory: those in lists, Maps and plain objects, and what has a method
 * `pin_memory` of its own.
 */
export function pinned(value: unknown): unknown {
  if (internals.isTensor(value)) return value.pin_memory()
  if (typeof value !== 'object' || value === null) return value
  if (typeof (value as { pin_memory?: unknown }).pin_memory === 'function') {
    return (value as { pin_memory(): unknown }).pin_memory()
  }
  if (Array.isArray(value)) return value.map(pinned)
  if (types.isMap(value)) return new Map([...value].map(([key, each]) => [key, pinned(each)]))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, pinned(each)]))
}
