// A thread of the pool: takes the shared weights, then computes batch after batch.

import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import torch from 'tstorch'
import { WaveClassifier } from './model.js'
import type { Answer, Task, WorkerData } from './pool.js'

const { weights, threads } = workerData as WorkerData
const port = parentPort as NonNullable<typeof parentPort>

// Where processors are few, the event loop goes first. On Linux a priority is the thread's, elsewhere the process's.
if (process.platform === 'linux') setPriority(5)
torch.set_num_threads(threads)
const model = new WaveClassifier()
const shared = Object.entries(weights).map(([name, token]) => [name, torch.from_shared(token)])
// In place of its own: no copy.
model.load_state_dict(Object.fromEntries(shared), { assign: true })
model.eval()

/** The probabilities (count, classes), as one array. */
function compute({ inputs, count }: Task): Float32Array {
  return torch.inference_mode(() =>
    torch.scope(() => {
      const logits = model(torch.tensor(inputs).view(count, -1))
      return logits.softmax(1).to_typed_array({ copy: true }) as Float32Array
    }),
  )
}

port.on('message', (task: Task) => {
  let answer: Answer
  try {
    answer = { outputs: compute(task) }
  } catch (error) {
    answer = { error: (error as Error).stack ?? String(error) }
  }
  port.postMessage(answer, 'outputs' in answer ? [answer.outputs.buffer as ArrayBuffer] : [])
})
port.postMessage('ready')
