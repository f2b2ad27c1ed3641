// A worker of a random program: it runs programs of its own, on tensors that were shared with it.

import { parentPort, workerData } from 'node:worker_threads'
import torch, { type SharedToken } from '../../../lib/index.js'
import { interpret } from './interpret.js'
import type { Program } from './program.js'
import { World } from './world.js'

interface Message {
  program: Program
  tokens: SharedToken[]
  /** Whether memory of this thread's tensors goes to the other. */
  transfer: boolean
}

const { folder } = workerData as { folder: string }

parentPort?.on('message', async ({ program, tokens, transfer }: Message) => {
  const world = new World(folder, null)
  for (const token of tokens) world.keep(torch.from_shared(token))
  await interpret(program, folder, { world })
  const shared = world.tensors.flatMap((tensor) => {
    try {
      return [tensor.share()]
    } catch {
      return []
    }
  })
  const arrays = transfer ? world.arrays.filter((array) => array instanceof Float32Array && array.length > 0) : []
  const buffers = new Set(arrays.map((array) => (array as Float32Array).buffer))
  try {
    parentPort?.postMessage({ tokens: shared, arrays }, [...buffers] as ArrayBuffer[])
  } catch {
    parentPort?.postMessage({ tokens: shared, arrays: [] })
  }
})
