// npm run parity -- --python FILE: PyTorch's operator tests (op_db), each through tstorch's public API. Python makes
// the cases once (export.py); worker.ts checks them, in processes that may crash.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import { type Progress, progress } from '../../lib/utils/progress/index.js'
import { modulesPage, modulesSummary } from './modules/page.js'
import type { Outcome } from './outcome.js'
import { page, summary } from './page.js'

/** Tests of one kind: who makes their cases, who checks them, and what is written of them. */
interface Suite {
  exporter: string
  worker: string
  page: string
  pageOf: (outcomes: readonly Outcome[]) => string
  summaryOf: (outcomes: readonly Outcome[]) => string
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

const OPERATORS: Suite = {
  exporter: join(packageRoot, 'scripts', 'parity', 'export.py'),
  worker: here('./worker.js'),
  page: 'operators.md',
  pageOf: page,
  summaryOf: summary,
}
const MODULES: Suite = {
  exporter: join(packageRoot, 'scripts', 'parity', 'modules', 'export_modules.py'),
  worker: here('./modules/worker.js'),
  page: 'modules.md',
  pageOf: modulesPage,
  summaryOf: modulesSummary,
}
const NEEDS = 'pip install torch==2.13.0 numpy scipy expecttest safetensors'

/** How far a bar is, and with what. */
function show(bar: Progress<never>, done: number, entry: string): void {
  bar.set_postfix(entry)
  bar.update(done - bar.n)
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

async function exportCases(python: string, exporter: string, folder: string, only: string[]): Promise<void> {
  const args = [exporter, folder, ...(only.length > 0 ? ['--only', ...only] : [])]
  const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr?.on('data', (data) => {
    errors = `${errors}${data}`.slice(-4000)
  })
  let bar: Progress<never> | null = null
  const code = await linesOf(child, (line) => {
    const { done, of, entry } = JSON.parse(line)
    bar ??= progress({ desc: 'PyTorch', total: of })
    show(bar, done, entry)
  })
  ;(bar as Progress<never> | null)?.close()
  if (code !== 0) throw new Error(`${exporter} failed:\n${errors}`)
}

/** Checks all entries; one that ends its process is a failure of its own, and the next process goes on behind it. */
async function checkAll(worker: string, folder: string, names: string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  using bar = progress({ desc: 'tstorch', total: names.length })
  let rest = names
  while (rest.length > 0) {
    let started = rest[0] as string
    let finished = false
    const child = spawn(process.execPath, [worker, folder, ...rest], { stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr?.on('data', (data) => {
      errors = `${errors}${data}`.slice(-2000)
    })
    const end = await linesOf(child, (line) => {
      const message = JSON.parse(line)
      finished = message.outcome !== undefined
      if (finished) outcomes.push(message.outcome as Outcome)
      else started = message.started
      show(bar, outcomes.length, started)
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
  return outcomes
}

interface Options {
  python: string
  modules?: boolean
  only?: string[]
  cases?: string
  page?: boolean
  out?: string
}

async function parity(positional: string[], options: Options) {
  const names = [...positional, ...(options.only ?? [])]
  const suite = options.modules ? MODULES : OPERATORS
  const given = options.cases !== undefined && existsSync(options.cases)
  const folder = options.cases ?? mkdtempSync(join(tmpdir(), 'tstorch-parity-'))
  try {
    if (!given) {
      checkPython(options.python)
      await exportCases(options.python, suite.exporter, folder, names)
    }
    const entries = readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .filter((name) => names.length === 0 || names.includes(name))
      .sort()
    const unknown = names.filter((name) => !entries.includes(name))
    if (unknown.length > 0) throw new Error(`no entry of this name: ${unknown.join(', ')}`)
    const outcomes = await checkAll(suite.worker, folder, entries)
    if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(outcomes, null, 1)}\n`)
    if (options.page) writeFileSync(join(packageRoot, 'docs', suite.page), suite.pageOf(outcomes))
    console.log(suite.summaryOf(outcomes))
    if (outcomes.some(({ failed }) => failed > 0)) process.exitCode = 1
  } finally {
    if (options.cases === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

const program = new Command('npm run parity --')
  .description("runs PyTorch's own tests through tstorch: of its operators, or of its modules and optimizers")
  .argument('[entries...]', 'names of entries, such as add, nn.Conv2d, optim.Adam; all where none is given', [])
  .option('--modules', 'modules (module_db) and optimizers (optim_db) in place of operators (op_db)')
  .option('--only <entries...>', 'the same as entries in place')
  .option('--python <file>', `a Python with ${NEEDS.slice('pip install '.length)}`, 'python3')
  .option('--cases <folder>', 'where the cases are, or are to be kept: making them takes longest')
  .option('--out <file>', 'writes what became of each entry, with all kinds of failures, as JSON')
  .option('--page', 'writes docs/operators.md or docs/modules.md')
  .action(parity)
await program.parseAsync()
