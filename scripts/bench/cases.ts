// What is measured: one entry for each step. Every side (sides/) reads an entry as JSON and runs its step.

export interface Case {
  name: string
  title: string
  task:
    | 'sine'
    | 'character'
    | 'scratch'
    | 'inference'
    | 'add'
    | 'add_in_scope'
    | 'optimizer'
    | 'program'
    | 'calls'
    | 'file'
  cell: 'rnn' | 'lstm' | 'gru'
  hidden: number
  /** Time steps of a sequence. */
  length: number
  batch: number
  layers: number
  bidirectional: boolean
  device: 'cpu' | 'cuda'
  /** Of the task optimizer: its class, the number of parameters, and their shape. */
  optimizer?: string
  parameters?: number
  shape?: number[]
  /** Of the task program: its name in examples/programs. */
  program?: string
  /** Of the task file: which is loaded, how, and whether all its elements are read. */
  ending?: 'safetensors' | 'pt'
  mapped?: boolean
  reads?: boolean
  /** Where it is. */
  file?: string
  /** How many steps a side does before it is measured, and in each round. */
  warmup: number
  steps: number
}

const BASE = {
  cell: 'rnn',
  hidden: 512,
  length: 35,
  batch: 32,
  layers: 1,
  bidirectional: false,
  device: 'cpu',
} as const

const character = (name: string, title: string, rest: Partial<Case>): Case => ({
  ...BASE,
  name,
  title,
  task: 'character',
  warmup: 20,
  steps: 40,
  ...rest,
})

const LOOPS: Case[] = [
  {
    ...BASE,
    name: 'sine',
    title: 'sine network: RNN(1, 10), 19 steps, batch 1, Adam',
    task: 'sine',
    warmup: 1500,
    steps: 1500,
  },
  {
    ...BASE,
    name: 'scratch',
    title: 'character model from scratch: 512 hidden, 32 × 35',
    task: 'scratch',
    warmup: 30,
    steps: 40,
  },
  character('rnn 512x10', 'character model, nn.RNN: 512 hidden, 32 × 10', { length: 10, steps: 100, warmup: 60 }),
  character('rnn 512x35', 'character model, nn.RNN: 512 hidden, 32 × 35', {}),
  character('rnn 256x35', 'character model, nn.RNN: 256 hidden, 32 × 35', { hidden: 256, steps: 80, warmup: 40 }),
  character('lstm 512x35', 'character model, nn.LSTM: 512 hidden, 32 × 35', { cell: 'lstm', steps: 20 }),
  character('gru 512x35', 'character model, nn.GRU: 512 hidden, 32 × 35', { cell: 'gru', steps: 20 }),
  character('bilstm 256x35', '2-layer bidirectional nn.LSTM: 256 hidden, 32 × 35', {
    cell: 'lstm',
    hidden: 256,
    layers: 2,
    bidirectional: true,
    steps: 20,
  }),
]

const inference = (batch: number, steps: number): Case => ({
  ...BASE,
  name: `lstm step, batch ${batch}`,
  title: `inference: one time step of nn.LSTM(28, 512), batch ${batch}`,
  task: 'inference',
  cell: 'lstm',
  length: 1,
  batch,
  warmup: steps,
  steps,
})

const OPS: Case[] = (['add', 'add_in_scope'] as const).map((task) => ({
  ...BASE,
  name: task,
  title: task === 'add' ? 'one addition of two 4 × 4 tensors' : 'the same inside torch.scope',
  task,
  warmup: 100_000,
  steps: 100_000,
}))

const OPTIMIZERS = 'Adadelta Adafactor Adagrad Adam AdamW Adamax ASGD Muon NAdam RAdam RMSprop Rprop SGD SparseAdam'

