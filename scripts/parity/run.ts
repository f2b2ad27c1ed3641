// npm run parity -- --python FILE: PyTorch's operator tests (op_db), each through tstorch's public API. Python makes
// the cases once (export.py); worker.ts checks them, in processes that may crash.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import { page, summary } from './page.js'
import type { Outcome } from './worker.js'

const EXPORT = join(packageRoot, 'scripts', 'parity', 'export.py')
const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))
const NEEDS = 'pip install torch==2.13.0 numpy scipy expecttest safetensors'

const progress = (what: string, total: number) => {
  const bar = new SingleBar({
    format: `${what} [{bar}] {value}/{total} {entry}`,
    stream: process.stderr,
    noTTYOutput: false,
  })
  bar.start(total, 0, { entry: '' })
  return bar
}

async function linesOf(child: ChildProcess, onLine: (line: string) => void): Promise<number | string> {
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(signal ?? code ?? 0))
  })
  if (child.stdout !== null) for await (const line of createInterface({ input: child.stdout })) onLine(line)
  return ended
}

function checkPython(python: string): void {
  try {
    execFileSync(python, ['-c', 'import torch, numpy, expecttest, safetensors'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? error)
      .trim()
      .split('\n')
      .at(-1)
    console.error(
      `${python} cannot make the cases: ${said}\nName a Python that has what they need: --python FILE, after\n  ${NEEDS}`,
    )
    process.exit(1)
  }
}

async function exportCases(python: string, folder: string, only: string[]): Promise<void> {
  const args = [EXPORT, folder, ...(only.length > 0 ? ['--only', ...only] : [])]
  const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr?.on('data', (data) => {
    errors = `${errors}${data}`.slice(-4000)
  })
  let bar: SingleBar | null = null
  const code = await linesOf(child, (line) => {
    const { done, of, entry } = JSON.parse(line)
    bar ??= progress('PyTorch ', of)
    bar.update(done, { entry })
  })
  ;(bar as SingleBar | null)?.stop()
  if (code !== 0) throw new Error(`${EXPORT} failed:\n${errors}`)
}

/** Checks all entries; one that ends its process is a failure of its own, and the next process goes on behind it. */
async function checkAll(folder: string, names: string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const bar = progress('tstorch ', names.length)
  let rest = names
  while (rest.length > 0) {
    let started = rest[0] as string
    let finished = false
    const child = spawn(process.execPath, [WORKER, folder, ...rest], { stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr?.on('data', (data) => {
      errors = `${errors}${data}`.slice(-2000)
    })
    const end = await linesOf(child, (line) => {
      const message = JSON.parse(line)
      finished = message.outcome !== undefined
      if (finished) outcomes.push(message.outcome as Outcome)
      else started = message.started
      bar.update(outcomes.length, { entry: started })
    })
    if (end === 0) break
    const failures = [`the process ended with ${end}: ${errors.trim().split('\n').at(-1)}`]
    if (!finished)
      outcomes.push({
        name: started,
        function: null,
        module: '',
        cases: 0,
        errors: 0,
        failed: 1,
        failures,
        skipped: [],
      })
    rest = rest.slice(rest.indexOf(started) + 1)
  }
  bar.stop()
  return outcomes
}

async function parity(names: string[], options: { python: string; cases?: string; page?: boolean; out?: string }) {
  const given = options.cases !== undefined && existsSync(options.cases)
  const folder = options.cases ?? mkdtempSync(join(tmpdir(), 'tstorch-parity-'))
  try {
    if (!given) {
      checkPython(options.python)
      await exportCases(options.python, folder, names)
    }
    const entries = readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .filter((name) => names.length === 0 || names.includes(name))
      .sort()
    const outcomes = await checkAll(folder, entries)
    if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(outcomes, null, 1)}\n`)
    if (options.page) writeFileSync(join(packageRoot, 'docs', 'operators.md'), page(outcomes))
    console.log(summary(outcomes))
    if (outcomes.some(({ failed }) => failed > 0)) process.exitCode = 1
  } finally {
    if (options.cases === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

const program = new Command('npm run parity --')
  .description("runs PyTorch's own operator tests through tstorch")
  .argument('[entries...]', 'names of entries in op_db; all where none is given', [])
  .option('--python <file>', `a Python with ${NEEDS.slice('pip install '.length)}`, 'python3')
  .option('--cases <folder>', 'where the cases are, or are to be kept')
  .option('--out <file>', 'writes what became of each entry as JSON')
  .option('--page', 'writes docs/operators.md')
  .action(parity)
await program.parseAsync()
