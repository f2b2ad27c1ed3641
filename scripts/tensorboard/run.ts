// npm run tensorboard -- --python FILE: writes event files of every kind, has TensorBoard's own reader read them, and
// compares what it says with what was written. Ends with 1 where that differs.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { line_chart_png } from 'tstorch/plot'
import { packageRoot } from '../../lib/core/package_root.js'
import torch from '../../lib/index.js'

const { python } = new Command('npm run tensorboard --')
  .option('--python <file>', 'a Python with tensorboard 2.21', 'python3')
  .parse()
  .opts<{ python: string }>()

type Rows = Record<string, unknown[][]>
interface Run {
  scalars: Rows
  histograms: Rows
  images: Rows
  audio: Rows
  texts: Rows
  hparams: Record<string, unknown>
}

const STEPS = 1000
const waves = (step: number) => torch.linspace(0, 1, 500).mul(step).sin()
const loss = (step: number) => Math.fround(Math.exp(-step / 300) + 0.1 * Math.sin(step))
const time = (step: number) => 1.7e9 + step / 4
const picture = torch.linspace(0, 1, 3 * 20 * 30).view(3, 20, 30)
const hparams = { lr: 0.1, layers: 3, cell: 'GRU' }
const chart = { xlabel: 'step', ylabel: 'loss', series: [{ name: 'loss', x: [0, 1, 2], y: [3, 2, 1] }] }

async function write(folder: string): Promise<void> {
  using writer = new torch.utils.tensorboard.SummaryWriter(folder)
  for (let step = 0; step < STEPS; step++) {
    writer.add_scalar('loss', loss(step), step, time(step))
    if (step % 100 !== 0) continue
    writer.add_scalars('accuracy', { train: step / STEPS, test: step / STEPS / 2 }, step)
    writer.add_histogram('waves', waves(step), step)
    writer.add_image('picture', picture, step)
    writer.add_text('note', `step ${step}, ü 数`, step)
  }
  writer.add_images('batch', torch.stack([picture, picture]), 1)
  writer.add_figure('chart', await line_chart_png(chart), 1)
  writer.add_audio('tone', torch.linspace(0, 300, 4000).sin(), 1, 8000)
  writer.add_hparams(hparams, { 'hparam/accuracy': 0.75 }, { run_name: 'run' })
}

/** What TensorBoard should say of a run. */
function expected(): Record<string, Partial<Run>> {
  const every = Array.from({ length: STEPS }, (_, step) => step)
  const some = every.filter((step) => step % 100 === 0)
  const accuracy = (part: number) => ({
    scalars: { accuracy: some.map((step) => [step, Math.fround(step / STEPS / part)]) },
  })
  return {
    '.': {
      scalars: { loss: every.map((step) => [step, loss(step), time(step)]) },
      histograms: { waves: some.map((step) => [step, 500, waves(step).to(torch.float64).sum().item(), 500]) },
      images: { picture: some.map((step) => [step, 30, 20]), batch: [[1, 60, 20]], chart: [[1]] },
      texts: { 'note/text_summary': some.map((step) => [step, `step ${step}, ü 数`]) },
      audio: { tone: [[1, 8000, 4000]] },
    },
    accuracy_train: accuracy(1),
    accuracy_test: accuracy(2),
    run: { hparams, scalars: { 'hparam/accuracy': [[0, 0.75]] } },
  }
}

const near = (a: unknown, b: unknown): boolean =>
  Object.is(a, b) || (typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= 1e-9 * Math.abs(b))

let wrong = 0
const lines: string[] = []

/** A line of the table: how many values of a tag TensorBoard gave back as they were written. */
function compare(run: string, kind: string, tag: string, actual: unknown[][], rows: unknown[][]): void {
  const equal = rows.filter((row, i) => row.every((value, j) => near(actual[i]?.[j], value))).length
  if (equal !== rows.length || actual.length !== rows.length) wrong++
  const cells = [run.padEnd(16), kind.padEnd(11), tag.padEnd(18), `${rows.length}`.padStart(7), `${equal}`.padStart(6)]
  lines.push(cells.join(' '))
}

const folder = mkdtempSync(join(tmpdir(), 'tstorch-board-'))
try {
  await write(folder)
  const script = join(packageRoot, 'scripts', 'tensorboard', 'read.py')
  const answer = execFileSync(python, ['-W', 'ignore', script, folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
  const runs = JSON.parse(answer) as Record<string, Run>
  for (const [run, kinds] of Object.entries(expected())) {
    for (const [kind, tags] of Object.entries(kinds)) {
      const found = runs[run]?.[kind as keyof Run] ?? {}
      for (const [tag, rows] of Object.entries(tags)) {
        const [values, given] = [found[tag] ?? [], rows].map((value) => (Array.isArray(value) ? value : [[value]]))
        compare(run, kind, tag, values as unknown[][], given as unknown[][])
      }
    }
  }
  console.log(`run              kind        tag                written  equal\n${lines.join('\n')}`)
  if (wrong > 0) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
