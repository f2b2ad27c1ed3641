// The text of The Time Machine (H. G. Wells, 1895) as d2l publishes it, downloaded once and kept.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../core/atomic_file.js'
import { cacheFolder } from '../core/package_root.js'

const URL_ = 'http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt'
const SHA1 = '090b5e7e70c295757f55df93cb0a180b9691891a'

const sha1 = (data: Uint8Array): string => createHash('sha1').update(data).digest('hex')

/** Where the text is kept. */
export const timeMachineFile = (): string => join(cacheFolder(), 'timemachine.txt')

/** The text that was downloaded before, or null. A damaged file counts as none. */
export function cached_time_machine(): string | null {
  const file = timeMachineFile()
  if (!existsSync(file)) return null
  const data = readFileSync(file)
  return sha1(data) === SHA1 ? data.toString('utf8') : null
}

/**
 * The text, downloaded if it is not there yet.
 * @throws if it cannot be downloaded, or what came is not the text. A later call tries again.
 */
export async function read_time_machine(): Promise<string> {
  const cached = cached_time_machine()
  if (cached !== null) return cached
  const response = await fetch(URL_, { signal: AbortSignal.timeout(20_000) })
  if (!response.ok) throw new Error(`${URL_} answered ${response.status}`)
  const data = new Uint8Array(await response.arrayBuffer())
  if (sha1(data) !== SHA1) throw new Error(`the text from ${URL_} is damaged: its SHA-1 is ${sha1(data)}, not ${SHA1}`)
  try {
    mkdirSync(cacheFolder(), { recursive: true })
    writeFileAtomic(timeMachineFile(), [data])
  } catch {
    // Where nothing can be kept, as for a container's user, it comes again next time.
  }
  return new TextDecoder().decode(data)
}
