// docs/operators.md: what can be called, and the results of PyTorch's operator tests.

import { native } from '../../lib/core/native.js'
import torch from '../../lib/index.js'
import { type Coverage, coverage } from './coverage.js'
import type { Outcome } from './outcome.js'

/** Names that Python exposes and tstorch does not have, and why. */
const WHY_MISSING: Record<string, string> = {
  'torch.save': 'not built yet (`torch.safetensors` is there)',
  'torch.wait': "waits for TorchScript's futures, which JavaScript does not see",
  'nn.functional.has_torch_function': "Python's hook for classes that stand in for tensors",
  'Tensor.qscheme': 'gives an object of quantization, which has no JavaScript form',
}

/** See INSIDES in scripts/reference/exposed_names.py. */
const INSIDES = [
  'mkldnn_rnn_layer',
  'quantized_gru_cell',
  'quantized_lstm_cell',
  'quantized_rnn_relu_cell',
  'quantized_rnn_tanh_cell',
]

/** Entries without usable samples, and why. */
const WHY_WITHOUT_CASES: Record<string, string> = {
  jiterator_: 'compiles kernels for a GPU from Python strings',
  nn_functional_batch_norm_without_cudnn: 'has samples for CUDA alone',
  torch__scaled_mm: 'has samples for CUDA alone',
  torch_ops_aten__efficient_attention_forward: 'has samples for CUDA alone',
  torch_ops_aten__flash_attention_forward: 'has samples for CUDA alone',
}

const reasonOf = (reasons: Record<string, string>, name: string) =>
  Object.entries(reasons).find(([prefix]) => name.startsWith(prefix))?.[1]

const cell = (text: string) => text.replaceAll('\n', ' ').replaceAll('|', '\\|').slice(0, 300)
const quoted = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')
const count = (number: number) => number.toLocaleString('en-US')
const sum = (outcomes: readonly Outcome[], of: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)

function operators({
  exposed,
  missing,
  publicNames,
  publicAten,
  names,
  overloads,
  unreachable,
  refused,
}: Coverage): string[] {
  const table = Object.entries(exposed).map(([space, total]) => {
    const absent = missing.filter((name) => name.startsWith(`${space}.`))
    return `| ${space === 'torch' || space === 'Tensor' ? space : `torch.${space}`} | ${total} | ${total - absent.length} |`
  })
  const blocked = Object.entries(unreachable)
  return [
    '## What can be called',
    '',
    `libtorch ${native.libtorch_version} has ${count(names)} operators in ${count(overloads)} overloads, ${count(publicAten)} of them with public names.`,
    `Python exposes ${count(publicNames)} of these names, with types here; all others are called as \`torch.ops.aten.NAME\`.`,
    '',
    '| namespace | operators that Python exposes | callable and typed here |',
    '|---|---:|---:|',
    ...table,
    '',
    'Not here:',
    '',
    ...INSIDES.map(
      (name) =>
        `- \`torch.${name}\`: the inside of a layer, which trusts its arguments; it is under \`torch.ops.aten\``,
    ),
    ...missing.map((name) => `- \`${name}\`: ${WHY_MISSING[name] ?? 'no reason is known'}`),
    ...blocked.map(([type, list]) => `- ${quoted(list)}: an argument of type ${type}, which has no JavaScript form`),
    `- ${quoted(refused.sort())}: they take any arguments for memory, sizes or indices that are there, and are for libtorch alone`,
    '',
  ]
}

/** Which entries had samples, and which of these failed. */
function judged(outcomes: readonly Outcome[]) {
  const unchecked = outcomes.filter(
    ({ name, cases, failed }) => cases + failed === 0 && reasonOf(WHY_WITHOUT_CASES, name) !== undefined,
  )
  const checked = outcomes.filter((outcome) => !unchecked.includes(outcome))
  const failing = checked.filter(({ cases, failed }) => failed > 0 || cases === 0)
  return { unchecked, checked, failing }
}

/** What a terminal shows: the counts, and what failed. */
export function summary(outcomes: readonly Outcome[]): string {
  const { unchecked, checked, failing } = judged(outcomes)
  const { exposed, missing, names, overloads } = coverage()
  const spaces = Object.entries(exposed).map(([space, total]) => {
    const absent = missing.filter((name) => name.startsWith(`${space}.`)).length
    return `${space} ${total - absent} of ${total}`
  })
  return [
    `operators that Python exposes, callable and typed: ${spaces.join(', ')}`,
    `all under torch.ops.aten: ${count(names)} names, ${count(overloads)} overloads`,
    ...failing.map((o) => `FAILED ${o.name}: ${(o.failures[0] ?? o.skipped.join('; ')).slice(0, 200)}`),
    `${checked.length - failing.length} of ${checked.length} entries of op_db pass in full; ${unchecked.length} have no sample for the CPU`,
  ].join('\n')
}

/** The page, from what came of every entry. */
export function page(outcomes: readonly Outcome[]): string {
  const { unchecked, checked, failing } = judged(outcomes)
  const share = ((checked.length - failing.length) / checked.length) * 100
  const skipped = outcomes.filter((outcome) => outcome.skipped.length > 0 && outcome.cases > 0)
  return [
    '# Operators',
    '',
    'Written by `npm run parity -- --page`; do not edit it.',
    '',
    ...operators(coverage()),
    "## PyTorch's operator tests",
    '',
    `PyTorch tests its operators with samples of their arguments (\`op_db\`). \`npm run parity\` lets Python run them for`,
    'float32, float64, int64, bool and complex64, and calls the same through tstorch: results, dtypes, shapes, gradients,',
    'methods, in-place methods and messages of errors are compared. A result may differ by ten times what is seen between',
    'the kernels of several instruction sets and double precision, and at least by what `torch.testing.assert_close` allows.',
    `Factorizations are compared by what they must satisfy. Here: libtorch ${torch.__version__}, on the CPU.`,
    '',
    `**${checked.length - failing.length} of ${checked.length} entries pass in full (${share.toFixed(1)}%)**, with ` +
      `${count(sum(outcomes, ({ cases }) => cases))} samples and ${count(sum(outcomes, ({ errors }) => errors))} error samples.`,
    '',
    ...(failing.length === 0 ? [] : ['| entry | samples that fail | why |', '|---|---:|---|']),
    ...failing.map(
      (o) =>
        `| ${o.name} | ${o.cases === 0 ? 'all' : `${o.failed} of ${o.cases + o.errors}`} | ${cell(o.failures[0] ?? o.skipped.join('; '))} |`,
    ),
    ...(failing.length === 0 ? [] : ['']),
    `Entries without a sample that could be run (${unchecked.length}):`,
    '',
    ...unchecked.map((o) => `- ${o.name}: ${reasonOf(WHY_WITHOUT_CASES, o.name)}`),
    '',
    'Samples that the cases cannot hold:',
    '',
    ...skipped.map((o) => `- ${o.name}: ${cell(o.skipped.join('; '))}`),
    '',
  ].join('\n')
}
