// Functions and modules whose forward and backward are a CUDA graph each.

import { grad } from '../autograd/backward.js'
import { AutogradFunction } from '../autograd/function.js'
import { cuda } from '../core/cuda_available.js'
import { collectGarbage } from '../core/garbage.js'
import { native } from '../core/native.js'
import { keep, scope } from '../core/scope.js'
import { internals, type Tensor } from '../core/tensor.js'
import { empty_like } from '../generated/functions.js'
import { forwarding } from '../nn/modules/calling.js'
import { Module } from '../nn/modules/module.js'
import { ownFields } from '../operators/options.js'
import { synchronize } from './device.js'
import { type CaptureErrorMode, CUDAGraph, graph, graph_pool_handle, type Pool } from './graphs.js'
import { copyTo, tensorsIn, withTensors } from './nested.js'
import { stream as onStream, Stream } from './streams.js'

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
  const own = ownFields(options)
  const { num_warmup_iters = 3, allow_unused_input = false, capture_error_mode = 'global' } = own
  const pool = own.pool ?? graph_pool_handle()
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
    if (!Array.isArray(args) || !args.every(internals.isTensor)) {
      throw new TypeError('make_graphed_callables: sample_args for each callable must contain only Tensors')
    }
    if (callable instanceof Module && callable.buffers().some((buffer) => buffer.requires_grad)) {
      throw new Error('make_graphed_callables: all buffers of a module must have requires_grad=false')
    }
    const forward = callable instanceof Module ? forwarding(callable).forward.bind(callable) : callable
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
          grad_outputs: outputs.map((output) => empty_like(output)),
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
    this.#gradOutputs = this.#outputs.map((output) => (output.requires_grad ? keep(empty_like(output)) : null))
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
    const module = forwarding(callable)
    const [training, original] = [callable.training, module.forward.bind(callable)]
    module.forward = (...args: Tensor[]) => (callable.training === training ? run(...args) : original(...args))
    return callable
  }
}
