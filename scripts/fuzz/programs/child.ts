// Runs random programs in a process that may die:
//   node child.js SEED FIRST LAST     those of a seed; a line of JSON before each
//   node child.js - FILE              the programs of a file of JSON, a line each, with a trace

import { mkdtempSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import torch from '../../../lib/index.js'
import { arbitrary, interpret } from './interpret.js'
import { GROWN, type Program, programAt } from './program.js'

/** A process that has grown beyond this leaves the rest to another. */
const MEMORY = 3e9

/** Garbage is collected after every so many programs: it takes as long as they do. */
const COLLECTION = 4

setFlagsFromString('--expose-gc')
globalThis.gc = runInNewContext('gc')

// What a program throws later, in a turn of its own, is an error as any other.
process.on('uncaughtException', () => {})
process.on('unhandledRejection', () => {})
process.removeAllListeners('warning')

const [seed = '1', first = '0', last = '0'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'tstorch-programs-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
// torch.from_file and the like make files of whatever name they are given.
process.chdir(folder)

async function run(program: Program, collect: boolean, trace: ((line: string) => void) | null): Promise<void> {
  torch.manual_seed(1)
  await interpret(program, folder, { trace })
  await new Promise(setImmediate)
  // What is freed later would die in another program.
  if (collect) globalThis.gc?.()
}

if (seed === '-') {
  for (const line of readFileSync(first, 'utf8').trim().split('\n')) {
    await run(JSON.parse(line), true, (text) => writeSync(2, `${text}\n`))
  }
} else {
  for (let place = Number(first); place < Number(last); place++) {
    writeSync(1, `{"started":${place}}\n`)
    await run(programAt(arbitrary, Number(seed), place), place % COLLECTION === 0, null)
    if (process.memoryUsage.rss() > MEMORY) process.exit(GROWN)
  }
}
