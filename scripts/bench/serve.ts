// npm run serve:bench -- --python FILE: the server of examples/serve.ts beside the same one in Python (FastAPI, uvicorn,
// torch: sides/serve.py), driven by autocannon over loopback. The two take turns, each with a fresh process, since
// machines change their pace; both must give the same answers before they are timed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import autocannon from 'autocannon'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import { median } from './report.js'

const say = (text: string) => process.stderr.write(`${text}\n`)

const SAMPLES = 64
/** Signals to send, all different. */
const BODIES = Array.from({ length: 32 }, (_, i) => {
  const wave = (t: number) => Math.sin(t * (2 + i / 8)) + 0.1 * Math.cos(37 * t + i)
  const signal = Array.from({ length: SAMPLES }, (_, t) => Number(wave((2 * Math.PI * t) / SAMPLES).toFixed(4)))
  return JSON.stringify({ signal })
})
const REQUEST = { method: 'POST', headers: { 'content-type': 'application/json' } } as const

interface Side {
  name: string
  command: string[]
}

interface Turn {
  requests_per_s: number
  p50_ms: number
  p99_ms: number
  not_2xx: number
  /** Of ours alone. */
  event_loop_p99_ms?: number
  event_loop_max_ms?: number
  mean_batch?: number
}

interface Answer {
  class: string
  probabilities: Record<string, number>
}

async function start({ name, command: [program, ...args] }: Side): Promise<[child: ChildProcess, url: string]> {
  const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (.*)$/.exec(line)?.[1]
    if (url !== undefined) return [child, url]
  }
  throw new Error(`${name} ended before it listened`)
}

/** Asks until the server answers: uvicorn listens before it serves. */
async function answers(url: string): Promise<Answer[]> {
  return Promise.all(
    BODIES.map(async (body) => {
      const response = await fetch(`${url}/classify`, { ...REQUEST, body })
      if (!response.ok) throw new Error(`${url} answers ${response.status}: ${await response.text()}`)
      return (await response.json()) as Answer
    }),
  )
}

const drive = (url: string, connections: number, duration: number) => {
  const requests = BODIES.map((body) => ({ ...REQUEST, path: '/classify', body }))
  return autocannon({ url, connections, duration, requests })
}

async function turn(side: Side, connections: number, seconds: number): Promise<[Turn, Answer[]]> {
  const [child, url] = await start(side)
  try {
    const given = await answers(url)
    await drive(url, connections, Math.min(3, seconds))
    const result = await drive(url, connections, seconds)
    const turn: Turn = {
      requests_per_s: result.requests.average,
      p50_ms: result.latency.p50,
      p99_ms: result.latency.p99,
      not_2xx: result.non2xx + result.errors + result.timeouts,
    }
    const metrics = await fetch(`${url}/metrics`)
    if (metrics.ok) {
      const { event_loop_delay_ms, batch_sizes } = (await metrics.json()) as {
        event_loop_delay_ms: { p99: number; max: number }
        batch_sizes: Record<string, number>
      }
      const batches = Object.values(batch_sizes).reduce((sum, count) => sum + count, 0)
      const inputs = Object.entries(batch_sizes).reduce((sum, [size, count]) => sum + Number(size) * count, 0)
      turn.event_loop_p99_ms = event_loop_delay_ms.p99
      turn.event_loop_max_ms = event_loop_delay_ms.max
      turn.mean_batch = inputs / batches
    }
    return [turn, given]
  } finally {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  }
}

/** @throws if the two differ by more than rounding. */
function checkSame(ours: Answer[], theirs: Answer[]): void {
  ours.forEach(({ probabilities }, i) => {
    for (const [name, p] of Object.entries(probabilities)) {
      const other = theirs[i]?.probabilities[name] ?? Number.NaN
      if (!(Math.abs(p - other) < 1e-4)) throw new Error(`signal ${i}: ${name} is ${p} here and ${other} in Python`)
    }
  })
}

function row(name: string, turns: Turn[]): string {
  const of = (key: keyof Turn) => median(turns.map((turn) => turn[key] ?? Number.NaN))
  const delay = turns[0]?.event_loop_p99_ms === undefined ? '' : of('event_loop_p99_ms').toFixed(1)
  const cells = [of('requests_per_s').toFixed(0), of('p50_ms').toFixed(1), of('p99_ms').toFixed(1), delay]
  return `| ${name} | ${cells.join(' | ')} |`
}

async function main(): Promise<void> {
  const options = new Command('npm run serve:bench --')
    .requiredOption('--python <file>', 'a Python with torch, fastapi, uvicorn[standard] and safetensors')
    .option('--rounds <n>', 'turns of each side', Number, 3)
    .option('--seconds <n>', 'length of a turn', Number, 20)
    .option('--connections <n>', 'requests under way at once', Number, 64)
    .option('--workers <n>', 'workers of each side', Number, 1)
    .option('--threads <n>', 'threads of libtorch in each', Number, 1)
    .parse()
    .opts()
  const weights = join(packageRoot, 'out', 'waves.safetensors')
  const given = ['--weights', weights, '--port', '0', '--max-batch', '32', '--max-wait', '2', '--max-queue', '256']
  const settings = [...given, '--workers', String(options.workers), '--threads', String(options.threads)]
  const sides: Side[] = [
    { name: 'tstorch', command: [process.execPath, join(packageRoot, 'dist/examples/serve.js'), ...settings] },
    { name: 'Python', command: [options.python, join(packageRoot, 'scripts/bench/sides/serve.py'), ...settings] },
  ]
  const turns: Record<string, Turn[]> = {}
  for (let round = 0; round < options.rounds; round++) {
    const given: Answer[][] = []
    for (const side of sides) {
      const [result, answers] = await turn(side, options.connections, options.seconds)
      given.push(answers)
      turns[side.name] = [...(turns[side.name] ?? []), result]
      say(`${side.name}: ${JSON.stringify(result)}`)
      if (result.not_2xx > 0) throw new Error(`${side.name} refused or failed ${result.not_2xx} requests`)
    }
    checkSame(given[0] as Answer[], given[1] as Answer[])
  }
  const load = `${options.connections} connections, ${options.rounds} turns of ${options.seconds} s`
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores; ${load}; medians of the turns\n`)
  console.log('| server | requests/s | p50, ms | p99, ms | event-loop delay p99, ms |\n|---|---:|---:|---:|---:|')
  for (const { name } of sides) console.log(row(name, turns[name] as Turn[]))
}

void main()
