// torch.utils.checkpoint: memory for time. What a function computes is not kept for backward but computed again there.

import { backward } from '../autograd/backward.js'
import { AutogradFunction, type FunctionCtx } from '../autograd/function.js'
import { enable_grad } from '../autograd/grad_mode.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { empty } from '../generated/functions.js'
import { checkKeys } from '../operators/arguments.js'
import { get_rng_state, set_rng_state } from '../operators/generator.js'
import { isOptions, ownFields } from '../operators/options.js'

type Run = (...args: never[]) => Tensor | Tensor[]

export interface CheckpointOptions {
  /** Whether the second computation draws the same random numbers as the first (true), as dropout needs. */
  preserve_rng_state?: boolean | undefined
  /** Taken for Python's sake: both of Python's forms are one here. */
  use_reentrant?: boolean | undefined
}

/** Python's other options of how it computes again. */
const KEYWORDS = ['use_reentrant', 'preserve_rng_state', 'context_fn', 'determinism_check', 'debug', 'early_stop']

function optionsOf(callee: string, options: unknown): CheckpointOptions {
  checkKeys(callee, options as object, KEYWORDS)
  return ownFields(options as CheckpointOptions)
}

const { isTensor } = internals
const copy = (tensor: Tensor) => tensor.detach().requires_grad_(tensor.requires_grad)

class CheckpointFunction extends AutogradFunction {
  static override forward(ctx: FunctionCtx, run: Run, preserve: boolean, _recorded: Tensor, ...args: unknown[]) {
    ctx.run = run
    ctx.state = preserve ? get_rng_state() : null
    ctx.arguments = args.map((arg) => (isTensor(arg) ? null : arg))
    ctx.save_for_backward(...args.map((arg) => (isTensor(arg) ? arg : null)))
    return (run as (...args: unknown[]) => Tensor | Tensor[])(...args)
  }

  static override backward(ctx: FunctionCtx, ...gradients: (Tensor | null)[]): (Tensor | null)[] {
    if (!native.is_checkpoint_valid()) {
      throw new Error(
        'checkpoint works with backward() without `inputs`, not with torch.autograd.grad: what is computed again adds ' +
          'to the grad of parameters',
      )
    }
    const saved = ctx.saved_tensors as (Tensor | null)[]
    const args = saved.map((tensor, i) => (tensor === null ? ctx.arguments[i] : copy(tensor)))
    const before = ctx.state === null ? null : get_rng_state()
    if (ctx.state !== null) set_rng_state(ctx.state)
    let outputs: Tensor[]
    try {
      const again = () => [(ctx.run as (...args: unknown[]) => Tensor | Tensor[])(...args)].flat() as never
      outputs = enable_grad(again) as Tensor[]
    } finally {
      if (before !== null) set_rng_state(before)
    }
    const pairs = outputs.flatMap((output, i) => {
      const gradient = gradients[i]
      return isTensor(output) && output.requires_grad && isTensor(gradient) ? [{ output, gradient }] : []
    })
    if (pairs.length > 0) {
      backward(
        pairs.map(({ output }) => output),
        pairs.map(({ gradient }) => gradient),
      )
    }
    return [null, null, null, ...args.map((arg) => (isTensor(arg) ? arg.grad : null))]
  }
}

/**
 * `run(...args)`, of which nothing is kept for backward but the arguments; backward computes it again. The last argument
 * may be an object with options. Gradients reach tensors among the arguments and whatever parameters `run` uses.
 */
export function checkpoint<A extends unknown[], R extends Tensor | Tensor[]>(
  run: (...args: A) => R,
  ...args: [...A] | [...A, CheckpointOptions]
): R {
  const isLast = args.length > 0 && isOptions(args.at(-1))
  const { preserve_rng_state = true } = optionsOf('checkpoint', isLast ? args.at(-1) : {})
  const inputs = (isLast ? args.slice(0, -1) : args) as A
  // Parameters are no arguments: this tensor makes the result part of the graph.
  const recorded = empty([0]).requires_grad_()
  return CheckpointFunction.apply(run as unknown as Run, preserve_rng_state, recorded, ...inputs) as R
}

/** Runs functions one after the other in `segments` parts, all but the last of them checkpointed. */
export function checkpoint_sequential(
  functions: readonly ((input: Tensor) => Tensor)[] | Iterable<(input: Tensor) => Tensor>,
  segments: number,
  input: Tensor,
  options: CheckpointOptions = {},
): Tensor {
  const all = [...functions]
  optionsOf('checkpoint_sequential', options)
  if (!Number.isInteger(segments) || segments < 1) throw new RangeError(`segments must be at least 1, got ${segments}`)
  const size = Math.floor(all.length / segments)
  const part = (start: number, end: number) => (x: Tensor) =>
    all.slice(start, end).reduce((value, apply) => apply(value), x)
  let value = input
  for (let i = 0; i < segments - 1; i++) value = checkpoint(part(i * size, (i + 1) * size), value, options)
  return part((segments - 1) * size, all.length)(value)
}
