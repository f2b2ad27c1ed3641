// The program of a DataLoader's worker thread: the library, which sees that it is in one.

import { workerData } from 'node:worker_threads'
import { failureOf } from './utils/data/workers/failure.js'
import { NO_BATCH, PASS, ring, type WorkerStart } from './utils/data/workers/messages.js'

try {
  await import('tstorch')
} catch (error) {
  const { port, bell, state } = workerData as WorkerStart
  const pass = Atomics.load(state, PASS)
  port.postMessage({ pass, number: NO_BATCH, turn: 0, kind: 'failure', failure: failureOf(error) })
  ring(bell)
  process.exit(1)
}
