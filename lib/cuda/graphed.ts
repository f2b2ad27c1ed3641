// Functions whose work on the GPU is recorded once and then replayed.

import { checkCount } from '../arguments.js'
import { grad } from '../autograd/backward.js'
import { AutogradFunction } from '../autograd/function.js'
import { no_grad } from '../autograd/grad_mode.js'
import { collectGarbage } from '../garbage.js'
import { native } from '../native.js'
import { Module } from '../nn/modules/module.js'
import { aten } from '../operator_table.js'
import { keep, scope } from '../scope.js'
import { internals, type Tensor } from '../tensor.js'
import { warn } from '../warn.js'
import { cuda } from './available.js'
import { synchronize } from './device.js'
import { type CaptureErrorMode, CUDAGraph, graph, graph_pool_handle, type Pool } from './graphs.js'
import { current_stream, stream as onStream, Stream, streamHandle } from './streams.js'

const isTensor = internals.isTensor

// --- nested values -----------------------------------------------------------------------------

/** The tensors of a value, through arrays and plain objects, in order. */
function tensorsIn(value: unknown): Tensor[] {
  if (isTensor(value)) return [value]
  if (Array.isArray(value)) return value.flatMap(tensorsIn)
  if (isPlain(value)) return Object.values(value).flatMap(tensorsIn)
  return []
}

/** The value with other tensors in their places. */
function withTensors(value: unknown, next: Iterator<Tensor>): unknown {
  if (isTensor(value)) return next.next().value
  if (Array.isArray(value)) return value.map((item) => withTensors(item, next))
  if (isPlain(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withTensors(item, next)]))
  }
  return value
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** What a recording is for: shapes and dtypes of tensors, and whatever else stands between them. */
function signature(value: unknown): string {
  if (isTensor(value)) return `${value.dtype}[${native.sizes(internals.handleOf(value))}]`
  if (Array.isArray(value)) return `[${value.map(signature).join()}]`
  if (isPlain(value)) return `{${Object.entries(value).map(([key, item]) => `${key}:${signature(item)}`)}}`
  if (value === null || ['undefined', 'number', 'boolean', 'string', 'bigint'].includes(typeof value))
    return `${typeof value} ${String(value)}`
  throw new TypeError(`a graphed function takes tensors, numbers, strings and lists of them, not ${typeof value}`)
}

/** The value with its tensors on the GPU. */
const onGpu = <T>(value: T): T =>
  withTensors(
    value,
    tensorsIn(value)
      .map((tensor) => (tensor.is_cuda ? tensor : aten<Tensor>('to', tensor, { device: 'cuda', non_blocking: true })))
      .values(),
  ) as T

const copyTo = (target: Tensor, source: Tensor): void => {
  if (target !== source) aten<Tensor>('copy_', target, source, { non_blocking: true })
}

// --- whole steps ---------------------------------------------------------------------------------

export interface GraphedStepOptions {
  /** How often a step runs as it is before it is recorded: optimizers make their state then. */
  warmup?: number | undefined
  capture_error_mode?: CaptureErrorMode | undefined
}

/** So many recordings that something is wrong: a number that changes with every call. */
const MANY = 64

interface Recording {
  warmups: number
  replay?: (args: unknown[]) => unknown
}

/**
 * A step of training as one CUDA graph: `step` is recorded once, forward, backward, clipping and optimizer included,
 * and each call after that replays it, which spares the starting of its kernels one by one.
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
  { warmup = 3, capture_error_mode = 'thread_local' }: GraphedStepOptions = {},
): (...args: A) => R {
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
    const inputs = keep(tensorsIn(onGpu(args)).map((tensor) => aten<Tensor>('clone', tensor.detach())))
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
        const copies = tensorsIn(outputs).map((tensor) => aten<Tensor>('clone', tensor))
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

// --- forward and backward as two graphs ----------------------------------------------------------

export interface GraphedCallablesOptions {
  num_warmup_iters?: number | undefined
  allow_unused_input?: boolean | undefined
  pool?: Pool | null | undefined
  capture_error_mode?: CaptureErrorMode | undefined
}

type TensorFunction = (...args: Tensor[]) => unknown

/**
 * The functions or modules with forward and backward recorded as CUDA graphs each; modules are changed in place, and
 * their recordings are used while `training` is as it was. `sample_args` have the shapes, dtypes and requires_grad of
 * the tensors that they will be called with. Second derivatives are not supported.
 */
export function make_graphed_callables<F extends TensorFunction | Module>(
  callable: F,
  sample_args: Tensor[],
  options?: GraphedCallablesOptions,
): F
export function make_graphed_callables<F extends (TensorFunction | Module)[]>(
  callables: [...F],
  sample_args: Tensor[][],
  options?: GraphedCallablesOptions,
): F
export function make_graphed_callables(
  given: TensorFunction | Module | (TensorFunction | Module)[],
  sample_args: Tensor[] | Tensor[][],
  options: GraphedCallablesOptions = {},
): unknown {
  cuda()
  const [enabled, , cached] = native.autocast_state('cuda')
  if (enabled && cached) {
    throw new Error('make_graphed_callables does not support the autocast caching. Please set `cache_enabled=false`.')
  }
  const callables = Array.isArray(given) ? given : [given]
  const samples = (Array.isArray(given) ? sample_args : [sample_args]) as Tensor[][]
  if (samples.length !== callables.length) {
    throw new RangeError(`make_graphed_callables: ${callables.length} callables, but sample_args for ${samples.length}`)
  }
  const { num_warmup_iters = 3, allow_unused_input = false, capture_error_mode = 'global' } = options
  const pool = options.pool ?? graph_pool_handle()
  const side = new Stream()
  const plans = callables.map((callable, i) => new Plan(callable, samples[i] as Tensor[], allow_unused_input))
  synchronize()
  onStream(side, () => {
    for (const plan of plans) plan.warmUp(num_warmup_iters)
  })
  synchronize()
  // Backward is recorded in the opposite order, in which it will run.
  for (const plan of plans) plan.recordForward({ stream: side, pool, capture_error_mode })
  for (const plan of plans.toReversed()) plan.recordBackward({ stream: side, pool, capture_error_mode })
  const graphed = plans.map((plan) => plan.graphed())
  collectGarbage(true)
  return Array.isArray(given) ? graphed : graphed[0]
}

