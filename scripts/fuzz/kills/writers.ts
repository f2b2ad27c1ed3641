// What saves files, and how they are read again.

import torch, { type Tensor } from '../../../lib/index.js'

export interface Writer {
  save(state: Record<string, Tensor>, file: string): void
  load(file: string): Record<string, Tensor>
}

export const WRITERS: Record<string, Writer> = {
  safetensors: {
    save: (state, file) => torch.safetensors.save_file(state, file),
    load: (file) => torch.safetensors.load_file(file),
  },
  torch: {
    save: (state, file) => torch.save(state, file),
    load: (file) => torch.load(file),
  },
}

/** A state that tells by itself whether it is whole: of `round`, of one of several sizes. */
export function stateOf(round: number): Record<string, Tensor> {
  const size = 200_000 * (1 + (round % 7))
  return {
    round: torch.tensor([BigInt(round)]),
    first: torch.full([size], round % 1000),
    second: torch.full([size, 2], round % 1000),
  }
}

/** @throws where the state is not whole. */
export function checkState(state: Record<string, Tensor>): void {
  const round = Number(state.round?.item())
  const expected = stateOf(round)
  for (const [name, tensor] of Object.entries(expected)) {
    if (!torch.equal(state[name] as Tensor, tensor)) throw new Error(`'${name}' is not that of round ${round}`)
  }
}
