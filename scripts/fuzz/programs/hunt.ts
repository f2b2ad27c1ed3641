// Runs many random programs in processes that may die, finds the program that one died of, and shrinks it.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { arbitrary } from './interpret.js'
import { GROWN, type Program, parameters, programAt } from './program.js'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
/** Programs that one process runs. */
const BATCH = 500
/** How long the search for a smaller program may take, in milliseconds. */
const SHRINKING = 60_000

export interface HuntOptions {
  seed: number
  programs: number
  first?: number
  jobs: number
  /** How long one program may take. */
  seconds: number
  /** How many of the deaths are shrunk. */
  shrinks: number
  onProgress?: (done: number) => void
  onDeath?: (death: Death) => void
}

export interface Death {
  /** The first and the last of the programs that are needed for it: mostly one. */
  first: number
  place: number
  end: string
  /** The shrunk programs, and what they do; empty where it did not die again. */
  shrunk: Program[]
  trace: string
  /** What the process wrote to its standard error as it died. */
  report: string
}

export interface Hunt {
  deaths: Death[]
  /** Programs that took too long twice: what waits for ever is no better than what dies. */
  slow: number[]
}

interface End {
  /** 'ok', 'grown', 'slow', or how it ended. */
  how: string
  report: string
}

/** Runs a child until it ends, or until it says nothing for too long. */
async function child(args: string[], seconds: number, onStart?: (place: number) => void): Promise<End> {
  const node = spawn(process.execPath, ['--no-warnings', '--max-old-space-size=2000', CHILD, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  let report = ''
  node.stderr.setEncoding('utf8').on('data', (text: string) => {
    report = (report + text).slice(-100_000)
  })
  const ended = new Promise<string>((resolve) => {
    node.on('close', (code, signal) =>
      resolve(signal ?? (code === 0 ? 'ok' : code === GROWN ? 'grown' : `exit ${code}`)),
    )
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
    if (line.startsWith('{"started"')) onStart?.(JSON.parse(line).started)
  }
  const how = await ended
  clearTimeout(timer)
  return { how: late ? 'slow' : how, report }
}

const isDeath = ({ how }: End) => how !== 'ok' && how !== 'grown' && how !== 'slow'

/** Runs programs one after the other in one process. */
async function runAgain(programs: Program[], seconds: number): Promise<End> {
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-hunt-'))
  const file = join(folder, 'programs')
  writeFileSync(file, programs.map((program) => `${JSON.stringify(program)}\n`).join(''))
  try {
    return await child(['-', file], seconds)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How programs die; null where they do not. They run several times where threads may decide it. */
async function dies(programs: Program[], seconds: number): Promise<End | null> {
  const times = programs.flat().some(([name]) => name === 'worker') ? 3 : 1
  for (let time = 0; time < times; time++) {
    const end = await runAgain(programs, seconds)
    if (isDeath(end)) return end
  }
  return null
}

const traceOf = (report: string) => report.split('\n').slice(-60).join('\n')

/** What the one at `place` died of, with the smallest programs that do. */
async function examine(options: HuntOptions, from: number, place: number, end: End, small: boolean): Promise<Death> {
  const { seed, seconds } = options
  const at = (i: number) => programAt(arbitrary, seed, i)
  const death: Death = { first: place, place, end: end.how, shrunk: [], trace: '', report: end.report.slice(-20_000) }
  const alone = await dies([at(place)], seconds)
  if (alone !== null) {
    const reached = at(place).slice(0, alone.report.match(/^#\d+ /gm)?.length)
    let smallest = reached
    const property = fc.asyncProperty(arbitrary, async (program) => {
      if ((await dies([program], seconds)) === null) return true
      smallest = program
      return false
    })
    const limits = { interruptAfterTimeLimit: SHRINKING, markInterruptAsFailure: false }
    if (small) await fc.check(property, { ...parameters(seed, place), ...limits, examples: [[reached]] })
    death.shrunk = [smallest]
  } else if (small) {
    // Something that an earlier program did: as few of them as are needed.
    for (let count = 2; death.shrunk.length === 0 && place - count + 1 >= from - 1; count *= 2) {
      const first = Math.max(from, place - count + 1)
      const all = Array.from({ length: place - first + 1 }, (_, i) => at(first + i))
      if ((await dies(all, seconds)) !== null) Object.assign(death, { first, shrunk: all })
      if (first === from) break
    }
  }
  if (death.shrunk.length > 0) {
    const last = await dies(death.shrunk, seconds)
    if (last !== null) Object.assign(death, { end: last.how, trace: traceOf(last.report) })
  }
  return death
}

/** Runs the programs of a seed, in `jobs` processes at once. */
export async function hunt(options: HuntOptions): Promise<Hunt> {
  const { seed, programs, first = 0, jobs, seconds, onProgress, onDeath } = options
  const last = first + programs
  const found: Hunt = { deaths: [], slow: [] }
  let taken = first
  let done = 0
  let shrunk = 0

  async function batch(from: number, to: number): Promise<void> {
    let next = from
    while (next < to) {
      const began = next
      let place = next
      const end = await child([String(seed), String(next), String(to)], seconds, (started) => {
        place = started
        onProgress?.(++done)
      })
      if (end.how === 'ok') return
      next = place + 1
      if (end.how === 'slow') {
        const again = await runAgain([programAt(arbitrary, seed, place)], seconds)
        if (again.how === 'slow') found.slow.push(place)
      }
      if (!isDeath(end)) continue
      const death = await examine(options, began, place, end, shrunk++ < options.shrinks)
      found.deaths.push(death)
      onDeath?.(death)
    }
  }

  await Promise.all(
    Array.from({ length: jobs }, async () => {
      while (taken < last) {
        const from = taken
        taken = Math.min(last, from + BATCH)
        await batch(from, taken)
      }
    }),
  )
  return found
}
