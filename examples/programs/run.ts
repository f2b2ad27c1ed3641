// The losses of a program's steps, from Python's seed: node dist/examples/programs/run.js [names] (run.py does the same
// in Python).

import torch, { type Tensor } from 'tstorch'
import { isMain } from '../command.js'

export const NAMES = [
  ...['digits', 'dcgan', 'vae', 'seq2seq', 'transformer_lm', 'gpt', 'lstmcell_lbfgs', 'word_lm'],
] as const
export const STEPS = 30

/** A program makes its model and its data, and gives the function that trains one step and gives the loss. */
export async function start(name: string): Promise<() => Tensor> {
  const program = (await import(`./${name}.js`)) as { make(): () => Tensor }
  torch.manual_seed(1)
  return program.make()
}

export async function losses(name: string, steps = STEPS): Promise<number[]> {
  const step = await start(name)
  return Array.from({ length: steps }, () => step().item())
}

if (isMain(import.meta.url)) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : NAMES
  for (const name of names) console.log(JSON.stringify({ [name]: await losses(name) }))
}
