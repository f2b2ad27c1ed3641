// Backward hooks of a module: an identity before its forward and one after it, whose nodes in the graph see the
// gradients of its inputs and of its outputs.

import { AutogradFunction, type FunctionCtx } from '../../autograd/function.js'
import { type GradFn, gradFnOf } from '../../autograd/grad_fn.js'
import { native } from '../../core/native.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import { describe } from '../../operators/describe.js'
import type { BackwardHook, BackwardPreHook } from './hooks.js'
import type { Module } from './module.js'

type Gradients = (Tensor | null)[]

class BackwardHookFunction extends AutogradFunction {
  static override forward(ctx: FunctionCtx, ...args: Tensor[]): Tensor[] {
    ctx.mark_non_differentiable(...args.filter((tensor) => !tensor.requires_grad))
    return args
  }

  static override backward(_ctx: FunctionCtx, ...gradients: Gradients): Gradients {
    return gradients
  }
}

/** The values with their tensors led through an identity, that node, and where the tensors are. */
interface Led {
  values: unknown[]
  node: GradFn | null
  /** null where no gradient will come back. */
  places: number[] | null
}

function lead(values: unknown[]): Led {
  const places = values.flatMap((value, i) => (internals.isTensor(value) ? [i] : []))
  const tensors = places.map((i) => values[i] as Tensor)
  if (!native.is_grad_enabled() || !tensors.some((tensor) => tensor.requires_grad)) {
    return { values, node: null, places: null }
  }
  const led = BackwardHookFunction.apply(...tensors)
  const result = [...values]
  led.forEach((tensor, i) => {
    result[places[i] as number] = tensor
  })
  const first = led.find((tensor) => gradFnOf(tensor)?.name() === 'BackwardHookFunctionBackward') as Tensor
  return { values: result, node: gradFnOf(first), places }
}

/** Gradients in the places of the values whose they are, null for what is no tensor. */
function spread(places: readonly number[], gradients: Gradients, count: number): Gradients {
  const result: Gradients = new Array(count).fill(null)
  places.forEach((place, i) => {
    result[place] = gradients[i] ?? null
  })
  return result
}

/** What a hook gave in place of the gradients. */
function replaced(what: string, given: unknown, gradients: Gradients): Gradients {
  if (given === undefined || given === null) return gradients
  const list = internals.isTensor(given) ? [given] : (given as Gradients)
  if (!Array.isArray(list)) throw new TypeError(`${what} must return gradients or nothing, not ${describe(given)}`)
  if (list.length !== gradients.length) {
    throw new Error(
      `${what} returned an invalid number of ${what === 'Backward hook' ? 'grad_input' : 'grad_output'}, got ${list.length}, but expected ${gradients.length}`,
    )
  }
  return list.map((gradient) => gradient ?? null)
}

/** The hooks of one call of a module. */
export class CallWithBackwardHooks {
  #gradOutputs: Gradients | null = null
  #inputs: number[] | null = null
  #inputCount = 0

  constructor(
    readonly module: Module,
    readonly hooks: readonly BackwardHook[],
    readonly preHooks: readonly BackwardPreHook[],
  ) {}

  /** The arguments that forward is called with. */
  inputs(args: unknown[]): unknown[] {
    const { values, node, places } = lead(args)
    this.#inputs = places
    this.#inputCount = args.length
    node?.register_hook((gradients) => {
      // The gradient came to the inputs and not through the outputs: of a backward through backward.
      if (this.#gradOutputs === null) return undefined
      let result = spread(places as number[], gradients, this.#inputCount)
      for (const hook of this.hooks)
        result = replaced('Backward hook', hook(this.module, result, this.#gradOutputs), result)
      this.#gradOutputs = null
      return (places as number[]).map((place) => result[place] as Tensor | null)
    })
    return values
  }

  /** What the module gives. */
  outputs(output: unknown): unknown {
    const several = Array.isArray(output)
    if (!several && !internals.isTensor(output)) {
      warn(
        'For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received ' +
          describe(output),
      )
      return output
    }
    const given: unknown[] = several ? output : [output]
    const { values, node, places } = lead(given)
    node?.register_hook((gradients) => this.#outputsHook(places as number[], gradients, given.length))
    return several ? values : values[0]
  }

  #outputsHook(places: readonly number[], gradients: Gradients, count: number): Gradients {
    let result = spread(places, gradients, count)
    for (const hook of this.preHooks) result = replaced('Backward pre hook', hook(this.module, result), result)
    if (this.#inputs === null) this.#callWithoutInputs(result)
    else this.#gradOutputs = result
    return places.map((place) => result[place] as Tensor | null)
  }

  /** No input requires a gradient: nothing comes after the outputs' gradients. */
  #callWithoutInputs(gradOutputs: Gradients): void {
    warn(
      'Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require ' +
        'gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html' +
        '#torch.nn.Module.register_full_backward_hook for more details.',
    )
    const none: Gradients = new Array(this.#inputCount).fill(null)
    for (const hook of this.hooks) {
      const given = hook(this.module, none, gradOutputs)
      const nothing = given === undefined || given === null
      if (nothing || (Array.isArray(given) && given.every((gradient) => gradient === null))) continue
      throw new Error(
        'Backward hook for Modules where no input requires gradient should always return None or None for all gradients.',
      )
    }
  }
}
