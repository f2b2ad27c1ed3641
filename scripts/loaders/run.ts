// npm run loaders -- memory: what loaders with workers hold on to; npm run loaders -- throughput --python FILE: samples per
// second with two workers, beside Python's two.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import { median } from '../bench/report.js'
import { type Identity, RunningSide } from '../bench/side.js'
import type { Point } from './memory.js'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const run = promisify(execFile)

const PROGRAMS: Record<string, number> = {
  samples: 2_000_000,
  samples_async: 2_000_000,
  abandoned: 1000,
  abandoned_turning: 1000,
  dropped: 1000,
}

async function memory(names: string[], { scale }: { scale: number }): Promise<void> {
  for (const name of names.length > 0 ? names : Object.keys(PROGRAMS)) {
    const count = Math.round((PROGRAMS[name] as number) * scale)
    const started = performance.now()
    const { stdout } = await run(process.execPath, [here('./memory.js'), name, String(count)])
    const points = stdout
      .trim()
      .split('\n')
      .map((line): Point => JSON.parse(line))
    const seconds = Math.round((performance.now() - started) / 1000)
    console.log(`\n${name}: ${count} in ${seconds} s; after each tenth`)
    const row = (title: string, value: (point: Point) => number) =>
      console.log(`  ${title.padEnd(22)}${points.map((point) => String(value(point)).padStart(6)).join('')}`)
    row('resident memory, MB', (point) => point.rss_mb)
    row('threads', (point) => point.threads)
    row('shared tensors', (point) => point.shared)
    row('handles', (point) => point.handles)
  }
}

/** How many samples a pass has. */
const CASES: Record<string, number> = { images: 4096, tokens: 32768 }

async function throughput({ python, rounds, scale }: { python: string; rounds: number; scale: number }): Promise<void> {
  for (const [name, whole] of Object.entries(CASES)) {
    const samples = Math.round(whole * scale)
    const sides = {
      tstorch: new RunningSide([process.execPath, here('./side.js'), name, String(samples)]),
      PyTorch: new RunningSide([python, join(packageRoot, 'scripts/loaders/side.py'), name, String(samples)]),
    }
    const rates: Record<string, number[]> = { tstorch: [], PyTorch: [] }
    const sums = new Set<number>()
    for (const side of Object.values(sides)) sums.add(((await side.ready()) as Identity & { sum: number }).sum)
    if (sums.size !== 1) throw new Error(`${name}: the sides load different samples: ${[...sums].join(' and ')}`)
    for (let round = 0; round < rounds; round++) {
      for (const [side, process] of Object.entries(sides)) rates[side]?.push(1e6 / (await process.run(1)).us)
    }
    for (const side of Object.values(sides)) side.end()
    const [ours, theirs] = [rates.tstorch, rates.PyTorch].map((each) => median(each as number[])) as [number, number]
    const shown = (rate: number) => `${Math.round(rate).toLocaleString('en')} samples/s`
    const spread = (side: string) => {
      const all = rates[side] as number[]
      return `(${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))})`
    }
    console.log(`${name}: tstorch ${shown(ours)} ${spread('tstorch')}, PyTorch ${shown(theirs)} ${spread('PyTorch')}`)
    console.log(`  ${(ours / theirs).toFixed(2)} times PyTorch's, ${rounds} rounds of ${samples} samples each`)
  }
}

const program = new Command('npm run loaders --').description('loaders with worker threads: memory and speed')
program
  .command('memory')
  .argument('[programs...]', `${Object.keys(PROGRAMS).join(', ')}; all of them by default`)
  .option('--scale <part>', 'do this part of it only', Number, 1)
  .action(memory)
program
  .command('throughput')
  .requiredOption('--python <file>', 'a Python that has torch')
  .option('--rounds <count>', 'of each side', Number, 7)
  .option('--scale <part>', 'passes over this part of the samples', Number, 1)
  .action(throughput)
await program.parseAsync()
