// Whole steps of training as CUDA graphs.

import { no_grad } from '../autograd/grad_mode.js'
import { cuda } from '../core/cuda_available.js'
import { collectGarbage } from '../core/garbage.js'
import { native } from '../core/native.js'
import { keep, scope } from '../core/scope.js'
import { internals, type Tensor } from '../core/tensor.js'
import { warn } from '../core/warn.js'
import { checkCount } from '../operators/arguments.js'
import { isPlainObject, ownFields } from '../operators/options.js'
import { type CaptureErrorMode, CUDAGraph, graph, graph_pool_handle } from './graphs.js'
import { copyTo, tensorsIn, withTensors } from './nested.js'
import { current_stream, stream as onStream, Stream, streamHandle } from './streams.js'

/** What a recording is for: shapes and dtypes of tensors, and whatever else stands between them. */
function signature(value: unknown): string {
  if (internals.isTensor(value)) return `${value.dtype}[${native.sizes(internals.handleOf(value))}]`
  if (Array.isArray(value)) return `[${value.map(signature).join()}]`
  if (isPlainObject(value)) return `{${Object.entries(value).map(([key, item]) => `${key}:${signature(item)}`)}}`
  if (value === null || ['undefined', 'number', 'boolean', 'string', 'bigint'].includes(typeof value))
    return `${typeof value} ${String(value)}`
  throw new TypeError(`a graphed function takes tensors, numbers, strings and lists of them, not ${typeof value}`)
}

/** The value with its tensors on the GPU. */
const onGpu = <T>(value: T): T =>
  withTensors(
    value,
    tensorsIn(value)
      .map((tensor) => (tensor.is_cuda ? tensor : tensor.to({ device: 'cuda', non_blocking: true })))
      .values(),
  ) as T

export interface GraphedStepOptions {
  /** How often a step runs as it is before it is recorded: optimizers make their state then. */
  warmup?: number | undefined
  capture_error_mode?: CaptureErrorMode | undefined
}

/** More recordings than this mean that an argument, such as a number, changes with every call. */
const MANY = 64

interface Recording {
  warmups: number
  replay?: (args: unknown[]) => unknown
}

/**
 * A step of training as one CUDA graph: `step` is recorded once, forward, backward, clipping and optimizer included,
 * and each call after that replays it, which saves starting its kernels one by one.
 *
 * ```ts
 * const step = torch.cuda.graphed_step((x: Tensor, y: Tensor) => {
 *   optimizer.zero_grad()
 *   const loss = criterion(model(x), y)
 *   loss.backward()
 *   nn.utils.clip_grad_norm_(model.parameters(), 1)
 *   optimizer.step()
 *   return loss
 * })
 * for (const [x, y] of batches) total += step(x, y).item()
 * ```
 *
 * Every call is one step and gives what `step` would have given, without its autograd graph. Tensors that are given are
 * moved to the GPU and copied to where the recording reads them; for other shapes, or other numbers beside them, another
 * recording is made. What `step` uses beside its arguments stays as it was when it was recorded: numbers (a learning
 * rate), whether a module trains; tensors are read from the same places of memory. It may not read values from the GPU
 * (`item()`), nor choose by them what it does.
 */
export function graphed_step<A extends unknown[], R>(
  step: (...args: A) => R,
  options: GraphedStepOptions = {},
): (...args: A) => R {
  const { warmup = 3, capture_error_mode = 'thread_local' } = ownFields(options)
  checkCount('graphed_step', 'warmup', warmup, 1)
  cuda()
  const side = new Stream()
  const recordings = new Map<string, Recording>()
  const pool = graph_pool_handle()

  const warmUp = (args: A): R => {
    const outer = current_stream()
    side.wait_stream(outer)
    const result = onStream(side, () => scope(() => detached(step(...onGpu(args))) as never) as never) as R
    outer.wait_stream(side)
    for (const tensor of tensorsIn(result)) recordStream(tensor, outer)
    return result
  }

  const record = (args: A): ((args: unknown[]) => unknown) => {
    const inputs = keep(tensorsIn(onGpu(args)).map((tensor) => tensor.detach().clone()))
    const places = withTensors(args, inputs.values()) as A
    const recorded = new CUDAGraph()
    const outputs = keep(
      graph(
        recorded,
        { stream: side, pool, capture_error_mode },
        () => scope(() => detached(step(...places)) as never) as never,
      ),
    ) as R
    return (given) =>
      no_grad(() => {
        for (const [i, tensor] of tensorsIn(given).entries()) copyTo(inputs[i] as Tensor, tensor)
        recorded.replay()
        const copies = tensorsIn(outputs).map((tensor) => tensor.clone())
        return withTensors(outputs, copies.values()) as never
      })
  }

  return (...args) => {
    const key = signature(args)
    let recording = recordings.get(key)
    if (recording === undefined) {
      // Graphs of earlier steps would tie this one to the stream that they ran in.
      collectGarbage(true)
      recording = { warmups: 0 }
      recordings.set(key, recording)
      if (recordings.size === MANY) {
        warn(
          `a graphed step was called with ${MANY} combinations of shapes and numbers, each of which is recorded apart: ` +
            'pass what changes with every call as a tensor',
        )
      }
    }
    if (recording.replay === undefined) {
      if (recording.warmups++ < warmup) return warmUp(args)
      recording.replay = record(args)
    }
    return recording.replay(args) as R
  }
}

/** The value with its tensors out of their autograd graphs. */
function detached(value: unknown): unknown {
  return withTensors(
    value,
    tensorsIn(value)
      .map((tensor) => tensor.detach())
      .values(),
  )
}

function recordStream(tensor: Tensor, stream: Stream): void {
  if (tensor.is_cuda) cuda().record_stream(internals.handleOf(tensor), streamHandle(stream))
}
