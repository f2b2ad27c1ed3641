// Files over HTTP, from servers that may stop in the middle.

import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SetupError, say } from './terminal.js'

/** A server that sends nothing for so long has stalled, in ms. */
const STALLED = 1000 * (Number(process.env.TSTORCH_TIMEOUT) || 30)
/** So often in a row a server may fail without sending anything. */
const ATTEMPTS = 3

/** What another attempt does not change. */
class Refused extends Error {}

/** Asks for what follows the first `from` bytes and hands out what comes, with the number of bytes that it starts at. */
async function receive(
  url: string,
  from: number,
  each: (chunk: Uint8Array, at: number, total: number) => void,
): Promise<void> {
  const stalled = new AbortController()
  const watch = setTimeout(() => stalled.abort(new Error(`no data for ${STALLED / 1000} seconds`)), STALLED)
  try {
    const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {}
    const response = await fetch(url, { headers, signal: stalled.signal })
    if (response.status >= 400 && response.status < 500) throw new Refused(`status ${response.status}`)
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
    // A server that knows no ranges begins anew.
    let at = response.status === 206 ? from : 0
    const length = Number(response.headers.get('content-length') ?? 0)
    const total = length > 0 ? at + length : 0
    for await (const chunk of response.body) {
      watch.refresh()
      each(chunk, at, total)
      at += chunk.length
    }
    if (at < total) throw new Error(`it ended after ${at} of ${total} bytes`)
  } finally {
    clearTimeout(watch)
    stalled.abort()
  }
}

const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || message : message
}

/** Receives all of it, in several attempts if it must be. */
async function persist(url: string, each: (chunk: Uint8Array, at: number, total: number) => void): Promise<void> {
  let received = 0
  for (let failures = 0; ; ) {
    const before = received
    try {
      await receive(url, received, (chunk, at, total) => {
        each(chunk, at, total)
        received = at + chunk.length
      })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === 'write') throw error
      failures = received > before ? 1 : failures + 1
      if (failures >= ATTEMPTS || error instanceof Refused)
        throw new SetupError(`${url} failed (${reasonOf(error)})`, { cause: error })
      say(`${reasonOf(error)}; going on at ${received} bytes`)
      await sleep(500 * failures)
    }
  }
}

/** The text of a page. */
export async function fetchText(url: string): Promise<string> {
  let chunks: Uint8Array[] = []
  await persist(url, (chunk, at) => {
    if (at === 0) chunks = []
    chunks.push(chunk)
  })
  return Buffer.concat(chunks).toString('utf8')
}

/** Downloads into a file, shows how much has come, and returns the file's SHA-256. */
export async function fetchFile(url: string, file: string): Promise<string> {
  const fd = openSync(file, 'w')
  let hash = createHash('sha256')
  const show = meter()
  try {
    await persist(url, (chunk, at, total) => {
      if (at === 0) hash = createHash('sha256')
      hash.update(chunk)
      for (let written = 0; written < chunk.length; ) {
        written += writeSync(fd, chunk, written, chunk.length - written, at + written)
      }
      show(at + chunk.length, total)
    })
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}

/** Shows how much has come. */
function meter(): (received: number, total: number) => void {
  const live = process.stderr.isTTY
  let shown = -1
  return (received, total) => {
    const percent = total > 0 ? Math.floor((100 * received) / total) : 0
    if (percent < shown + (live ? 1 : 10)) return
    shown = percent
    process.stderr.write(`  ${percent}% of ${Math.round(total / 1e6)} MB${live && percent < 100 ? '\r' : '\n'}`)
  }
}