/** The step alone, over many small parameters. */
const OPTIM: Case[] = OPTIMIZERS.split(' ').flatMap((optimizer) =>
  [50, 500].map((parameters) => ({
    ...BASE,
    name: `${optimizer} ${parameters}`,
    title: `step of optim.${optimizer} over ${parameters} parameters, 8 × 8`,
    task: 'optimizer' as const,
    ...{ optimizer, parameters, shape: [8, 8] },
    warmup: 6000 / parameters,
    steps: 6000 / parameters,
  })),
)

const PROGRAMS: [name: string, title: string, steps: number][] = [
  ['digits', 'convolutional network with batch normalisation', 40],
  ['dcgan', 'DCGAN: discriminator and generator', 60],
  ['vae', 'variational autoencoder', 300],
  ['seq2seq', 'sequence to sequence with attention', 60],
  ['transformer_lm', 'language model, 2 layers of nn.TransformerEncoder', 60],
  ['gpt', 'GPT, 2 blocks of width 32', 60],
  ['lstmcell_lbfgs', 'LSTM cells in double precision, LBFGS', 10],
  ['word_lm', 'word language model with tied weights', 100],
]

const NN: Case[] = [
  ...PROGRAMS.map(([program, title, steps]) => ({
    ...BASE,
    name: program,
    title: `training step: ${title}`,
    task: 'program' as const,
    program,
    warmup: 2 * steps,
    steps,
  })),
  {
    ...BASE,
    name: 'calls',
    title: 'nn.Sequential of 20 nn.Linear(8, 8), batch 1, no_grad',
    task: 'calls',
    warmup: 3000,
    steps: 3000,
  },
]

/** Few steps where one takes long. */
const grown = (name: string, title: string, rest: Partial<Case>): Case => {
  const { hidden, length, batch } = { ...BASE, ...rest }
  const steps = Math.max(1, Math.min(60, Math.round(3e10 / (hidden * (hidden + 200) * length * batch * 6))))
  return character(name, title, { ...rest, steps, warmup: Math.min(10, steps + 1) })
}

const GROWTH: Case[] = [
  ...[16, 32, 64, 128, 256, 512, 1024, 2048].map((hidden) =>
    grown(`hidden ${hidden}`, `nn.RNN training step: hidden ${hidden}, 32 × 35`, { hidden }),
  ),
  ...[8, 32, 128, 512, 1024].map((length) =>
    grown(`length ${length}`, `nn.RNN training step: 256 hidden, 32 × ${length}`, { hidden: 256, length }),
  ),
  ...[1, 4, 16, 64, 256].map((batch) =>
    grown(`batch ${batch}`, `nn.RNN training step: 256 hidden, ${batch} × 35`, { hidden: 256, batch }),
  ),
]

/** On a GPU a step of these sizes is short: its kernels' launches are most of it. */
const ON_GPU: Case[] = [...LOOPS, inference(1, 2000), inference(256, 2000)].map((spec) => ({
  ...spec,
  device: 'cuda',
  warmup: 200,
  steps: spec.task === 'scratch' ? 100 : 300,
}))

export const GPU_GROUPS: Record<string, Case[]> = { loops: ON_GPU }

const FILES: Case[] = (
  [
    ['safetensors', true, false],
    ['safetensors', true, true],
    ['safetensors', false, false],
    ['pt', false, false],
    ['pt', true, false],
    ['pt', true, true],
  ] as const
).map(([ending, mapped, reads]) => ({
  ...BASE,
  name: `${ending}${mapped ? ' mapped' : ''}${reads ? ' read' : ''}`,
  title: `loading a .${ending} file of 500 MB${mapped ? ', mapped' : ''}${reads ? ', and adding up all of it' : ''}`,
  task: 'file',
  ...{ ending, mapped, reads },
  warmup: 2,
  steps: mapped && !reads ? 50 : 3,
}))

export const GROUPS: Record<string, Case[]> = {
  loops: LOOPS,
  inference: [inference(1, 2000), inference(256, 100)],
  ops: OPS,
  optim: OPTIM,
  nn: NN,
  growth: GROWTH,
  files: FILES,
}
