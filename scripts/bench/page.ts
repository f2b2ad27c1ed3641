// docs/benchmarks.md and its charts, from a run's results.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'
import { type LineChart, line_chart_svg } from '../../lib/plot/line_chart.js'
import { type Measured, median, type Report, timeOf } from './report.js'

const DOCS = join(packageRoot, 'docs')
/** What the page was made of. */
export const RESULTS = join(DOCS, 'benchmarks', 'results.json')
export const GPU_RESULTS = join(DOCS, 'benchmarks', 'results_gpu.json')
/** Median tokens per second of the document's models on a GPU, as its authors published them. */
const D2L = { scratch: 64_888, 'rnn 256x35': 293_505 }
const TOKENS = 32 * 35

const ordered = (report: Report) => ['tstorch', ...Object.keys(report.sides).filter((name) => name !== 'tstorch')]

function table(report: Report, cases: Measured[], cell: (measured: Measured, side: string) => string): string[] {
  const sides = ordered(report).filter((side) => cases.some(({ rounds }) => side in rounds))
  return [
    `| step | ${sides.join(' | ')} |`,
    `|---|${sides.map(() => '---:').join('|')}|`,
    ...cases.map((measured) => `| ${measured.title} | ${sides.map((side) => cell(measured, side)).join(' | ')} |`),
  ]
}

/** A side's median time, and how many times tstorch's that is; bold where it is the shorter one. */
function timeCell({ rounds }: Measured, side: string): string {
  const times = rounds[side]
  if (times === undefined) return ''
  const time = median(times)
  if (side === 'tstorch') return timeOf(time)
  const ratio = time / median(rounds.tstorch as number[])
  const text = `${timeOf(time)} (${ratio.toFixed(2)}×)`
  return ratio < 1 ? `**${text}**` : text
}

const memoryCell = ({ peak_mb }: Measured, side: string) =>
  peak_mb[side] === undefined ? '' : `${Math.round(peak_mb[side])} MB`

function growthCharts(report: Report): [file: string, chart: LineChart][] {
  return (['hidden', 'length', 'batch'] as const).flatMap((axis): [string, LineChart][] => {
    const cases = report.cases.filter(({ group, name }) => group === 'growth' && name.startsWith(`${axis} `))
    if (cases.length === 0) return []
    const series = ordered(report).flatMap((side) => {
      const points = cases.filter(({ rounds }) => rounds[side] !== undefined)
      if (points.length === 0) return []
      const x = points.map(({ name }) => Number(name.split(' ')[1]))
      return [{ name: side, x, y: points.map(({ rounds }) => median(rounds[side] as number[]) / 1000) }]
    })
    const title = { hidden: 'hidden size', length: 'sequence length', batch: 'batch size' }[axis]
    return [
      [
        `growth_${axis}`,
        {
          title: `nn.RNN training step`,
          xlabel: title,
          ylabel: 'ms',
          series,
          points: true,
          xscale: 'log',
          yscale: 'log',
        },
      ],
    ]
  })
}

function gpuSection(report: Report | null): string[] {
  if (report === null) {
    return ['Not measured yet. `npm run bench -- --device cuda --python FILE` measures it on a machine with a GPU.']
  }
  const { gpu, cpu } = report.machine
  return [
    `Measured on ${report.date}: ${gpu}, ${cpu} ([every round](benchmarks/results_gpu.json)). The same steps; with “CUDA`,
    'graph” a whole step is recorded once and replayed. Times end when the GPU is done.',
    '',
    `Sides: ${Object.entries(report.sides)
      .map(([name, { version }]) => `${name} (${version})`)
      .join(', ')}.`,
    '',
    ...table(report, report.cases, timeCell),
  ]
}

export async function writePage(report: Report, gpu: Report | null): Promise<void> {
  mkdirSync(join(DOCS, 'benchmarks'), { recursive: true })
  const group = (name: string) => report.cases.filter((measured) => measured.group === name)
  const loops = group('loops')
  const slower = report.cases.flatMap((measured) =>
    Object.entries(measured.rounds)
      .filter(([side, times]) => side !== 'tstorch' && median(times) < median(measured.rounds.tstorch as number[]))
      .map(([side]) => `- ${measured.title}: ${side}`),
  )
  const failed = report.cases.flatMap(({ title, failed }) =>
    Object.entries(failed).map(([side, why]) => `- ${side}, ${title}: ${why}`),
  )
  const { cpu, cores, memory_gb } = report.machine
  const charts: string[] = []
  for (const [name, chart] of growthCharts(report)) {
    writeFileSync(join(DOCS, 'benchmarks', `${name}.svg`), await line_chart_svg(chart))
    charts.push(`![${chart.title}, by ${chart.xlabel}](benchmarks/${name}.svg)`)
  }
  const tokens = Object.entries(D2L).flatMap(([name, gpu]) => {
    const found = loops.find((measured) => measured.name === name)
    if (found === undefined) return []
    const ours = TOKENS / (median(found.rounds.tstorch as number[]) / 1e6)
    return [`| ${found.title} | ${gpu.toLocaleString('en')} | ${Math.round(ours).toLocaleString('en')} |`]
  })
  const lines = [
    '# Benchmarks',
    '',
    `Measured on ${report.date}: ${cpu}, ${cores} cores, ${memory_gb} GB. Written by \`npm run bench -- page\` from the`,
    'results of `npm run bench -- all` ([every round](benchmarks/results.json)); do not edit it.',
    '',
    `Sides: ${Object.entries(report.sides)
      .map(([name, { version, threads }]) => `${name} (${version}, ${threads} threads)`)
      .join(', ')}. All of them are processes that have warmed up and take`,
    'turns in one run, because machines change their pace. A figure is the median of the rounds; in parentheses, how many',
    'times tstorch’s time it is. Bold: faster than tstorch. A training step is forward, loss, zero_grad, backward, clipping',
    '(character models) and the optimizer; input and target stay the same.',
    '',
    '## Training steps',
    '',
    ...table(report, loops, timeCell),
    '',
    'Peak resident memory of each process:',
    '',
    ...table(report, loops, memoryCell),
    '',
    '## Inference, operators, import',
    '',
    ...table(report, [...group('inference'), ...group('ops'), ...group('import')], timeCell),
    '',
    '## Growth',
    '',
    ...charts.flatMap((chart) => [chart, '']),
    ...table(report, group('growth'), timeCell),
    '',
    '## Beside the document’s GPU',
    '',
    'Tokens per second of the training step (the document’s authors publish theirs, on a GPU):',
    '',
    '| step | GPU, as published | tstorch, this CPU |',
    '|---|---:|---:|',
    ...tokens,
    '',
    '## On a GPU',
    '',
    ...gpuSection(gpu),
    '',
    '## Where another one is faster',
    '',
    ...(slower.length === 0 ? ['Nowhere in this run.'] : slower),
    '',
    '## What did not run',
    '',
    ...failed,
    '- tfjs-node: its installation downloads a binary that could not be had where this was measured.',
    '- js-pytorch: its installation did not build (it compiles an OpenGL binding).',
    '',
  ]
  writeFileSync(join(DOCS, 'benchmarks.md'), lines.join('\n'))
  writeFileSync(RESULTS, `${JSON.stringify(report, null, 1)}\n`)
  if (gpu !== null) writeFileSync(GPU_RESULTS, `${JSON.stringify(gpu, null, 1)}\n`)
  console.log(join('docs', 'benchmarks.md'))
}
