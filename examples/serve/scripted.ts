// Instead of workers: a TorchScript module, which computes in threads beside this one.

import torch, { type Tensor } from 'tstorch'
import type { Run } from './app.js'
import { SAMPLES } from './model.js'

/** Computes with a module that was scripted or traced in Python, and gives logits (batch, classes), in so many threads. */
export function scripted(file: string, threads: number): Run {
  torch.backends.tstorch.async_threads = threads
  const module = torch.jit.load(file).eval()
  /** The mode holds where the call begins, and is kept for it in its thread. */
  const forward = (x: Tensor): Promise<unknown> => {
    using _ = torch.inference_mode()
    return module.forward_async(x)
  }
  return async (inputs, count) => {
    const x = torch.tensor(inputs).view(count, SAMPLES)
    const logits = (await forward(x)) as Tensor
    return torch.scope(() => torch.softmax(logits, 1).to_typed_array({ copy: true }) as Float32Array)
  }
}
