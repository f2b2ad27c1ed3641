// npm run fuzz: calls every public operator with dummy and hostile arguments, in processes of their own. A process that
// ends by a signal is a failure.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { publicOperators } from './worker.js'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))

interface Death {
  operator: string
  end: string
}

/** Runs a worker until it is done or dead; says where it was. */
async function watch(
  args: number[],
  seconds: number,
  folder: string,
  onStart: (place: number) => void,
): Promise<string> {
  const child = spawn(process.execPath, ['--no-warnings', WORKER, ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
    cwd: folder,
  })
  const ended = new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? String(code)))
  })
  let late = false
  const tooLong = () => {
    late = true
    child.kill('SIGKILL')
  }
  let timer = setTimeout(tooLong, seconds * 1000)
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(timer)
    timer = setTimeout(tooLong, seconds * 1000)
    if (line.startsWith('{"started"')) onStart(JSON.parse(line).started)
  }
  clearTimeout(timer)
  const end = await ended
  return late ? `took more than ${seconds} s` : end
}

async function fuzz({ seed, rounds, seconds }: { seed: string; rounds: string; seconds: string }): Promise<void> {
  const operators = publicOperators()
  const bar = new SingleBar({ format: 'operators [{bar}] {value}/{total} {name}', stream: process.stderr })
  bar.start(operators.length, 0, { name: '' })
  const deaths: Death[] = []
  // torch.from_file makes files of whatever name it is given.
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-fuzz-'))
  let next = 0
  while (next < operators.length) {
    let place = next
    const end = await watch(
      [Number(seed), Number(rounds), next, operators.length],
      Number(seconds),
      folder,
      (started) => {
        place = started
        const { space, name } = operators[started] as (typeof operators)[number]
        bar.update(started, { name: `${space}.${name}` })
      },
    )
    if (end === '0') break
    const { space, name } = operators[place] as (typeof operators)[number]
    deaths.push({ operator: `${space}.${name}`, end })
    next = place + 1
  }
  bar.stop()
  rmSync(folder, { recursive: true, force: true })
  const slow = deaths.filter(({ end }) => end.startsWith('took'))
  const dead = deaths.filter((death) => !slow.includes(death))
  console.log(`${operators.length} operators, ${Number(rounds).toLocaleString('en-US')} calls each, seed ${seed}`)
  for (const { operator, end } of slow) console.log(`slow: ${operator} ${end}`)
  for (const { operator, end } of dead) console.log(`DIED: ${operator} (${end})`)
  console.log(`${dead.length} ended their process`)
  if (dead.length > 0) process.exitCode = 1
}

const program = new Command('npm run fuzz --')
  .description('calls every public operator with dummy and hostile arguments, in processes that may die')
  .option('--seed <number>', 'another seed, other arguments', '1')
  .option('--rounds <number>', 'calls of each operator', '200')
  .option('--seconds <number>', 'how long one operator may take', '60')
  .action(fuzz)
await program.parseAsync()
