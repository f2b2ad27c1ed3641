// V8's collector. Dead tensors are young garbage, and collecting only that is several times cheaper than the collections
// that V8 itself starts when memory outside its heap grows.

import v8 from 'node:v8'
import vm from 'node:vm'

type Collect = (options?: { type: 'minor' }) => void

let collect: Collect | undefined

/** Node exposes its collector under a flag; without it, this does nothing. */
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
  // Node 20 reads any argument as a request for young garbage only.
  if (all) collect()
  else collect({ type: 'minor' })
}
