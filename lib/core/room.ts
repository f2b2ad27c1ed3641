// Room in JavaScript's heap. Where there is none, V8 ends the process, which nothing can catch.

import v8 from 'node:v8'
import { native } from './native.js'

/** Fewer bytes than this V8 has at hand. */
const SMALL = 2 ** 20
/** What V8 calls available counts its room for young objects, of which lists are not: at most this much. */
const YOUNG = 192 * SMALL
/** V8 gives up before the rest is full. */
const USABLE = 0.9
const mebibytes = (bytes: number): number => Math.ceil(bytes / SMALL)

/** @throws an OutOfMemoryError where the system, or V8's own limit, leaves no room for so many bytes of the heap. */
export function checkRoom(bytes: number): void {
  if (bytes < SMALL) return
  native.check_room(bytes)
  const { total_available_size: all } = v8.getHeapStatistics()
  const available = USABLE * (all - Math.min(YOUNG, all / 2))
  if (bytes <= available) return
  const error = new Error(
    `out of memory: lists of so many elements take about ${mebibytes(bytes)} MiB of JavaScript's heap, which has ` +
      `${mebibytes(available)}: to_typed_array() takes less, node --max-old-space-size=MIB gives more`,
  )
  error.name = 'OutOfMemoryError'
  throw error
}
