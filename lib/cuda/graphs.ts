// CUDA graphs: work on a GPU that is recorded once and then started as a whole. In small networks, starting kernels one
// by one takes most of the time.

import { isNativeError } from 'node:util/types'
import { cuda } from '../core/cuda_available.js'
import { collectGarbage } from '../core/garbage.js'
import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import type { CudaGraph, MemoryPool } from '../core/native.js'
import { refuse } from '../operators/arguments.js'
import { synchronize } from './device.js'
import { type Arguments, type Keywords, read } from './generated/arguments.js'
import { empty_cache } from './memory.js'
import { openStream, Stream } from './streams.js'

/** What graphs that share memory are given: see `graph_pool_handle`. */
export type Pool = MemoryPool

export type CaptureErrorMode = 'global' | 'thread_local' | 'relaxed'

export type GraphOptions = Keywords<'cuda.graph', 'cuda_graph'>

/** Recorded work. Its tensors keep their places in memory: a replay reads its inputs there and leaves its results. */
export class CUDAGraph {
  readonly #graph: CudaGraph = cuda().new_graph()

  /** Records what is put in the current stream, which may not be the default one, until `capture_end`. */
  capture_begin(...args: Arguments['cuda.CUDAGraph.capture_begin']): void {
    const values = read('cuda.CUDAGraph.capture_begin', args)
    refuse('cuda.CUDAGraph.capture_begin', values, 'check_input_liveness')
    const { pool, capture_error_mode } = values
    cuda().capture_begin(this.#graph, pool, capture_error_mode)
  }

  capture_end(): void {
    cuda().capture_end(this.#graph)
  }

  /** Puts the recorded work in the current stream. */
  replay(): void {
    cuda().replay(this.#graph)
  }

  /** Forgets the recorded work. */
  reset(): void {
    cuda().reset(this.#graph)
  }

  /** What lets another graph share this one's memory. */
  pool(): Pool {
    return cuda().pool(this.#graph)
  }
}

/** A place for the memory of several graphs, which are replayed in the order in which they were captured. */
export function graph_pool_handle(): Pool {
  return cuda().graph_pool_handle()
}

/** Whether the current stream's work is being recorded. */
export function is_current_stream_capturing(): boolean {
  return cuda().is_current_stream_capturing()
}

let captureStream: Stream | undefined

const READS =
  /operation not permitted when stream is capturing|operation would make the legacy stream depend|StreamCapture|capturing/i

/** Adds to an error what most often prevents a capture. */
function explained(error: unknown): unknown {
  if (isNativeError(error) && READS.test(error.message)) {
    error.message +=
      '\nWhile a graph is captured nothing may be read from the GPU (item(), tolist(), printing), nor copied from ' +
      'memory that is not pinned: return the tensor and read it after the replay'
  }
  return error
}

/**
 * Records the work of `body` in `cuda_graph`; or, as `using _ = torch.cuda.graph(g)`, that of the rest of the block.
 * It does not run before `cuda_graph.replay()`. Its input tensors must be there, and be kept, at every replay.
 */
export function graph<T>(cuda_graph: CUDAGraph, options: GraphOptions, body: () => Synchronous<T>): T
export function graph<T>(cuda_graph: CUDAGraph, body: () => Synchronous<T>): T
export function graph(cuda_graph: CUDAGraph, options?: GraphOptions): Disposable
export function graph<T>(...args: unknown[]): T | Disposable {
  const last = args.at(-1)
  const body = typeof last === 'function' ? (last as () => Synchronous<T>) : undefined
  const values = read('cuda.graph', body === undefined ? args : args.slice(0, -1))
  refuse('cuda.graph', values, 'enable_annotations', 'check_input_liveness')
  const { cuda_graph, pool, stream, capture_error_mode } = values
  let failed = false
  const open = () => {
    captureStream ??= new Stream()
    synchronize()
    // Graphs of earlier steps would tie the captured work to the streams that they ran in.
    collectGarbage(true)
    empty_cache()
    const restore = openStream(stream ?? captureStream)
    try {
      cuda_graph.capture_begin({ pool, capture_error_mode })
    } catch (error) {
      restore()
      throw error
    }
    return () => {
      try {
        cuda_graph.capture_end()
      } catch (error) {
        // The error that broke the capture says more than the one of ending it.
        if (!failed) throw explained(error)
      } finally {
        restore()
      }
    }
  }
  if (body === undefined) return openMode('torch.cuda.graph', open())
  return runInMode('torch.cuda.graph', open, () => {
    try {
      return body()
    } catch (error) {
      failed = true
      throw explained(error)
    }
  })
}
