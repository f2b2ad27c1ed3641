// Programs that must not end their process by a signal:  node dist/test/jit/programs.js NAME [TIMES] [SEED]
//   pending    ends when its call is done
//   exit       calls process.exit in the midst of a call
//   terminate  terminates a worker in the midst of a call, over and over
//   two        loads one file in two workers
//   mutate     loads files with bytes changed

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import torch from '../../lib/index.js'
import { mutated, mutatedRecord } from './mutations.js'
import { bytesOf, cases } from './reference.js'
import { SLOW } from './slow.js'

const slow = (turns: number): Promise<unknown> => new torch.jit.CompilationUnit(SLOW).slow.call_async(turns)

const start = (data: object) => new Worker(new URL(import.meta.url), { workerData: data })

const programs: Record<string, (times: number, seed: number) => Promise<void> | void> = {
  pending() {
    slow(100).then(() => console.log('done'))
  },

  async exit() {
    slow(1000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    console.log('exiting')
    process.exit(7)
  },

  async terminate(times) {
    for (let i = 0; i < times; i++) {
      const worker = start({ turns: 20 })
      await once(worker, 'message')
      await new Promise((resolve) => setTimeout(resolve, (i * 7.3) % 20))
      await worker.terminate()
    }
    console.log(`terminated ${times}`)
  },

  async two() {
    const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
    const file = join(folder, 'model.pt')
    writeFileSync(file, bytesOf('classifier'))
    const results = await Promise.all([1, 2].map(() => once(start({ file }), 'message')))
    rmSync(folder, { recursive: true })
    console.log(JSON.stringify(results.map(([result]) => result)))
  },

  mutate(times, seed) {
    const names = Object.keys(cases).filter((name) => name !== 'source')
    const outcomes = { loaded: 0, refused: 0 }
    for (let i = 0; i < times; i++) {
      const change = i % 3 === 0 ? mutated : mutatedRecord
      const bytes = change(bytesOf(names[i % names.length] as string), seed * 1_000_003 + i)
      try {
        torch.jit.load(bytes)
        outcomes.loaded++
      } catch (error) {
        if (!(error instanceof Error)) throw error
        outcomes.refused++
      }
    }
    console.log(JSON.stringify(outcomes))
  },
}

if (isMainThread) {
  await programs[process.argv[2] ?? '']?.(Number(process.argv[3] ?? 1), Number(process.argv[4] ?? 1))
} else if ('file' in workerData) {
  parentPort?.postMessage(torch.jit.load(workerData.file).eval()(torch.ones(5, 6)).tolist())
} else {
  const running = [slow(workerData.turns), slow(workerData.turns), slow(workerData.turns)]
  parentPort?.postMessage('running')
  await Promise.all(running)
}
