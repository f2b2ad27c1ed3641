// npm run exchange -- --python FILE: trainings stop in the middle in Python and go on here, and the other way, with every
// optimizer and every scheduler; their states travel as JSON and as checkpoints of torch.save. And values of every kind are
// saved here and read by Python. Ends with 1 unless all losses are equal to the last bit, and all values the same.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { optim } from '../../lib/index.js'
import { type Checkpoint, type ExchangeCase, half, MIDDLE, nameOf, resume, resumeFrom } from './programs.js'
import { values } from './values.js'
import { Comparison, type Word } from './words.js'

const SCRIPT = join(packageRoot, 'scripts', 'exchange', 'exchange.py')
const CHECKPOINTS = join(packageRoot, 'scripts', 'reference', 'checkpoints.py')

const { python } = new Command('npm run exchange --')
  .option('--python <file>', 'a Python with PyTorch of the same version as libtorch', 'python3')
  .parse()
  .opts<{ python: string }>()

const call = (script: string, ...args: string[]): string =>
  execFileSync(python, ['-W', 'ignore', script, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })

let compared = 0
const failures: string[] = []

function compare(what: string, actual: readonly number[], expected: readonly number[]): void {
  compared += expected.length
  if (actual.length === expected.length && expected.every((loss, i) => Object.is(loss, actual[i]))) return
  failures.push(`${what}:\n  ${actual.join(' ')}\n  ${expected.join(' ')}`)
}

// Python's losses are those of libtorch's own operators.
torch.backends.tstorch.fused = false
const folder = mkdtempSync(join(tmpdir(), 'tstorch-exchange-'))
try {
  const [made, ours] = [join(folder, 'python.json'), join(folder, 'tstorch.json')]
  const folders = ['python', 'tstorch', 'values'].map((name) => join(folder, name)) as [string, string, string]
  for (const name of folders) mkdirSync(name)
  const [theirs, own, saved] = folders
  call(SCRIPT, 'make', made, theirs)
  const all = (JSON.parse(readFileSync(made, 'utf8')) as { cases: ExchangeCase[] }).cases
  const cases = all.filter(({ optimizer }) => optimizer in optim)
  const numbers = cases.map((entry) => all.indexOf(entry))
  const written = cases.map((entry, i) => {
    const { losses, state, middle } = half(entry)
    torch.save(state, join(own, `${i}.pt`))
    compare(`${nameOf(entry)}: up to the middle`, losses, entry.losses.slice(0, MIDDLE))
    const rest = entry.resumed ?? entry.losses.slice(MIDDLE)
    compare(`${nameOf(entry)}: from Python's state`, resume(entry, entry.middle), rest)
    const checkpoint = torch.load<Checkpoint>(join(theirs, `${numbers[i]}.pt`))
    compare(`${nameOf(entry)}: from Python's checkpoint`, resumeFrom(entry, checkpoint), rest)
    return { ...entry, middle }
  })
  writeFileSync(ours, JSON.stringify({ cases: written }))
  const resumed = JSON.parse(call(SCRIPT, 'resume', ours)) as number[][]
  const loaded = JSON.parse(call(SCRIPT, 'resume', ours, own)) as number[][]
  written.forEach((entry, i) => {
    const losses = resume(entry, entry.middle)
    compare(`${nameOf(entry)}: Python from our state`, resumed[i] as number[], losses)
    compare(`${nameOf(entry)}: Python from our checkpoint`, loaded[i] as number[], losses)
  })
  const kinds = Object.entries(values())
  for (const [name, value] of kinds) torch.save(value, join(saved, `${name}.pt`))
  const words = JSON.parse(call(CHECKPOINTS, 'compare', saved)) as Record<string, Word>
  for (const [name, value] of kinds) {
    try {
      new Comparison().check(words[name] as Word, value)
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`)
    }
  }
  for (const failure of failures) console.error(failure)
  const missing = all.length - cases.length
  console.log(
    `${cases.length} trainings, ${compared} losses compared, ${kinds.length} values saved and read by Python, ` +
      `${failures.length} differ` +
      (missing > 0 ? `; ${missing} trainings of optimizers that are not there` : ''),
  )
  if (failures.length > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
