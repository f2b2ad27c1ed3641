// The settings of a run, and its command line.

import { totalmem } from 'node:os'
import { Command, Option } from 'commander'
import { DEVICES, positiveNumber, UsageError, wholeNumber } from '../command.js'

export const MODELS = ['scratch', 'rnn', 'lstm', 'gru'] as const

/** The settings that decide a run's numbers; a resumed run keeps them. */
export interface Settings {
  model: (typeof MODELS)[number]
  num_hiddens: number
  num_steps: number
  batch_size: number
  lr: number
  seed: number
  random_iter: boolean
}

export interface CommandLine {
  settings: Settings
  epochs: number
  device: (typeof DEVICES)[number]
  /** Whether the training step is recorded as a CUDA graph. */
  graph: boolean
  text: string | undefined
  out: string
  checkpoint: string | undefined
  resume: string | undefined
}

/** How many matrices of hidden × hidden a model has: one for each gate. */
const GATES = { scratch: 1, rnn: 1, lstm: 4, gru: 3 } as const

/**
 * Refuses a model for which this machine has not the memory, rather than be ended by the system on the way.
 * @throws {UsageError} with what it needs at least: weights and gradients, and the states of one batch.
 */
export function checkMemory({ model, num_hiddens, num_steps, batch_size }: Settings): void {
  const needed = 4 * (2 * GATES[model] * num_hiddens ** 2 + GATES[model] * num_steps * batch_size * num_hiddens)
  // In a container its limit; 0 or a huge number where there is none.
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  const memory = Math.min(totalmem(), limit)
  if (needed <= memory) return
  const gb = (bytes: number) => (bytes / 1e9).toPrecision(3)
  throw new UsageError(
    `--num-hiddens ${num_hiddens} needs at least ${gb(needed)} GB of memory, and there are ${gb(memory)} GB`,
  )
}

/** Parses the command line; `--help` and mistakes end the process. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const count = (option: string) => (text: string) => wholeNumber(option, text, 1)
  const options = new Command('npm start --')
    .description('Trains a recurrent network to continue a text, character by character.')
    .addOption(
      new Option('--model <name>', 'from scratch, or a layer of torch.nn').choices([...MODELS]).default('scratch'),
    )
    .option('--num-hiddens <n>', 'size of the hidden state', count('--num-hiddens'), 512)
    .option('--num-steps <n>', 'characters in a sequence', count('--num-steps'), 10)
    .option('--batch-size <n>', 'sequences in a batch', count('--batch-size'), 32)
    .option('--epochs <n>', 'passes over the data', count('--epochs'), 500)
    .option('--lr <x>', 'learning rate', (text) => positiveNumber('--lr', text), 1)
    .addOption(new Option('--device <name>', 'where to compute').choices([...DEVICES]).default('auto'))
    .option('--graph', 'record the training step as a CUDA graph (with a GPU)', false)
    .option('--seed <n>', 'seed of all random numbers', (text) => wholeNumber('--seed', text, 0), 0)
    .option('--random-iter', 'sequences in random order, each from a zero state', false)
    .option('--text <file>', 'the text to learn (default: The Time Machine, downloaded once)')
    .option('--out <file>', 'where the chart goes: FILE.svg and FILE.png', 'out/char_lm')
    .option('--checkpoint <file>', 'where the run is saved (default: beside the chart, .safetensors)')
    .option('--resume <file>', 'go on with a saved run, with its settings')
    .parse(argv, { from: 'user' })
    .opts()
  return {
    settings: {
      model: options.model,
      num_hiddens: options.numHiddens,
      num_steps: options.numSteps,
      batch_size: options.batchSize,
      lr: options.lr,
      seed: options.seed,
      random_iter: options.randomIter,
    },
    epochs: options.epochs,
    device: options.device,
    graph: options.graph,
    text: options.text,
    out: options.out,
    checkpoint: options.checkpoint,
    resume: options.resume,
  }
}
