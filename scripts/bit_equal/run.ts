// npm run bit_equal -- --python FILE: the losses of twelve training programs, in Python and here, with and without our
// own ways to compute (torch.backends.tstorch.fused). Ends with 1 unless those without are Python's to the last bit.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import torch from '../../lib/index.js'
import { losses } from './programs.js'

const PROGRAMS = join(packageRoot, 'scripts', 'bit_equal', 'programs.py')
const PAGE = join(packageRoot, 'docs', 'bit_equal.md')

interface Reference {
  torch: string
  threads: number
  losses: Record<string, number[]>
}

/** How many losses are equal, and the largest difference, as a part of Python's. */
function compared(actual: readonly number[], expected: readonly number[]): [equal: number, largest: number] {
  if (actual.length !== expected.length) throw new Error(`${actual.length} losses, not ${expected.length}`)
  const differences = expected.map((loss, i) => Math.abs(loss - (actual[i] as number)) / Math.abs(loss))
  return [expected.filter((loss, i) => Object.is(loss, actual[i])).length, Math.max(...differences)]
}

const { python, page } = new Command('npm run bit_equal --')
  .option('--python <file>', 'a Python with PyTorch of the same version as libtorch', 'python3')
  .option('--page', 'writes docs/bit_equal.md')
  .parse()
  .opts<{ python: string; page?: true }>()

const reference = JSON.parse(
  execFileSync(python, ['-W', 'ignore', PROGRAMS], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
) as Reference
const threads = torch.get_num_threads()
if (reference.threads !== threads) {
  console.error(`Python has ${reference.threads} threads by default, tstorch ${threads}: sums may differ in order`)
}
const [plain, fused] = [losses(false), losses(true)]
let all = reference.threads === threads
const rows = Object.entries(reference.losses).map(([name, expected]) => {
  const [equal, largest] = compared(plain[name] as number[], expected)
  const [fusedEqual, fusedLargest] = compared(fused[name] as number[], expected)
  all &&= equal === expected.length
  const cells = [
    ...[name, `${equal} of ${expected.length}`, largest.toExponential(1)],
    ...[`${fusedEqual} of ${expected.length}`, fusedLargest.toExponential(1)],
  ]
  return `| ${cells.join(' | ')} |`
})
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

| program | equal, fused = false | largest difference | equal, fused = true | largest difference |
|---|---:|---:|---:|---:|
${rows.join('\n')}

${titles.join('\n')}
`
console.log(text)
if (page) writeFileSync(PAGE, text)
if (!all) process.exit(1)
