// npm run fuzz: calls every public operator with dummy and hostile arguments, runs random programs of the public API
// (--programs), or loads changed files (files), in processes of their own. A process that ends by a signal is a failure.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { progress } from '../../lib/utils/progress/index.js'
import type { Death } from './programs/hunt.js'
import { publicOperators } from './worker.js'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))

interface DeadOperator {
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
    // Under UBSan its reports are wanted, with all else that libtorch says.
    stdio: ['ignore', 'pipe', process.env.UBSAN_OPTIONS === undefined ? 'ignore' : 'inherit'],
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

interface Options {
  seed: string
  rounds: string
  seconds: string
  programs?: string
  first: string
  jobs: string
  shrinks: string
}

const shown = (death: Death): string =>
  [
    `DIED: program ${death.first === death.place ? '' : `${death.first} to `}${death.place} (${death.end})`,
    ...(death.shrunk.length > 0 ? ['  shrunk to:'] : ['  did not die when it ran again']),
    ...death.shrunk.map((program) => `    ${JSON.stringify(program)}`),
    ...(death.shrunk.length > 0 ? death.trace : death.report)
      .trimEnd()
      .split('\n')
      .map((line) => `    | ${line}`),
  ].join('\n')

/** Random programs of the public API. */
async function fuzzPrograms({ seed, programs, first, jobs, seconds, shrinks }: Options): Promise<void> {
  const { hunt } = await import('./programs/hunt.js')
  const total = Number(programs)
  const began = performance.now()
  const bar = progress({ desc: 'programs', total })
  const { deaths, slow } = await hunt({
    seed: Number(seed),
    programs: total,
    first: Number(first),
    jobs: Number(jobs),
    seconds: Number(seconds),
    shrinks: Number(shrinks),
    onProgress: (done) => bar.update(done - bar.n),
    onDeath: (death) => bar.write(shown(death)),
  })
  bar.close()
  for (const place of slow) console.log(`SLOW: program ${place} took more than ${seconds} s, twice`)
  const minutes = ((performance.now() - began) / 60_000).toFixed(1)
  console.log(
    `${total.toLocaleString('en-US')} programs, seed ${seed}: ${deaths.length} ended their process (${minutes} min)`,
  )
  if (deaths.length + slow.length > 0) process.exitCode = 1
}

async function fuzz(options: Options): Promise<void> {
  await (options.programs === undefined ? fuzzOperators(options) : fuzzPrograms(options))
}

async function fuzzOperators({ seed, rounds, seconds }: Options): Promise<void> {
  const operators = publicOperators()
  const bar = progress({ desc: 'operators', total: operators.length })
  const deaths: DeadOperator[] = []
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
        bar.set_postfix(`${space}.${name}`)
        bar.update(started - bar.n)
      },
    )
    if (end === '0') break
    const { space, name } = operators[place] as (typeof operators)[number]
    deaths.push({ operator: `${space}.${name}`, end })
    next = place + 1
  }
  bar.close()
  rmSync(folder, { recursive: true, force: true })
  const slow = deaths.filter(({ end }) => end.startsWith('took'))
  const dead = deaths.filter((death) => !slow.includes(death))
  console.log(`${operators.length} operators, ${Number(rounds).toLocaleString('en-US')} calls each, seed ${seed}`)
  for (const { operator, end } of slow) console.log(`slow: ${operator} ${end}`)
  for (const { operator, end } of dead) console.log(`DIED: ${operator} (${end})`)
  console.log(`${dead.length} ended their process`)
  if (dead.length > 0) process.exitCode = 1
}

interface FileOptions {
  seed: string
  count: string
  kinds?: string[]
  seconds: string
  jobs: string
}

