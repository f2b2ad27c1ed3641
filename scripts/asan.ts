// npm run asan: builds the addon with AddressSanitizer, UBSan and the assertions of libstdc++ into build/asan, and runs the
// fuzzers and the programs of the memory tests with it. libtorch itself is not instrumented: of it only what goes through
// the C library (copies, fills) is seen, and what it writes just beyond a tensor (native/memory/allocator.cc).

import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../lib/core/package_root.js'
import { compiler } from './setup/build.js'
import { findLibtorch } from './setup/libtorch.js'
import { output, run, runProgram, SetupError, say } from './setup/terminal.js'

const FOLDER = join(packageRoot, 'build', 'asan')
const ADDON = join(FOLDER, 'Release', 'tstorch.node')
const REPORTS = join(FOLDER, 'reports')
const DIST = join(packageRoot, 'dist')

interface Settings {
  jobs: string
  programs: string
  rounds: string
  calls: string
  files: string
  only?: string
  seed: string
  minutes: string
  build: boolean
}

async function buildAddon(jobs: string): Promise<void> {
  const libtorch = findLibtorch()
  if (libtorch === null) throw new SetupError('there is no libtorch; npm run build gets it')
  say(`building with sanitizers into ${FOLDER} (several minutes the first time)`)
  const settings = ['-DCMAKE_BUILD_TYPE=Release', '-DTSTORCH_SANITIZE=ON', `-DLIBTORCH=${libtorch.folder}`]
  await run('cmake', ['-S', packageRoot, '-B', FOLDER, '--log-level=ERROR', ...settings])
  await run('cmake', ['--build', FOLDER, '--parallel', jobs])
}

/** The library of AddressSanitizer, which must be loaded before all else, as node does not know of it. */
function runtime(): string {
  const file = output(compiler() ?? 'c++', ['-print-file-name=libasan.so'])
  if (file === null || !file.includes('/')) throw new SetupError('the compiler has no libasan.so (GCC is needed)')
  return file
}

/** Nothing is said of leaks: V8 frees little at the end. Reports go to files, as programs that die have no other place. */
function environment(): NodeJS.ProcessEnv {
  const log = `log_path=${join(REPORTS, 'report')}`
  // Memory that our allocator cannot get is an error of JavaScript's, and not the end.
  const asan = ['detect_leaks=0', 'detect_odr_violation=0', 'abort_on_error=1', 'allocator_may_return_null=1']
  // Freed memory is kept for a while; more than this is of no use in programs as small as these.
  asan.push('quarantine_size_mb=64', 'allow_user_segv_handler=1', 'detect_stack_use_after_return=0', log)
  return {
    ...process.env,
    LD_PRELOAD: runtime(),
    TSTORCH_ADDON: ADDON,
    OMP_NUM_THREADS: '1',
    ASAN_OPTIONS: asan.join(':'),
    // UBSan has no files for its reports, and would go on: the first of them ends the program too.
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:abort_on_error=1',
  }
}

type Task = [name: string, args: string[]]

function tasks({ jobs, programs, rounds, calls, files, seed, only = '' }: Settings): Task[] {
  const fuzz = join(DIST, 'scripts', 'fuzz', 'run.js')
  const memory = (program: string, ...args: string[]): string[] => [
    join(DIST, 'test', 'memory', `${program}.js`),
    ...args,
  ]
  const all: Task[] = [
    ['the addon called with whatever', [join(DIST, 'test', 'fuzz.js'), seed, calls]],
    ['random programs', [fuzz, '--programs', programs, '--seed', seed, '--jobs', jobs, '--seconds', '120']],
    ['operators', [fuzz, '--rounds', rounds, '--seed', seed, '--seconds', '120']],
    ['changed files', [fuzz, 'files', '--count', files, '--seed', seed, '--jobs', jobs, '--seconds', '120']],
    ['memory: garbage collected all the time', ['--gc-interval=7', ...memory('collected', '30')]],
    ['memory: hooks', memory('scenarios', 'hooks')],
    ['memory: forwards without backward', memory('scenarios', 'forwards')],
    ['memory: hooks in a worker', memory('in_worker', 'hooks')],
    ['workers ended at any moment', [join(DIST, 'test', 'workers', 'programs.js'), 'terminate', '20']],
    ['several workers', [join(DIST, 'test', 'workers', 'programs.js'), 'several']],
  ]
  return all.filter(([name]) => name.includes(only))
}

