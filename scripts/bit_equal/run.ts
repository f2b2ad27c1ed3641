// npm run bit_equal -- --python FILE: the losses of training programs and what optimizers make of parameters, in Python
// and here, with and without our own ways to compute (torch.backends.tstorch.fused). Ends with 1 unless those without
// are Python's to the last bit.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { NAMES, losses as portedLosses } from '../../examples/programs/run.js'
import { packageRoot } from '../../lib/core/package_root.js'
import torch from '../../lib/index.js'
import { optimized, type Run } from './optimizers.js'
import { losses } from './programs.js'

const PROGRAMS = join(packageRoot, 'scripts', 'bit_equal', 'programs.py')
const OPTIMIZERS = join(packageRoot, 'scripts', 'bit_equal', 'optimizers.py')
const PORTED = join(packageRoot, 'examples', 'programs', 'run.py')
const PAGE = join(packageRoot, 'docs', 'bit_equal.md')

interface Reference {
  torch: string
  threads: number
  losses: Record<string, number[]>
}

/** How many numbers are equal, and the largest difference, as a part of Python's. */
function compared(actual: readonly number[], expected: readonly number[]): [equal: number, largest: number] {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers, not ${expected.length}`)
  const differences = expected.map((number, i) =>
    Object.is(number, actual[i]) ? 0 : Math.abs(number - (actual[i] as number)) / Math.abs(number),
  )
  return [expected.filter((number, i) => Object.is(number, actual[i])).length, Math.max(...differences)]
}

const { python, page } = new Command('npm run bit_equal --')
  .option('--python <file>', 'a Python with PyTorch of the same version as libtorch', 'python3')
  .option('--page', 'writes docs/bit_equal.md')
  .parse()
  .opts<{ python: string; page?: true }>()

function inPython<T>(program: string): T {
  const text = execFileSync(python, ['-W', 'ignore', program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  })
  return JSON.parse(text) as T
}

/** The losses of the ported programs. */
async function ported(fused: boolean): Promise<Record<string, number[]>> {
  torch.backends.tstorch.fused = fused
  const all: Record<string, number[]> = {}
  for (const name of NAMES) all[name] = await portedLosses(name)
  torch.backends.tstorch.fused = true
  return all
}

const allNumbers = (runs: readonly Run[]): number[] => runs.flatMap(({ numbers }) => numbers)

function allRuns(optimizers: Record<string, Run[]>): Record<string, number[]> {
  return Object.fromEntries(Object.entries(optimizers).map(([name, runs]) => [name, allNumbers(runs)]))
}

const reference = inPython<Reference>(PROGRAMS)
const threads = torch.get_num_threads()
if (reference.threads !== threads) {
  console.error(`Python has ${reference.threads} threads by default, tstorch ${threads}: sums may differ in order`)
}
let all = reference.threads === threads

/** A line of the table for each name: what is equal without our own ways, and with them. */
function table(
  expected: Record<string, number[]>,
  plain: Record<string, number[]>,
  fused: Record<string, number[]>,
): string {
  const rows = Object.entries(expected).map(([name, numbers]) => {
    const [equal, largest] = compared(plain[name] as number[], numbers)
    const [fusedEqual, fusedLargest] = compared(fused[name] as number[], numbers)
    all &&= equal === numbers.length
    const cells = [
      ...[name, `${equal} of ${numbers.length}`, largest.toExponential(1)],
      ...[`${fusedEqual} of ${numbers.length}`, fusedLargest.toExponential(1)],
    ]
    return `| ${cells.join(' | ')} |`
  })
  const head = ['equal, fused = false', 'largest difference', 'equal, fused = true', 'largest difference']
  return [`|  | ${head.join(' | ')} |`, '|---|---:|---:|---:|---:|', ...rows].join('\n')
}

const programs = table(reference.losses, losses(false), losses(true))
const portedPrograms = table(inPython(PORTED), await ported(false), await ported(true))
const optimizers = table(allRuns(inPython(OPTIMIZERS)), allRuns(optimized(false)), allRuns(optimized(true)))
const description = execFileSync(python, ['-c', 'import torch; print(torch.backends.cpu.get_cpu_capability())'], {
  encoding: 'utf8',
}).trim()
const source = readFileSync(PROGRAMS, 'utf8')
const titles = Object.keys(reference.losses).map((name) => {
  const [, title = ''] = new RegExp(`def ${name}\\(\\):\\n {4}"""(.*)"""`).exec(source) ?? []
  return `- ${name}: ${title}`
})
const text = `# Equal to the last bit

Twelve training programs of 20 steps each, in Python and here, from the same seed, on the same machine: how many of the
20 losses are equal in all bits, and the largest difference, as a part of the loss. Written by
\`npm run bit_equal -- --python FILE --page\` ([the programs](../scripts/bit_equal/programs.ts),
[in Python](../scripts/bit_equal/programs.py)); do not edit it.

Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus()[0]?.model.trim()} (${description}), ${threads} threads on either side; PyTorch ${reference.torch},
Node ${process.version}.

With \`torch.backends.tstorch.fused = false\` everything is computed by libtorch's own operators, those that Python
calls. Otherwise recurrent layers, small linear layers and the optimizers' steps are computed in ways of our own, whose
sums have another order: their losses differ by rounding, and training lets that grow from step to step.

${programs}

${titles.join('\n')}

## Ported programs

The programs of [examples/programs](../examples/programs), 30 losses each:

${portedPrograms}

## Optimizers

Twenty steps of every optimizer with several settings each, in float32, float64, bfloat16, float16 and complex64, and with
a tensor as learning rate ([the cases](../scripts/bit_equal/optimizers.json)): the numbers that the parameters are then.
With fused = true a step in bfloat16 and float16 rounds once, where Python's loop rounds after each operator: small
numbers differ most.

${optimizers}
`
console.log(text)
if (page) writeFileSync(PAGE, text)
if (!all) process.exit(1)