async function fuzzFiles({ seed, count, kinds, seconds, jobs }: FileOptions): Promise<void> {
  process.removeAllListeners('warning')
  const { hunt } = await import('./files/hunt.js')
  const { KINDS } = await import('./files/kinds.js')
  const names = KINDS.map(({ name }) => name)
  const unknown = kinds?.find((kind) => !names.includes(kind))
  if (unknown !== undefined) throw new Error(`there is no kind ${unknown}, but ${names.join(', ')}`)
  const began = performance.now()
  const bar = progress({ desc: 'files', total: Number(count) })
  const { faults, loaded } = await hunt({
    seed: Number(seed),
    files: Number(count),
    kinds: kinds ?? names,
    jobs: Number(jobs),
    seconds: Number(seconds),
    onProgress: (done) => bar.update(done - bar.n),
    onFault: ({ kind, number, how, report, file, changes }) => {
      const lines = report.trimEnd().split('\n').slice(-40)
      const shown = [`FAULT: ${kind} ${number}: ${how}`, `  kept: ${file}`, `  changes: ${JSON.stringify(changes)}`]
      bar.write([...shown, ...lines.map((line) => `    | ${line}`)].join('\n'))
    },
  })
  bar.close()
  for (const [kind, [taken, all]] of Object.entries(loaded)) {
    console.log(
      `${kind}: ${taken.toLocaleString('en-US')} of ${all.toLocaleString('en-US')} were still taken, the others refused`,
    )
  }
  const minutes = ((performance.now() - began) / 60_000).toFixed(1)
  console.log(
    `${Number(count).toLocaleString('en-US')} changed files, seed ${seed}: ${faults.length} faults (${minutes} min)`,
  )
  if (faults.length > 0) process.exitCode = 1
}

async function fuzzKills({ seed, count }: { seed: string; count: string }): Promise<void> {
  const { kills, refusals } = await import('./kills/run.js')
  const { WRITERS } = await import('./kills/writers.js')
  for (const writer of Object.keys(WRITERS)) {
    const bar = progress({ desc: writer, total: Number(count) })
    const options = { seed: Number(seed), count: Number(count), onKill: (done: number) => bar.update(done - bar.n) }
    const { midst, faults } = await kills(writer, options)
    bar.close()
    const killed = `${writer}: ${count} processes killed, ${midst} of them in the midst of saving`
    console.log(`${killed}: ${faults.length === 0 ? 'the file was whole each time' : faults.join('\n')}`)
    const refused = refusals(writer)
    for (const [name, said, fault] of refused)
      console.log(`  ${name}: ${said}${fault === null ? '' : `\n    FAULT: ${fault}`}`)
    if (faults.length > 0 || refused.some(([, , fault]) => fault !== null)) process.exitCode = 1
  }
}

const program = new Command('npm run fuzz --')
  .enablePositionalOptions()
  .description('calls every public operator with hostile arguments, or runs random programs, in processes that may die')
  .option('--seed <number>', 'another seed, other arguments', '1')
  .option('--rounds <number>', 'calls of each operator', '200')
  .option('--seconds <number>', 'how long one operator or program may take', '60')
  .option('--programs <number>', 'random programs of the public API instead')
  .option('--first <number>', 'the first of them', '0')
  .option('--jobs <number>', 'how many processes run them at once', String(availableParallelism()))
  .option('--shrinks <number>', 'how many of those that die are shrunk', '5')
  .action(fuzz)
program
  .command('files')
  .description('loads files with changes at random places; each is loaded, or refused by an error')
  .option('--seed <number>', 'another seed, other changes', '1')
  .option('--count <number>', 'files in all', '100000')
  .option('--kinds <names...>', 'only these kinds')
  .option('--seconds <number>', 'how long one file may take', '60')
  .option('--jobs <number>', 'how many processes load them at once', String(availableParallelism()))
  .action(fuzzFiles)
program
  .command('kills')
  .description('kills processes while they save, and saves where it must fail')
  .option('--seed <number>', 'other moments', '1')
  .option('--count <number>', 'processes to kill, for each way of saving', '300')
  .action(fuzzKills)
await program.parseAsync()
