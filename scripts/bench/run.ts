// Compares the document's training steps in tstorch and in Python's PyTorch: npm run bench -- [--rounds 7] [--python FILE]
// The sides take turns, since machines change their pace; what counts is the median of a side's rounds, and the ratio.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../../lib/package_root.js'

interface Round {
  threads: number
  version: string
  loops: Record<string, number>
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, python: { type: 'string', default: 'python3' } },
})
const rounds = Number(values.rounds)

function measure(program: string, script: string): Round {
  return JSON.parse(execFileSync(program, [script], { encoding: 'utf8' })) as Round
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

try {
  execFileSync(values.python, ['-c', 'import torch'], { stdio: 'ignore' })
} catch {
  console.error(`${values.python} has no torch: name a Python that has it with --python FILE`)
  process.exit(1)
}

const ours: Round[] = []
const python: Round[] = []
for (let round = 1; round <= rounds; round++) {
  process.stderr.write(`round ${round} of ${rounds}\n`)
  ours.push(measure(process.execPath, join(packageRoot, 'dist/scripts/bench/loops.js')))
  python.push(measure(values.python, join(packageRoot, 'scripts/bench/loops.py')))
}
const [first, second] = [ours[0] as Round, python[0] as Round]
console.log(
  `tstorch on Node ${first.version}, ${first.threads} threads; PyTorch ${second.version}, ${second.threads} threads; medians of ${rounds} rounds`,
)
console.log(`${'step'.padEnd(20)}${'tstorch'.padStart(14)}${'PyTorch'.padStart(14)}${'ratio'.padStart(8)}`)
for (const name of Object.keys(first.loops)) {
  const a = median(ours.map(({ loops }) => loops[name] as number))
  // The same addition, whatever frees its result.
  const b = median(python.map(({ loops }) => (loops[name] ?? loops.add) as number))
  console.log(
    `${name.padEnd(20)}${`${a.toFixed(2)} us`.padStart(14)}${`${b.toFixed(2)} us`.padStart(14)}${(a / b).toFixed(2).padStart(8)}`,
  )
}
