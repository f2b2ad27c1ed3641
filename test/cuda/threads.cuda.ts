// Workers on one GPU, objects that die while a graph is captured, and hostile calls.

import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { native } from '../../lib/core/native.js'
import { device, hostTest, simulated, torch } from './suite.js'

const { cuda } = torch

/** A worker that makes garbage on the GPU before and after its first message. */
const SOURCE = `
import(${JSON.stringify(new URL('../../lib/index.js', import.meta.url).href)}).then(({ default: torch }) => {
  const { cuda } = torch
  const { parentPort } = require('node:worker_threads')
  const garbage = (n) => { for (let i = 0; i < n; i++) torch.empty(2 ** 20, { device: 'cuda' }) }
  garbage(3000)
  const graph = new cuda.CUDAGraph()
  cuda.graph(graph, { capture_error_mode: 'thread_local' }, () => torch.zeros(3, { device: 'cuda' }).add(1))
  graph.replay()
  void cuda.synchronize_async()
  parentPort.postMessage(torch.ones(3, { device: 'cuda' }).sum().item())
  setInterval(() => garbage(100), 0)
})`

hostTest('two workers collect garbage of one GPU at a time, and end at any time', async () => {
  for (let round = 0; round < 5; round++) {
    const workers = [0, 1].map(() => new Worker(SOURCE, { eval: true }))
    const answers = workers.map(
      (worker) => new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject)),
    )
    for (let i = 0; i < 1000; i++) torch.empty(2 ** 20, { device })
    const sums = await Promise.all(answers)
    if (!simulated) assert.deepEqual(sums, [3, 3])
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
})

hostTest('what dies while a graph is captured is destroyed after it', () => {
  const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
  const x = torch.zeros(3, { device })
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 5; j++) {
      const dead = new cuda.CUDAGraph()
      cuda.graph(dead, () => x.add(1))
    }
    const graph = new cuda.CUDAGraph()
    cuda.graph(graph, () => {
      collect()
      for (let k = 0; k < 20_000; k++) ({ k })
      return x.mul(2)
    })
    graph.replay()
  }
})

hostTest('no call of native code ends the process, whatever it is given', async () => {
  const functions = native.cuda as unknown as Record<string, (...args: unknown[]) => unknown>
  const streams = [functions.new_stream?.(0, 0), functions.current_stream?.(-1)] as unknown[][]
  const graph = functions.new_graph?.()
  const values = [
    ...[0, 1, -1, 2, 1e9, 2 ** 40, -5, Number.NaN, 0.5, 1n, -7n, 2n ** 63n - 1n, 'global', 'x', null, undefined],
    ...[true, false, [], [1, 2], [0, 0], {}, Symbol.iterator, () => 1, torch.ones(2)],
    ...[functions.new_event?.(true), functions.new_event?.(false), graph, functions.new_graph?.()],
    ...streams.map(([stream]) => stream),
  ]
  let seed = 1
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  const names = Object.keys(functions).filter((name) => name !== 'capture_begin')
  const counts = { returned: 0, threw: 0 }
  for (let i = 0; i < 20_000; i++) {
    const call = functions[names[random(names.length)] as string] as (...args: unknown[]) => unknown
    const args = Array.from({ length: random(5) }, () => values[random(values.length)])
    try {
      const result = call(...args)
      if (result instanceof Promise) await result.catch(() => {})
      counts.returned++
    } catch (error) {
      // An error is what most of these calls deserve.
      assert.ok(error instanceof Error)
      counts.threw++
    }
  }
  assert.ok(counts.returned > 0 && counts.threw > 0, JSON.stringify(counts))
  cuda.set_stream(cuda.default_stream())
  cuda.set_per_process_memory_fraction(1)
  assert.equal(torch.zeros(2, { device }).numel(), 2)
})
