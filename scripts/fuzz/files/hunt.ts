// npm run fuzz -- files: loads many changed files in processes that may die, keeps those that one died of, or that took
// too long or too much memory, and shrinks them: fewer changes that do the same.

import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../../../lib/core/package_root.js'
import { KINDS, type Kind } from './kinds.js'
import { type Case, caseAt, fileOf } from './mutate.js'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
/** Where files that something was wrong with are kept. */
const KEPT = join(packageRoot, 'out', 'fuzz_files')
const SLOW = 'took more than'
/** Files that one process loads. */
const BATCH = 1000

export interface HuntOptions {
  seed: number
  /** Files in all. */
  files: number
  kinds: readonly string[]
  jobs: number
  /** How long one file may take. */
  seconds: number
  onProgress?: (done: number) => void
  onFault?: (fault: Fault) => void
}

export interface Fault {
  kind: string
  number: number
  how: string
  /** What the process wrote to its standard error as it died. */
  report: string
  /** Where the file is kept, shrunk. */
  file: string
  changes: Case['changes']
}

export interface Hunt {
  faults: Fault[]
  /** How many files were still taken, by kind, and how many there were. */
  loaded: Record<string, [loaded: number, files: number]>
}

interface Messages {
  started?: number
  grew?: number
  bytes?: number
  loaded?: number
}

/** Runs a child until it ends, or says nothing for too long. */
async function child(args: string[], seconds: number, onMessage: (message: Messages) => void) {
  const node = spawn(process.execPath, ['--no-warnings', CHILD, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  let report = ''
  node.stderr.setEncoding('utf8').on('data', (text: string) => {
    report = (report + text).slice(-20_000)
  })
  const ended = new Promise<string>((resolve) => {
    node.on('close', (code, signal) => resolve(signal ?? (code === 0 ? 'ok' : `exit ${code}`)))
  })
  let late = false
  let timer: NodeJS.Timeout | undefined
  const wait = () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      late = true
      node.kill('SIGKILL')
    }, seconds * 1000)
  }
  wait()
  for await (const line of createInterface({ input: node.stdout })) {
    wait()
    if (line.startsWith('{')) onMessage(JSON.parse(line))
  }
  const how = await ended
  clearTimeout(timer)
  return { how: late ? `${SLOW} ${seconds} s` : how, report }
}

/**
 * Keeps the file of a case, with as few of its changes as do the same. Null where it only took long, and not once more:
 * what waits for ever does so each time.
 */
async function keep(
  kind: Kind,
  files: Buffer[],
  options: HuntOptions,
  number: number,
  wasSlow: boolean,
): Promise<[string, Case['changes']] | null> {
  const { seed, seconds } = options
  mkdirSync(KEPT, { recursive: true })
  const path = join(KEPT, `${kind.name}-${seed}-${number}.${kind.ending}`)
  const write = (what: Case) => writeFileSync(path, fileOf(what, files, kind.format))
  let smallest = caseAt(seed, number, files, kind.format)
  const again = async (what: Case) => {
    write(what)
    return (await child([kind.name, '-', path], seconds, () => {})).how !== 'ok'
  }
  if (await again(smallest)) {
    for (let i = smallest.changes.length - 1; i >= 0; i--) {
      const fewer = { ...smallest, changes: smallest.changes.filter((_, j) => j !== i) }
      if (await again(fewer)) smallest = fewer
    }
  } else if (wasSlow) {
    rmSync(path)
    return null
  }
  write(smallest)
  return [path, smallest.changes]
}

/** Loads the files of a seed, in `jobs` processes at once; the kinds take turns. */
export async function hunt(options: HuntOptions): Promise<Hunt> {
  const { seed, files, kinds: names, jobs, seconds, onProgress, onFault } = options
  const kinds = KINDS.filter(({ name }) => names.includes(name))
  const originals = new Map(kinds.map((kind) => [kind, kind.files()]))
  const found: Hunt = { faults: [], loaded: Object.fromEntries(kinds.map(({ name }) => [name, [0, 0]])) }
  let done = 0

  async function fault(kind: Kind, number: number, how: string, report: string): Promise<void> {
    const kept = await keep(kind, originals.get(kind) as Buffer[], options, number, how.startsWith(SLOW))
    if (kept === null) return
    const [file, changes] = kept
    const fault = { kind: kind.name, number, how, report, file, changes }
    found.faults.push(fault)
    onFault?.(fault)
  }

  async function batch(kind: Kind, from: number, to: number): Promise<void> {
    const counts = found.loaded[kind.name] as [number, number]
    const grown: [number, number][] = []
    let next = from
    while (next < to) {
      let place = next
      const args = [kind.name, String(seed), String(next), String(to)]
      const { how, report } = await child(args, seconds, ({ started, grew, bytes, loaded }) => {
        if (started !== undefined) {
          place = started
          counts[1]++
          onProgress?.(++done)
        }
        if (grew !== undefined) grown.push([grew, bytes as number])
        if (loaded !== undefined) counts[0] += loaded
      })
      if (how === 'ok') break
      await fault(kind, place, how, report)
      next = place + 1
    }
    for (const [number, bytes] of grown) await fault(kind, number, `took ${Math.round(bytes / 2 ** 20)} MB`, '')
  }

  const batches = kinds.flatMap((kind, i) => {
    const count = Math.floor((files + i) / kinds.length)
    return Array.from({ length: Math.ceil(count / BATCH) }, (_, j): [Kind, number, number] => [
      kind,
      j * BATCH,
      Math.min(count, (j + 1) * BATCH),
    ])
  })
  batches.sort(([, a], [, b]) => a - b)
  await Promise.all(
    Array.from({ length: jobs }, async () => {
      for (let work = batches.shift(); work !== undefined; work = batches.shift()) await batch(...work)
    }),
  )
  return found
}
