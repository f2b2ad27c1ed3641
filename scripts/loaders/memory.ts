// What loaders with workers hold on to, in a process of its own:  node dist/scripts/loaders/memory.js NAME COUNT
// prints at each tenth of the way the resident memory in MB, the threads, and the shared tensors that nobody took.

import { readdirSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { native } from '../../lib/core/native.js'
import torch from '../../lib/index.js'
import { Images, Numbers } from './datasets.js'

const { DataLoader } = torch.utils.data
const BATCH = 100

export interface Point {
  at: number
  rss_mb: number
  threads: number
  shared: number
  handles: number
}

function pointAt(at: number): Point {
  let threads = 0
  try {
    threads = readdirSync('/proc/self/task').length
  } catch {
    // This system does not say.
  }
  return {
    at,
    rss_mb: Math.round(process.memoryUsage.rss() / 1e6),
    threads,
    shared: native.shared_count(),
    handles: process.getActiveResourcesInfo().length,
  }
}

const images = () => new DataLoader(new Images(64), { batch_size: 4, num_workers: 2 })

const programs: Record<string, (count: number, look: (done: number) => void) => void | Promise<void>> = {
  /** One pass over many samples, in a loop without a turn of the event loop. */
  samples(count, look) {
    let done = 0
    for (const batch of new DataLoader(new Numbers(count), { batch_size: BATCH, shuffle: true, num_workers: 2 })) {
      done += batch.size(0)
      look(done)
    }
  },
  /** The same by `for await`. */
  async samples_async(count, look) {
    let done = 0
    for await (const batch of new DataLoader(new Numbers(count), {
      batch_size: BATCH,
      shuffle: true,
      num_workers: 2,
    })) {
      done += batch.size(0)
      look(done)
    }
  },
  /** A loader in each epoch, left after its first batch. */
  abandoned(count, look) {
    for (let epoch = 1; epoch <= count; epoch++) {
      for (const _ of images()) break
      look(epoch)
    }
  },
  /** The same where the event loop turns between epochs: each has threads of its own. */
  async abandoned_turning(count, look) {
    for (let epoch = 1; epoch <= count; epoch++) {
      for await (const _ of images()) break
      await turn()
      look(epoch)
    }
  },
  /** A loader in each epoch whose iterator is not even closed. */
  async dropped(count, look) {
    for (let epoch = 1; epoch <= count; epoch++) {
      images()[Symbol.iterator]().next()
      if (epoch % 5 === 0) native.collect_garbage(true)
      await turn()
      look(epoch)
    }
  },
}

const [name = '', count = '0'] = process.argv.slice(2)
let next = 1
await programs[name]?.(Number(count), (done) => {
  if (done < (next * Number(count)) / 10) return
  console.log(JSON.stringify(pointAt(done)))
  next++
})
