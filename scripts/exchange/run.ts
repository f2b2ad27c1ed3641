// npm run exchange -- --python FILE: trainings stop in the middle in Python and go on here, and the other way, with every
// optimizer and every scheduler; their states travel as JSON. Ends with 1 unless all losses are equal to the last bit.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { optim } from '../../lib/index.js'
import { type ExchangeCase, half, MIDDLE, nameOf, resume } from './programs.js'

const SCRIPT = join(packageRoot, 'scripts', 'exchange', 'exchange.py')

const { python } = new Command('npm run exchange --')
  .option('--python <file>', 'a Python with PyTorch of the same version as libtorch', 'python3')
  .parse()
  .opts<{ python: string }>()

const call = (...args: string[]): string =>
  execFileSync(python, ['-W', 'ignore', SCRIPT, ...args], {
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
  call('make', made)
  const all = (JSON.parse(readFileSync(made, 'utf8')) as { cases: ExchangeCase[] }).cases
  const cases = all.filter(({ optimizer }) => optimizer in optim)
  const written = cases.map((entry) => {
    const { losses, middle } = half(entry)
    compare(`${nameOf(entry)}: up to the middle`, losses, entry.losses.slice(0, MIDDLE))
    const rest = entry.resumed ?? entry.losses.slice(MIDDLE)
    compare(`${nameOf(entry)}: from Python's state`, resume(entry, entry.middle), rest)
    return { ...entry, middle }
  })
  writeFileSync(ours, JSON.stringify({ cases: written }))
  const resumed = JSON.parse(call('resume', ours)) as number[][]
  written.forEach((entry, i) => {
    compare(`${nameOf(entry)}: Python from our state`, resumed[i] as number[], resume(entry, entry.middle))
  })
  for (const failure of failures) console.error(failure)
  const missing = all.length - cases.length
  console.log(
    `${cases.length} trainings, ${compared} losses compared, ${failures.length} lists of them differ` +
      (missing > 0 ? `; ${missing} trainings of optimizers that are not there` : ''),
  )
  if (failures.length > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
