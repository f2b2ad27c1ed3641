// Loads changed files in a process that may die:
//   node child.js KIND SEED FIRST LAST    those of a seed; a line of JSON before each, and at last how many were loaded
//   node child.js KIND - FILE             one file

import { mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import torch from '../../../lib/index.js'
import { KINDS, type Kind } from './kinds.js'
import { caseAt, fileOf } from './mutate.js'

/** A file may cost so many times its size, and this beside it. */
const [TIMES, BESIDE] = [50, 256 << 20]

process.removeAllListeners('warning')
const [name, seed = '1', first = '0', last = '0'] = process.argv.slice(2)
const kind = KINDS.find((kind) => kind.name === name) as Kind
const folder = mkdtempSync(join(tmpdir(), 'tstorch-files-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const say = (message: object) => writeSync(1, `${JSON.stringify(message)}\n`)

/** Loads by both ways; whether one of them did. */
function load(bytes: Buffer): boolean {
  const file = join(folder, `a.${kind.ending}`)
  writeFileSync(file, bytes)
  let loaded = false
  for (const source of [file, bytes]) {
    try {
      torch.scope(() => {
        kind.load(source)
      })
      loaded = true
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  }
  return loaded
}

const peak = () => process.resourceUsage().maxRSS * 1024

if (seed === '-') {
  load(readFileSync(first))
} else {
  const files = kind.files()
  files.forEach(load)
  let loaded = 0
  for (let number = Number(first); number < Number(last); number++) {
    say({ started: number })
    const before = peak()
    const bytes = fileOf(caseAt(Number(seed), number, files, kind.format), files, kind.format)
    if (load(bytes)) loaded++
    if (peak() - before > TIMES * bytes.length + BESIDE) say({ grew: number, bytes: peak() - before })
  }
  say({ loaded })
}
