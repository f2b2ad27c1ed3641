// Room in JavaScript's heap. Where there is none, V8 ends the process, which nothing can catch.

import v8 from 'node:v8'
import { native } from './native.js'

/** Fewer bytes than this V8 has at hand. */
const SMALL = 2 ** 20
/** How much of what V8 calls available it can fill before it gives up. */
const USABLE = 0.75
const mebibytes = (bytes: number): number => Math.ceil(bytes / SMALL)

/** @throws an OutOfMemoryError where the system, or V8's own limit, leaves no room for so many bytes of the heap. */
export function checkRoom(bytes: number): void {
  if (bytes < SMALL) return
  native.check_room(bytes)
  const available = USABLE * v8.getHeapStatistics().total_available_size
  if (bytes <= available) return
  const error = new Error(
    `out of memory: lists of so many elements take about ${mebibytes(bytes)} MiB of JavaScript's heap, which has ` +
      `${mebibytes(available)}: to_typed_array() takes less, node --max-old-space-size=MIB gives more`,
  )
  error.name = 'OutOfMemoryError'
  throw error
}
