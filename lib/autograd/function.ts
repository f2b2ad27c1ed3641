// torch.autograd.Function: operations whose gradient is written by hand.

import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { no_grad } from './grad_mode.js'

const { handleOf, isTensor } = internals

/** Takes what forward said out of a context. */
let settled: (ctx: FunctionCtx) => Settled

/** What forward leaves for backward. Own fields may hold anything else that backward needs. */
export class FunctionCtx {
  // biome-ignore lint/suspicious/noExplicitAny: fields of the user's own
  [field: string]: any
  /** For each argument of forward: whether it needs a gradient. */
  needs_input_grad: boolean[] = []
  #saved: readonly (Tensor | null)[] = []
  #nonDifferentiable: readonly Tensor[] = []
  #dirty: readonly Tensor[] = []
  #materialize = true

  /** Keeps tensors for backward, where `saved_tensors` has them. Call it once, in forward; results may be among them. */
  save_for_backward(...tensors: (Tensor | null)[]): void {
    for (const tensor of tensors) {
      if (tensor !== null && !isTensor(tensor)) {
        throw new TypeError(`save_for_backward can only save tensors, but argument is ${typeof tensor}`)
      }
    }
    this.#saved = tensors
  }

  /**
   * The tensors that save_for_backward kept, while backward runs.
   * @throws if one of them was changed in place since, or if the graph was freed.
   */
  get saved_tensors(): Tensor[] {
    return native.saved_tensors().map((handle) => (handle === null ? null : internals.wrap(handle))) as Tensor[]
  }

  /** Results that no gradient comes back through. */
  mark_non_differentiable(...tensors: Tensor[]): void {
    this.#nonDifferentiable = tensors
  }

  /** Inputs that forward changed in place, and returns. */
  mark_dirty(...tensors: Tensor[]): void {
    this.#dirty = tensors
  }

  /** Whether results that got no gradient have zeros in backward (the default) or null. */
  set_materialize_grads(value: boolean): void {
    this.#materialize = value
  }

  static {
    settled = (ctx) => {
      const state = {
        saved: ctx.#saved,
        nonDifferentiable: ctx.#nonDifferentiable,
        dirty: ctx.#dirty,
        materialize: ctx.#materialize,
      }
      // The graph keeps these from now on; the context would keep the graph.
      ctx.#saved = []
      ctx.#nonDifferentiable = []
      ctx.#dirty = []
      return state
    }
  }
}

interface Settled {
  saved: readonly (Tensor | null)[]
  nonDifferentiable: readonly Tensor[]
  dirty: readonly Tensor[]
  materialize: boolean
}

type Result = Tensor | readonly (Tensor | unknown)[]
type Gradient = Tensor | null | undefined | void | readonly (Tensor | null | undefined)[]

/** A class with forward and backward. */
export interface FunctionClass<A extends unknown[] = never[], R = Result> {
  readonly name: string
  forward(ctx: FunctionCtx, ...args: A): R
  backward(ctx: FunctionCtx, ...grad_outputs: never[]): Gradient
}

/**
 * Base of operations with a gradient of their own:
 *
 *   class Exp extends torch.autograd.Function {
 *     static forward(ctx: FunctionCtx, x: Tensor): Tensor {
 *       const y = x.exp()
 *       ctx.save_for_backward(y)
 *       return y
 *     }
 *     static backward(ctx: FunctionCtx, grad: Tensor): Tensor {
 *       return grad.mul(ctx.saved_tensors[0])
 *     }
 *   }
 *   Exp.apply(x)
 *
 * forward runs without recording a graph. backward gets a gradient for each result and gives one for each argument of
 * forward, null where there is none; with create_graph it is recorded, so that second derivatives come out of it.
 */
// biome-ignore lint/complexity/noStaticOnlyClass: it is Python's form
export class AutogradFunction {
  /** Computes the results; or, where the class has setup_context, without a context: `forward(...args)`. */
  static forward(..._args: never[]): Result {
    throw new Error(`${this.name} has no forward: a custom autograd.Function needs one`)
  }

  static backward(_ctx: FunctionCtx, ..._grad_outputs: never[]): Gradient {
    throw new Error(`${this.name} has no backward, which its gradient needs`)
  }

  /** Runs forward and records the node. */
  static apply<A extends unknown[], R>(
    this: { forward(ctx: FunctionCtx, ...args: A): R; backward(ctx: FunctionCtx, ...grads: never[]): Gradient },
    ...args: A
  ): R {
    return run(this as unknown as FunctionClass, args) as R
  }
}

type Forward = (...args: unknown[]) => unknown
type Backward = (ctx: FunctionCtx, ...grads: unknown[]) => Gradient
type SetupContext = (ctx: FunctionCtx, inputs: unknown[], output: unknown) => void

