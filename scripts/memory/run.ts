// npm run memory -- [loops] [options]: the resident memory of plain loops, each in a process of its own, after a tenth of
// its rounds, half of them and all, beside that of the same loop in Python.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import { type Curve, grows, loops } from './loops.js'

const run = promisify(execFile)
const LOOPS = fileURLToPath(new URL('./loops.js', import.meta.url))
const LOOPS_PY = join(packageRoot, 'scripts', 'memory', 'loops.py')

interface Options {
  rounds: number
  seconds: number
  python?: string
}

async function measure(program: string, file: string, name: string, { rounds, seconds }: Options): Promise<Curve> {
  // Beyond its own limit a loop may be inside one call that does not end.
  const { stdout } = await run(program, [file, name, String(rounds), String(seconds)], {
    timeout: (seconds + 60) * 1000,
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  })
  return JSON.parse(stdout.trim().split('\n').at(-1) as string)
}

function shown(curve: Curve): string {
  const figures = curve.rss.map((megabytes) => String(megabytes).padStart(6)).join('')
  const end = curve.error === undefined ? '' : ` stopped at ${curve.rounds}: ${curve.error}`
  return `${figures.padEnd(18)}  ${curve.rss.length < 3 ? '' : grows(curve) ? 'grows' : 'flat '}${end}`
}

async function main(names: string[], options: Options): Promise<void> {
  const unknown = names.filter((name) => !(name in loops))
  if (unknown.length > 0) {
    throw new Error(`no loop is called ${unknown.join(', ')}: there are ${Object.keys(loops).join(', ')}`)
  }
  const { python } = options
  const written = python === undefined ? [] : JSON.parse((await run(python, [LOOPS_PY, '--list'])).stdout)
  console.log(`MB of resident memory at a tenth of ${options.rounds} rounds, at half of them and at the end\n`)
  for (const name of names.length > 0 ? names : Object.keys(loops)) {
    const ours = await measure(process.execPath, LOOPS, name, options)
    const theirs =
      python === undefined || !written.includes(name)
        ? ''
        : `   Python ${shown(await measure(python, LOOPS_PY, name, options))}`
    console.log(`${name.padEnd(24)}${shown(ours)}${theirs}`)
  }
}

await new Command('npm run memory --')
  .argument('[loops...]', 'which; all of them by default')
  .option('--rounds <count>', 'of each loop', Number, 100_000)
  .option('--seconds <limit>', 'for each loop', Number, 120)
  .option('--python <file>', 'a Python with torch, to run the same loops')
  .action(main)
  .parseAsync()
