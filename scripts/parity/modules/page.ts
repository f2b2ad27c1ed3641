// docs/modules.md: the results of PyTorch's tests of modules and optimizers.

import torch from '../../../lib/index.js'
import type { Outcome } from '../outcome.js'

const cell = (text: string) => text.replaceAll('\n', ' ').replaceAll('|', '\\|').slice(0, 300)
const count = (number: number) => number.toLocaleString('en-US')
const sum = (outcomes: readonly Outcome[], of: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)

const isModule = ({ name, ours = false }: Outcome) => name.startsWith('nn.') && !ours
const isOurs = ({ ours = false }: Outcome) => ours
const isOptimizer = ({ name }: Outcome) => name.startsWith('optim.')
const fails = ({ failed, cases }: Outcome) => failed > 0 || cases === 0
const share = (outcomes: readonly Outcome[]) => {
  const passing = outcomes.filter((outcome) => !fails(outcome)).length
  const percent = outcomes.length === 0 ? 0 : (passing / outcomes.length) * 100
  return `${passing} of ${outcomes.length} entries pass in full (${percent.toFixed(1)}%)`
}

/** What a terminal shows: what failed, with one reason of each kind, and the counts. */
export function modulesSummary(outcomes: readonly Outcome[]): string {
  const groups = [isModule, isOurs, isOptimizer].map((of) => outcomes.filter(of))
  return [
    ...outcomes
      .filter(fails)
      .flatMap((o) => [
        `FAILED ${o.name}: ${o.failed} of ${o.cases + o.errors} samples`,
        ...o.failures.slice(0, 6).map((text) => `    ${text.replaceAll('\n', ' ').slice(0, 400)}`),
        ...o.skipped.map((text) => `    not run: ${text}`),
      ]),
    ...groups.flatMap((group, i) =>
      group.length === 0 ? [] : [`${['modules', 'modules of our own entries', 'optimizers'][i]}: ${share(group)}`],
    ),
  ].join('\n')
}

function section(title: string, about: readonly string[], outcomes: readonly Outcome[]): string[] {
  const failing = outcomes.filter(fails)
  const skipped = outcomes.filter((outcome) => outcome.skipped.length > 0)
  const [samples, errors] = [sum(outcomes, ({ cases }) => cases), sum(outcomes, ({ errors }) => errors)].map(count)
  return [
    `## ${title}`,
    '',
    ...about,
    '',
    `**${share(outcomes)}**, with ${samples} samples and ${errors} error samples.`,
    '',
    ...(failing.length === 0 ? [] : ['| entry | samples that fail | why |', '|---|---:|---|']),
    ...failing.map(
      (o) => `| ${o.name} | ${o.failed} of ${o.cases + o.errors} | ${cell(o.failures[0] ?? o.skipped.join('; '))} |`,
    ),
    ...(failing.length === 0 ? [] : ['']),
    ...(skipped.length === 0 ? [] : ['Samples that the cases cannot hold:', '']),
    ...skipped.map((o) => `- ${o.name}: ${cell(o.skipped.join('; '))}`),
    ...(skipped.length === 0 ? [] : ['']),
  ]
}

/** The page, from what came of every entry. */
export function modulesPage(outcomes: readonly Outcome[]): string {
  return [
    '# Modules and optimizers',
    '',
    'Written by `npm run parity -- --modules --page`; do not edit it.',
    '',
    `Here: libtorch ${torch.__version__}, on the CPU. A number may differ by ten times what is seen between the kernels of`,
    'several instruction sets and double precision, and at least by what `torch.testing.assert_close` allows.',
    '',
    ...section(
      'Modules',
      [
        'PyTorch tests its modules with samples of their constructors and calls (`module_db`). Python runs each in train and',
        'eval, for each dtype that it lists, and the same is done here. Compared are, after construction under a seed, the',
        'names, order, dtypes, shapes and every bit of the state_dict, its versions, and what is printed; then, with constants',
        'moved, the results, the gradients of every input and parameter, the buffers after the call, and messages of errors.',
      ],
      outcomes.filter(isModule),
    ),
    ...section(
      'Modules that module_db lacks',
      [
        'Samples of our own (`scripts/parity/modules/own_modules.py`) of every other module of `torch.nn` that has a forward,',
        'and of two parametrizations, compared in the same way.',
      ],
      outcomes.filter(isOurs),
    ),
    ...section(
      'Optimizers',
      [
        'PyTorch lists what it tests its optimizers with (`optim_db`). Each list of settings takes 20 steps with every',
        'implementation that Python has (loop, foreach, fused, differentiable), over parameters of several shapes in float32,',
        'float64, both, and complex64, in two groups, and with sparse gradients where they are supported; once straight, once',
        'through a state_dict into another optimizer in the middle. Compared are parameters, every value of the state, what is',
        'printed, the losses where there is a closure, gradients through the steps where they are recorded, and what is refused.',
      ],
      outcomes.filter(isOptimizer),
    ),
  ].join('\n')
}
