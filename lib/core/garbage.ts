// V8's collector. Of young garbage alone, where dead tensors are, it is several times cheaper than the collections with
// which V8 answers memory outside its heap.

import v8 from 'node:v8'
import vm from 'node:vm'

type Collect = (options?: { type: 'minor' }) => void

let collect: Collect | undefined

/** Node hands out its collector under a flag; without, this does nothing. */
function collector(): Collect {
  const given = (globalThis as { gc?: Collect }).gc
  if (given !== undefined) return given
  try {
    v8.setFlagsFromString('--expose-gc')
    const found = vm.runInNewContext('gc') as Collect
    v8.setFlagsFromString('--no-expose-gc')
    return found
  } catch {
    return () => {}
  }
}

/** Collects young garbage, or all of it. */
export function collectGarbage(all: boolean): void {
  collect ??= collector()
  // Node 20 takes whatever is given here for a wish for young garbage alone.
  if (all) collect()
  else collect({ type: 'minor' })
}