/** Runs a program, at most so long, shows what it writes, and says how it ended. */
function watch(
  args: string[],
  minutes: number,
  env: NodeJS.ProcessEnv,
  onText: (text: string) => void,
): Promise<string> {
  const child = spawn(process.execPath, ['--no-warnings', ...args], {
    cwd: FOLDER,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      process.stderr.write(text)
      onText(text)
    })
  }
  return new Promise((resolve) => {
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGTERM')
    }, minutes * 60_000)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve(late ? `stopped after ${minutes} min` : (signal ?? (code === 0 ? 'ok' : `exit status ${code}`)))
    })
  })
}

interface Report {
  text: string
  /** Whose code was at fault, by the place where it was found. */
  ours: boolean
}

/** Frames of what only carries out a report or a call of the C library. */
const CARRIER = /lib(a|ub)san\.so|\(\/lib|<null>|memory\/allocator|bits\/atomic_base/

/** One report for each place. */
function reports(written: string): Report[] {
  const found = new Map<string, Report>()
  const files = readdirSync(REPORTS).map((file) => readFileSync(join(REPORTS, file), 'utf8'))
  // The fuzz of programs shows the reports of those that died behind bars.
  for (const text of [...files, written.replace(/^ *\| /gm, '')]) {
    for (const part of text.split(/(?=^.*(?:ERROR: AddressSanitizer|runtime error:))/m)) {
      if (!/ERROR: AddressSanitizer|runtime error:/.test(part)) continue
      const frames = part.split('\n').filter((line) => /^\s+#\d+ /.test(line))
      const place = frames.find((line) => !CARRIER.test(line)) ?? part.split('\n')[0] ?? ''
      const line = /^(\S+): runtime error:/m.exec(part)?.[1]
      const where = line === undefined || CARRIER.test(line) ? place : line
      const ours = where.includes('tstorch.node') || where.includes(join(packageRoot, 'native'))
      const key = line ?? place.replace(/^\s+#\d+ 0x\S+ /, '')
      if (!found.has(key)) found.set(key, { text: part.split('\n').slice(0, 40).join('\n'), ours })
    }
  }
  return [...found.values()]
}

async function main(settings: Settings): Promise<void> {
  if (settings.build) await buildAddon(settings.jobs)
  rmSync(REPORTS, { recursive: true, force: true })
  mkdirSync(REPORTS, { recursive: true })
  const env = environment()
  const results: string[] = []
  let failed = false
  let written = ''
  for (const [name, args] of tasks(settings)) {
    const began = performance.now()
    say(name)
    const end = await watch(args, Number(settings.minutes), env, (text) => {
      written += text
    })
    // What was stopped in time has found nothing until then.
    if (end !== 'ok' && !end.startsWith('stopped')) failed = true
    results.push(`${end.padEnd(22)} ${((performance.now() - began) / 60_000).toFixed(1).padStart(5)} min  ${name}`)
    say(results.at(-1) as string)
  }
  const all = reports(written)
  for (const { text } of all.filter(({ ours }) => !ours)) console.log(`\nIN LIBTORCH'S CODE:\n${text}`)
  for (const { text } of all.filter(({ ours }) => ours)) console.log(`\nIN OUR CODE:\n${text}`)
  const count = all.filter(({ ours }) => ours).length
  console.log(`\n${results.join('\n')}\n${count} reports from our code, ${all.length - count} from libtorch's`)
  if (failed || count > 0) process.exitCode = 1
}

const program = new Command('npm run asan --')
  .description('builds with AddressSanitizer and UBSan, and runs the fuzzers and the memory tests so')
  .option('--jobs <number>', 'compilers and processes at once', String(availableParallelism()))
  .option('--programs <number>', 'random programs', '2000')
  .option('--rounds <number>', 'calls of each operator', '8')
  .option('--calls <number>', "calls of the addon's own functions", '20000')
  .option('--files <number>', 'files with changes at random places', '20000')
  .option('--only <text>', 'only the runs whose name has this text, such as files')
  .option('--seed <number>', 'another seed, other programs', '1')
  .option('--minutes <number>', 'how long each of the runs may take', '15')
  .option('--no-build', 'take what is built')
  .action(main)
await runProgram(program)
