// Programs that must not end their process by a signal:  node dist/test/workers/programs.js NAME [TIMES]
//   terminate  terminates a worker in the middle of a training step, over and over
//   several    trains in three workers at once
//   exit       calls process.exit while a worker trains

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const start = (data: object) => new Worker(new URL('./trainer.js', import.meta.url), { workerData: data })

async function startRunning(): Promise<Worker> {
  const worker = start({ seed: 0, iterations: 0 })
  await once(worker, 'message')
  return worker
}

const programs: Record<string, (times: number) => Promise<void>> = {
  async terminate(times) {
    for (let i = 0; i < times; i++) {
      const worker = await startRunning()
      // At another moment of a step each time.
      await new Promise((resolve) => setTimeout(resolve, 1 + ((i * 7.3) % 20)))
      await worker.terminate()
    }
    console.log(`terminated ${times}`)
  },

  async several() {
    const workers = [1, 2, 3].map((seed) => start({ seed, iterations: 300 }))
    const results = await Promise.all(workers.map((worker) => once(worker, 'message')))
    for (const worker of workers) worker.postMessage('end')
    console.log(
      JSON.stringify(results.map(([{ losses, threads }]) => ({ last: losses.at(-1), count: losses.length, threads }))),
    )
  },

  async exit() {
    await startRunning()
    await new Promise((resolve) => setTimeout(resolve, 20))
    console.log('exiting')
    process.exit(7)
  },
}

await (programs[process.argv[2] ?? ''] as (typeof programs)[string])(Number(process.argv[3] ?? 1))
