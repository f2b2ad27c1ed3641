// Steps that reach beyond the thread: sharing, workers that are ended at any moment, generators, the profiler.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import torch, { type SharedToken } from '../../../../lib/index.js'
import type { Picks, Program } from '../program.js'
import type { World } from '../world.js'

const workers = new WeakMap<World, Worker>()

function peer(world: World): Worker {
  let worker = workers.get(world)
  if (worker === undefined) {
    worker = new Worker(new URL('../peer.js', import.meta.url), { workerData: { folder: world.folder } })
    worker.on('error', () => {})
    worker.on('message', (message) => {
      world.arrays.push(...message.arrays)
      world.tokens.push(...message.tokens)
    })
    workers.set(world, worker)
  }
  return worker
}

/** Ends the program's worker, whatever it does. */
export async function endWorker(world: World): Promise<void> {
  const worker = workers.get(world)
  workers.delete(world)
  await worker?.terminate()
}

/** A program for the worker, made of the steps that make, change and share tensors. */
const THERE = [
  'leaf',
  'math',
  'change',
  'memory',
  'memory',
  'share',
  'from_shared',
  'backward',
  'forward',
  'hook',
  'rng',
]

function programThere(picks: Picks): Program {
  const seed = picks.below(9999)
  return Array.from({ length: 12 }, (_, i) => [
    THERE[(seed * (i + 3) * 7) % THERE.length] as string,
    Array.from({ length: 10 }, (_, j) => (seed * (i + 1) * (j + 5)) % 9973),
  ])
}

const within = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

export const elsewhereSteps: Record<string, (world: World, picks: Picks) => unknown> = {
  share(world, picks) {
    world.hold(world.tokens, world.call(world.tensor(picks), 'share'))
  },
  from_shared(world, picks) {
    const token = picks.of([world.tokens.at(-1), world.tokens[0], world.junk(picks)])
    world.keep(world.call(torch, 'from_shared', token as SharedToken))
  },
  async worker(world, picks) {
    const worker = peer(world)
    const tokens = [world.tensor(picks).detach().share()]
    world.trace?.('(a worker runs a program)')
    worker.postMessage({ program: programThere(picks), tokens, transfer: picks.below(2) === 0 })
    // Not always until it has answered.
    await Promise.race([once(worker, 'message'), once(worker, 'exit'), within(picks.of([1000, 0, 120, 1]))]).catch(
      () => {},
    )
  },
  async end_worker(world) {
    await endWorker(world)
  },
  rng(world, picks) {
    const generator = new torch.Generator()
    if (picks.below(2) === 0) world.call(generator, 'set_state', picks.of([generator.get_state(), world.tensor(picks)]))
    world.keep(torch.randn([2, 3], { generator }))
  },
  profiler(world, picks) {
    const run = torch.profiler.profile as unknown as (...args: unknown[]) => unknown
    world.keep(run(() => world.tensor(picks).add(1).sum(), { record_shapes: picks.below(2) === 0 }))
  },
  collect() {
    globalThis.gc?.()
  },
  async turn() {
    await new Promise(setImmediate)
  },
}