function run(cls: FunctionClass, args: unknown[]): unknown {
  const ctx = new FunctionCtx()
  const places = args.flatMap((arg, i) => (isTensor(arg) ? [i] : []))
  ctx.needs_input_grad = args.map((arg) => isTensor(arg) && arg.requires_grad)
  const forward = cls.forward.bind(cls) as unknown as Forward
  const setup = (cls as unknown as { setup_context?: SetupContext }).setup_context
  const result = no_grad(() => {
    if (setup === undefined) return forward(ctx, ...args)
    const output = forward(...args)
    setup.call(cls, ctx, args, output)
    return output
  })
  const several = Array.isArray(result)
  const outputs: unknown[] = several ? result : [result]
  const tensors = outputs.filter(isTensor)
  if (tensors.length === 0) throw new TypeError(`${cls.name}.forward must return a tensor, or an array with tensors`)
  keepFields(ctx)
  const { saved, nonDifferentiable, dirty, materialize } = settled(ctx)
  const backward = backwardOf(cls, ctx, places, args.length)
  const handles = native.custom_function(
    places.map((i) => handleOf(args[i] as Tensor)),
    tensors.map(handleOf),
    saved.map((tensor) => (tensor === null ? null : handleOf(tensor))),
    nonDifferentiable.map(handleOf),
    dirty.map(handleOf),
    `${cls.name}Backward`,
    materialize,
    backward,
  )
  native.reachable(args, tensors, saved, nonDifferentiable, dirty)
  let next = 0
  const wrapped = outputs.map((output) => {
    if (!isTensor(output)) return output
    const handle = handles[next++] as number | null
    const result = handle === null ? output : internals.wrap(handle)
    if (result.requires_grad) internals.edgesOf(result).backward = backward
    return result
  })
  return several ? wrapped : wrapped[0]
}

/** What the context's fields hold must outlive the scope that forward ran in. */
function keepFields(ctx: FunctionCtx): void {
  for (const value of Object.values(ctx)) {
    if (isTensor(value) && internals.ownerOf(value) !== null) internals.setOwner(value, null)
  }
}

/** Made apart from the arguments, which it must not keep alive. */
function backwardOf(cls: FunctionClass, ctx: FunctionCtx, places: readonly number[], count: number) {
  return (gradients: (number | null)[], needed: boolean[]): (number | null)[] => {
    ctx.needs_input_grad = Array.from({ length: count }, (_, i) => needed[places.indexOf(i)] ?? false)
    const grads = gradients.map((handle) => (handle === null ? null : internals.wrap(handle)))
    const given = (cls.backward as unknown as Backward).call(cls, ctx, ...grads)
    const list = (Array.isArray(given) ? given : [given]) as (Tensor | null | undefined)[]
    if (list.length < count || list.slice(count).some((gradient) => gradient !== null && gradient !== undefined)) {
      throw new Error(
        `function ${cls.name}Backward returned an incorrect number of gradients (expected ${count}, got ${list.length})`,
      )
    }
    list.forEach((gradient, i) => {
      if (gradient === null || gradient === undefined) return
      if (!isTensor(gradient)) {
        throw new TypeError(
          `function ${cls.name}Backward: gradient ${i} must be a tensor or null, not ${typeof gradient}`,
        )
      }
      if (i < count && !places.includes(i)) {
        throw new Error(
          `function ${cls.name}Backward returned a gradient different from null at position ${i}, but the ` +
            'corresponding forward input was not a tensor',
        )
      }
    })
    return places.map((i) => {
      const gradient = list[i]
      return isTensor(gradient) ? handleOf(gradient) : null
    })
  }
}

/** For a backward that cannot be differentiated itself: it runs unrecorded, and a second derivative is an error. */
export function once_differentiable<A extends unknown[], R extends Gradient>(
  backward: (ctx: FunctionCtx, ...grads: A) => R,
): (ctx: FunctionCtx, ...grads: A) => R {
  return function (this: unknown, ctx, ...grads) {
    const result = no_grad(() => backward.call(this, ctx, ...grads) as never) as R
    const recorded = native.is_grad_enabled() && grads.some((grad) => isTensor(grad) && grad.requires_grad)
    if (!recorded) return result
    const refuse = (gradient: unknown) =>
      isTensor(gradient) ? OnceDifferentiable.apply(gradient.detach().requires_grad_()) : gradient
    return (Array.isArray(result) ? result.map(refuse) : refuse(result)) as R
  }
}

class OnceDifferentiable extends AutogradFunction {
  static override forward(_ctx: FunctionCtx, gradient: Tensor): Tensor {
    return gradient.clone()
  }

  static override backward(): never {
    throw new Error('trying to differentiate twice a function that was marked with once_differentiable')
  }
}
