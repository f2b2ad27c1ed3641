// Programs that tests/utils/data/workers.test.ts runs in processes of their own:  node worker_programs.js NAME

import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { native } from '../../../lib/core/native.js'
import torch from '../../../lib/index.js'
import { Bad, Images, Later, Numbers } from './worker_datasets.js'

const { DataLoader } = torch.utils.data
const [name = ''] = process.argv.slice(2)

const loader = (options: object = {}) => new DataLoader(new Images(200), { batch_size: 8, num_workers: 2, ...options })
const ended = () => console.log('ended by itself')

function messageOf(error: unknown): void {
  console.log((error as Error).message)
}

/** Not every system says how many there are. */
function threads(): number {
  try {
    return readdirSync('/proc/self/task').length
  } catch {
    return 0
  }
}

const alive = new Set<Worker>()
process.on('worker', (worker: Worker) => {
  alive.add(worker)
  worker.once('exit', () => alive.delete(worker))
})

/** What must not grow, once the workers that were let go of have ended. */
async function held() {
  for (let i = 0; i < 600 && (i < 5 || alive.size > 0); i++) await sleep(100)
  return {
    workers: alive.size,
    threads: threads(),
    resources: process.getActiveResourcesInfo().sort(),
    shared: native.shared_count(),
  }
}

const programs: Record<string, () => void | Promise<void>> = {
  finished() {
    for (const _ of loader());
    ended()
  },
  dropped() {
    loader()[Symbol.iterator]().next()
    ended()
  },
  async persistent() {
    const kept = loader({ persistent_workers: true })
    for (const _ of kept);
    for await (const _ of kept) break
    ended()
  },
  hanging() {
    try {
      for (const _ of new DataLoader(new Bad(2, 1, 'hang'), { num_workers: 2, timeout: 0.2 }));
    } catch {
      console.log('timed out')
    }
    ended()
  },
  async awaiting() {
    for await (const _ of loader());
    ended()
  },
  exit() {
    for (const _ of loader()) process.exit(7)
  },
  fail() {
    for (const _ of loader()) throw new Error('an error in the loop')
  },
  async terminated() {
    const workers: Worker[] = []
    process.on('worker', (worker: Worker) => workers.push(worker))
    const never = () => new DataLoader(new Bad(4, 0, 'never'), { num_workers: 1 })
    try {
      const iterator = never()[Symbol.iterator]()
      // The event that names the workers comes later.
      await sleep(100)
      void workers.at(-1)?.terminate()
      iterator.next()
    } catch (error) {
      messageOf(error)
    }
    try {
      setTimeout(() => workers.at(-1)?.terminate(), 500)
      for await (const _ of never());
    } catch (error) {
      messageOf(error)
    }
  },
  async full() {
    try {
      for await (const _ of new DataLoader(new Bad(1, 0, 'fill the heap'), { num_workers: 1 }));
    } catch (error) {
      messageOf(error)
    }
  },
  /** Stops early, over and over, in every way. */
  async abandoned() {
    const stops: (() => void)[] = [
      () => {
        for (const _ of loader()) break
      },
      () => {
        try {
          for (const _ of loader()) throw new Error()
        } catch {}
      },
      () => void [...new DataLoader(new Numbers(4), { num_workers: 2 })],
      () => {
        try {
          for (const _ of new DataLoader(new Bad(4, 1, 'throw'), { num_workers: 2 }));
        } catch {}
      },
    ]
    const drops = () => void loader()[Symbol.iterator]().next()
    for (const stop of stops) stop()
    const before = await held()
    let inLoop = 0
    for (let i = 0; i < 40; i++) {
      stops[i % stops.length]?.()
      inLoop = Math.max(inLoop, threads())
    }
    for (let i = 0; i < 4; i++) {
      for await (const _ of new DataLoader(new Later(20), { num_workers: 2 })) break
      drops()
    }
    native.collect_garbage(true)
    await sleep(0)
    native.collect_garbage(true)
    console.log(JSON.stringify({ before, after: await held(), inLoop }))
  },
}

await programs[name]?.()