type Where = { stream: Stream; pool: Pool; capture_error_mode: CaptureErrorMode }

/** One callable on its way to graphs. */
class Plan {
  readonly #forward = new CUDAGraph()
  readonly #backward = new CUDAGraph()
  readonly #run: TensorFunction
  readonly #parameters: Tensor[]
  /** The arguments, then the parameters: where the recordings read. */
  readonly #inputs: Tensor[]
  #result: unknown
  #outputs: Tensor[] = []
  #gradOutputs: (Tensor | null)[] = []
  #gradInputs: (Tensor | null)[] = []

  constructor(
    readonly callable: TensorFunction | Module,
    readonly args: Tensor[],
    readonly allowUnused: boolean,
  ) {
    if (!Array.isArray(args) || !args.every(isTensor)) {
      throw new TypeError('make_graphed_callables: sample_args for each callable must contain only Tensors')
    }
    if (callable instanceof Module && callable.buffers().some((buffer) => buffer.requires_grad)) {
      throw new Error('make_graphed_callables: all buffers of a module must have requires_grad=false')
    }
    const forward = callable instanceof Module ? callable.forward.bind(callable) : callable
    this.#run = forward as TensorFunction
    this.#parameters = callable instanceof Module ? callable.parameters() : []
    this.#inputs = [...args, ...this.#parameters]
  }

  get #wanted(): Tensor[] {
    return this.#inputs.filter((input) => input.requires_grad)
  }

  warmUp(iterations: number): void {
    for (let i = 0; i < iterations; i++) {
      scope(() => {
        const outputs = tensorsIn(this.#run(...this.args)).filter((output) => output.requires_grad)
        if (outputs.length === 0) return
        grad(outputs, this.#wanted, {
          grad_outputs: outputs.map((output) => aten<Tensor>('empty_like', output)),
          allow_unused: this.allowUnused,
        })
      })
    }
  }

  recordForward(where: Where): void {
    this.#result = keep(graph(this.#forward, where, () => scope(() => this.#run(...this.args) as never) as never))
    this.#outputs = tensorsIn(this.#result)
  }

  recordBackward(where: Where): void {
    this.#gradOutputs = this.#outputs.map((output) =>
      output.requires_grad ? keep(aten<Tensor>('empty_like', output)) : null,
    )
    const outputs = this.#outputs.filter((output) => output.requires_grad)
    if (outputs.length === 0) return
    const found = keep(
      graph(this.#backward, where, () =>
        grad(outputs, this.#wanted, {
          grad_outputs: this.#gradOutputs.filter((gradient) => gradient !== null),
          allow_unused: this.allowUnused,
        }),
      ),
    )
    let next = 0
    this.#gradInputs = this.#inputs.map((input) => (input.requires_grad ? (found[next++] ?? null) : null))
  }

  graphed(): unknown {
    const [forward, backward] = [this.#forward, this.#backward]
    // Their autograd graph was needed to record backward: from now on it would tie the parameters to the side stream.
    const outputs = keep(this.#outputs.map((output) => output.detach()))
    const [inputs, result, count] = [this.#inputs, withTensors(this.#result, outputs.values()), this.args.length]
    this.#outputs = []
    this.#result = null
    const [gradOutputs, gradInputs] = [this.#gradOutputs, this.#gradInputs]
    class Graphed extends AutogradFunction {
      static override forward(_ctx: unknown, ...given: Tensor[]): Tensor[] {
        for (let i = 0; i < count; i++) copyTo(inputs[i] as Tensor, given[i] as Tensor)
        forward.replay()
        return outputs.map((output) => output.detach())
      }

      static override backward(_ctx: unknown, ...gradients: Tensor[]): (Tensor | null)[] {
        gradOutputs.forEach((place, i) => {
          if (place !== null) copyTo(place, gradients[i] as Tensor)
        })
        backward.replay()
        return gradInputs.map((gradient) => gradient?.detach() ?? null)
      }
    }
    const parameters = this.#parameters
    const run = (...args: Tensor[]): unknown => {
      if (args.length !== count) throw new TypeError(`a graphed callable takes ${count} tensors, not ${args.length}`)
      const found = (Graphed.apply as (...args: Tensor[]) => Tensor | Tensor[])(...args, ...parameters)
      return withTensors(result, [found].flat().values())
    }
    const { callable } = this
    if (!(callable instanceof Module)) return run
    const [training, original] = [callable.training, callable.forward.bind(callable)]
    callable.forward = (...args: Tensor[]) => (callable.training === training ? run(...args) : original(...args))
    return callable
  }
}
