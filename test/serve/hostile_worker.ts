// A worker of a pool that ends as its first input says: 1 throws, 2 ends the thread, 3 answers with an error; all else is
// given back. With the weight 'refuse' it does not even start.

import { parentPort, workerData } from 'node:worker_threads'
import type { Task, WorkerData } from '../../examples/serve/pool.js'

const port = parentPort as NonNullable<typeof parentPort>
if ('refuse' in (workerData as WorkerData).weights) throw new Error('this worker does not start')

port.on('message', ({ inputs }: Task) => {
  if (inputs[0] === 1) throw new Error('thrown in a worker')
  if (inputs[0] === 2) process.exit(3)
  port.postMessage(inputs[0] === 3 ? { error: 'refused' } : { outputs: inputs })
})
port.postMessage('ready')
