// Programs whose memory is measured, each in a process of its own:
//   node dist/test/memory/scenarios.js NAME
//   node dist/test/memory/in_worker.js NAME
// Prints one line of JSON. None of them uses scopes, dispose or the event loop: a plain loop must not leak.

import v8 from 'node:v8'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { trainSine } from '../../examples/sine.js'
import { native } from '../../lib/core/native.js'
import torch, { nn, type Tensor } from '../../lib/index.js'

const MB = 1e6
const rss = () => process.memoryUsage.rss() / MB
const peak = () => (process.resourceUsage().maxRSS * 1024) / MB
const size = (...tensors: Tensor[]) => tensors.reduce((sum, { nbytes }) => sum + nbytes, 0) / MB

/** What two halves grew, if both grew like the one that grew less: a leak is in both, a larger heap of V8's in one. */
const steadyGrowth = ([start, middle, end]: readonly number[]) =>
  2 * Math.min((middle as number) - (start as number), (end as number) - (middle as number))

/** Memory in megabytes. */
interface Found {
  /** What the loop holds all the time. */
  held?: number
  /** What all its turns made together. */
  made?: number
  growth?: number
}

export interface Measured extends Found {
  /** The most that the process held, beyond what it held when the libraries were loaded. */
  peak: number
  /** What it held then. */
  loaded: number
  /** Collections of garbage. */
  collections: number
}

const scenarios: Record<string, () => Found> = {
  /** 5,000 tensors of 4 MB. */
  tensors() {
    let made = 0
    for (let i = 0; i < 5000; i++) made += size(torch.ones(1024, 1024))
    return { made }
  },

  /** 20,000 iterations of the sine program; the growth of the last 15,000. */
  sine() {
    const sizes: number[] = []
    trainSine({
      iterations: 20_000,
      onLoss: (iter) => {
        if (iter === 5000 || iter === 12_500) sizes.push(rss())
      },
    })
    return { growth: steadyGrowth([...sizes, rss()]) }
  },

  /** 400 graphs without a backward, each holding 16 MB of saved activations. */
  forwards() {
    const x = torch.ones(2_000_000, { requires_grad: true })
    for (let i = 0; i < 400; i++) x.sin().exp()
    return { held: size(x), made: 400 * 2 * size(x) }
  },

  /** 200,000 views of one tensor of 64 MB. */
  views() {
    const x = torch.zeros(16_000_000)
    for (let i = 0; i < 200_000; i++) x.view(-1)
    return { held: size(x) }
  },

  /** 600 forward and backward passes of an LSTM. */
  lstm() {
    const layer = new nn.LSTM(28, 512)
    const x = torch.randn(35, 32, 28)
    // A graph keeps what its backward needs; the gradients are as large as the parameters.
    const before = native.live_bytes()
    const kept = [layer(x)[0].sum()]
    const graph = (native.live_bytes() - before) / MB
    kept.pop()?.backward()
    const held = size(x, ...layer.parameters())
    for (let i = 0; i < 600; i++) {
      layer.zero_grad()
      layer(x)[0].sum().backward()
    }
    return { held, made: 600 * (graph + held) }
  },

  /** Hooks, graphs with create_graph, exceptions inside hooks. */
  hooks() {
    const x = torch.ones(1000, { requires_grad: true })
    const once = (i: number) => {
      const y = x.mul(2)
      y.register_hook((grad) => grad.mul(i))
      y.register_hook(() => {
        if (i % 7 === 0) throw new Error('stop')
      })
      try {
        torch.autograd.grad(y.sum(), x, { create_graph: true })
      } catch (error) {
        if ((error as Error).message !== 'stop') throw error
      }
    }
    for (let i = 0; i < 5000; i++) once(i)
    const sizes = [rss()]
    for (let half = 0; half < 2; half++) {
      for (let i = 0; i < 10_000; i++) once(i)
      sizes.push(rss())
    }
    return { growth: steadyGrowth(sizes) }
  },
}

function measure(name: string): Measured {
  const loaded = rss()
  const profiler = new v8.GCProfiler()
  profiler.start()
  const found = (scenarios[name] as (typeof scenarios)[string])()
  const collections = profiler.stop()?.statistics.length ?? Number.NaN
  return { ...found, loaded, collections, peak: peak() - loaded }
}

if (isMainThread) console.log(JSON.stringify(measure(process.argv[2] ?? '')))
else parentPort?.postMessage(measure(workerData as string))
