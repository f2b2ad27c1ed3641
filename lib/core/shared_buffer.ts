// ArrayBuffers over tensors' memory.

import { isMainThread } from 'node:worker_threads'
import { type Handle, native } from './native.js'

type Move = (this: ArrayBuffer, length?: number) => ArrayBuffer

/**
 * Node frees such memory when its thread ends, also where it moved to another ArrayBuffer that lives on in another
 * thread. So in threads that end before the process, what moves gets memory of its own.
 */
const ownMoves: PropertyDescriptorMap = Object.fromEntries(
  ['transfer', 'transferToFixedLength'].flatMap((name) => {
    const move = (ArrayBuffer.prototype as unknown as Record<string, Move | undefined>)[name]
    if (move === undefined) return []
    const value: Move = function (...length) {
      return move.apply(this, length).slice(0)
    }
    return [[name, { value, writable: true, configurable: true }]]
  }),
)

/** An ArrayBuffer over the tensor's own memory, or null where that needs a copy. */
export function sharedBuffer(handle: Handle): ArrayBuffer | null {
  const buffer = native.share_bytes(handle)
  return buffer === null || isMainThread ? buffer : Object.defineProperties(buffer, ownMoves)
}
