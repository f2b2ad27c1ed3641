// A worker that trains until it is told to stop, or terminated.
//   workerData: { seed, iterations (0: for ever), shared? }

import { parentPort, workerData } from 'node:worker_threads'
import { trainSine } from '../../examples/sine.js'
import torch, { type SharedToken } from '../../lib/index.js'

const { seed, iterations, shared } = workerData as { seed: number; iterations: number; shared?: SharedToken }
if (shared !== undefined) {
  const tensor = torch.from_shared(shared)
  tensor.mul_(2)
  parentPort?.postMessage({ doubled: tensor.tolist() })
} else if (iterations > 0) {
  const losses: number[] = []
  trainSine({ iterations, seed, onLoss: (_, loss) => losses.push(loss) })
  parentPort?.postMessage({ losses, threads: torch.get_num_threads() })
  // There until it is told to end: the processors are shared with it as long.
  parentPort?.once('message', () => {})
} else {
  parentPort?.postMessage('running')
  // Hooks and scopes too: a worker may be terminated while C++ calls JavaScript.
  const x = torch.ones(100, { requires_grad: true })
  x.register_hook((grad) => torch.scope(() => grad.mul(2)))
  for (;;) {
    trainSine({ iterations: 3, seed })
    for (let i = 0; i < 100; i++) x.sin().sum().backward()
  }
}
