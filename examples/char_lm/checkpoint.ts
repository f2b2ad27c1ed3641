// A training run in a file: parameters, random state and history as tensors, settings as text.

import { existsSync } from 'node:fs'
import torch, { nn, type Tensor } from 'tstorch'
import type { CharacterModel } from 'tstorch/d2l'
import { UsageError } from '../command.js'
import type { Settings } from './settings.js'

const FORMAT = 'tstorch char_lm 1'

export interface Run {
  settings: Settings
  /** The text's hash: a resumed run must read the same text. */
  fingerprint: string
  /** Epochs that are done. */
  epochs: number
  /** Epochs and perplexities of the chart. */
  history: { X: number[]; Y: number[] }
}

/** A model's parameters by name. */
export function namedParameters(net: CharacterModel): [string, Tensor][] {
  if (net instanceof nn.Module) return net.named_parameters()
  const names = ['W_xh', 'W_hh', 'b_xh', 'b_hh', 'W_hq', 'b_q']
  return net.params.map((param, i) => [names[i] as string, param])
}

/** Saves the run, whole or not at all. */
export function saveCheckpoint(file: string, net: CharacterModel, run: Run): void {
  const tensors: Record<string, Tensor> = { rng_state: torch.get_rng_state() }
  for (const [name, parameter] of namedParameters(net)) tensors[`model.${name}`] = parameter.detach()
  try {
    torch.safetensors.save_file(tensors, file, { metadata: { format: FORMAT, run: JSON.stringify(run) } })
  } catch (error) {
    const reason = (error as { code?: string }).code === 'ENOSPC' ? 'the disk is full' : (error as Error).message
    throw new UsageError(`the checkpoint ${file} could not be saved: ${reason}. What was there before is untouched`)
  }
}

export interface Checkpoint {
  run: Run
  tensors: Record<string, Tensor>
}

/** Reads a run. Throws a one-line error if the file is missing, damaged or not a checkpoint. */
export function readCheckpoint(file: string): Checkpoint {
  if (!existsSync(file)) throw new UsageError(`there is no checkpoint ${file}`)
  try {
    const saved = torch.safetensors.safe_open(file)
    try {
      const metadata = saved.metadata()
      if (metadata?.format !== FORMAT) throw new Error(`${file} is not a checkpoint of this program`)
      return { run: JSON.parse(metadata.run ?? '') as Run, tensors: saved.get_tensors() }
    } finally {
      saved.close()
    }
  } catch (error) {
    throw new UsageError(`the checkpoint cannot be used: ${(error as Error).message}`)
  }
}

/** Gives a model and the random generator the state of a checkpoint. */
export function restore(net: CharacterModel, { tensors }: Checkpoint): void {
  torch.no_grad(() => {
    for (const [name, parameter] of namedParameters(net)) {
      const saved = tensors[`model.${name}`]
      if (saved === undefined || !saved.shape.equals(parameter.shape)) {
        throw new UsageError(`the checkpoint cannot be used: its '${name}' is missing or of another shape`)
      }
      parameter.copy_(saved)
    }
  })
  const state = tensors.rng_state
  if (state === undefined) throw new UsageError('the checkpoint cannot be used: it has no random state')
  torch.set_rng_state(state)
}
