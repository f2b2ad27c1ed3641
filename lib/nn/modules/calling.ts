// What a call of a module does: its hooks, and forward between them.

import type { RemovableHandle } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import { describe } from '../../operators/describe.js'
import { isOptions } from '../../operators/options.js'
import { type Arguments, read } from '../generated/arguments.js'
import { CallWithBackwardHooks } from './backward_hook.js'
import type { AnyFunction } from './call_types.js'
import { settleFields } from './fields.js'
import {
  type BackwardHook,
  type BackwardPreHook,
  CallHooks,
  type ForwardHook,
  type ForwardPreHook,
  globalHooks,
  type HookList,
} from './hooks.js'
import type { Module } from './module.js'
import { Parts } from './parts.js'

export interface Forwarding {
  forward: AnyFunction
}

/** The module as what has the forward that a subclass declares. */
export const forwarding = (module: object): Forwarding => module as Forwarding

/** The hooks of a module's calls, made when they are first asked for. */
export let callHooksOf: (module: Called) => CallHooks

/** A module with its hooks. */
export class Called extends Parts {
  #settled = false
  #hooks: CallHooks | null = null

  static {
    callHooksOf = (module) => {
      module.#hooks ??= new CallHooks()
      return module.#hooks
    }
  }

  override __call__(...args: unknown[]): unknown {
    if (!this.#settled) {
      settleFields(this)
      this.#settled = true
    }
    const hooks = this.#hooks
    if ((hooks === null || hooks.isEmpty()) && globalHooks.isEmpty()) return forwarding(this).forward(...args)
    return new Call(this as unknown as Module, callHooksOf(this)).run(args)
  }

  /**
   * Calls `hook(module, args)` before every forward; what it returns replaces the arguments. `prepend` puts it before
   * the hooks that are there. Keywords are the last of `args`, and stay where a hook does not return them; with
   * `with_kwargs` they come apart, `hook(module, args, kwargs)`, and the hook returns nothing or `[args, kwargs]`.
   */
  register_forward_pre_hook(...args: Arguments['nn.Module.register_forward_pre_hook']): RemovableHandle {
    const { hook, ...registration } = read('nn.Module.register_forward_pre_hook', args)
    return callHooksOf(this).forwardPre.register(hook, registration)
  }

  /**
   * Calls `hook(module, args, output)` after every forward; what it returns replaces the output. `prepend` puts it
   * before the hooks that are there; with `with_kwargs` it is called as `hook(module, args, kwargs, output)`; with
   * `always_call` it runs after a forward that threw too, with undefined as its output.
   */
  register_forward_hook(...args: Arguments['nn.Module.register_forward_hook']): RemovableHandle {
    const { hook, ...registration } = read('nn.Module.register_forward_hook', args)
    return callHooksOf(this).forward.register(hook, registration)
  }

  /**
   * Calls `hook(module, grad_output)` in backward, when the gradients of the module's outputs are there: an array with
   * null for what is no tensor. What it returns takes their place. The outputs must not be changed in place.
   */
  register_full_backward_pre_hook(...args: Arguments['nn.Module.register_full_backward_pre_hook']): RemovableHandle {
    const { hook, prepend } = read('nn.Module.register_full_backward_pre_hook', args)
    return callHooksOf(this).backwardPre.register(hook, { prepend })
  }

  /**
   * Calls `hook(module, grad_input, grad_output)` in backward, when the gradients of the module's inputs are there:
   * arrays with null for what is no tensor. What it returns takes the place of grad_input. Where no input requires a
   * gradient, it is called with the outputs' and may return nothing. Inputs and outputs must not be changed in place.
   */
  register_full_backward_hook(...args: Arguments['nn.Module.register_full_backward_hook']): RemovableHandle {
    const { hook, prepend } = read('nn.Module.register_full_backward_hook', args)
    return callHooksOf(this).backward.register(hook, { prepend })
  }

  // Under Python's names, for code that looks for its own hooks among them.

  get _forward_pre_hooks(): HookList<ForwardPreHook> {
    return callHooksOf(this).forwardPre
  }

  get _forward_hooks(): HookList<ForwardHook> {
    return callHooksOf(this).forward
  }

  get _backward_pre_hooks(): HookList<BackwardPreHook> {
    return callHooksOf(this).backwardPre
  }

  get _backward_hooks(): HookList<BackwardHook> {
    return callHooksOf(this).backward
  }
}

/** Gives a module the hooks of another one. */
export function copyCallHooks(from: Called, to: Called): void {
  const [own, others] = [callHooksOf(from), callHooksOf(to)]
  own.forwardPre.copyTo(others.forwardPre)
  own.forward.copyTo(others.forward)
  own.backwardPre.copyTo(others.backwardPre)
  own.backward.copyTo(others.backward)
}

type Kwargs = Record<string, unknown>

/** Arguments in place, and the keywords, which JavaScript has in an object at the end. */
function apart(args: readonly unknown[]): [args: unknown[], kwargs: Kwargs] {
  const last = args.at(-1)
  return isOptions(last) ? [args.slice(0, -1), last] : [[...args], {}]
}

/** One call of a module that has hooks. */
class Call {
  #output: unknown
  readonly #called = new Set<number>()

  constructor(
    readonly module: Module,
    readonly own: CallHooks,
  ) {}

  run(given: unknown[]): unknown {
    let args = given
    try {
      for (const list of [globalHooks.forwardPre, this.own.forwardPre]) args = this.#before(list, args)
      const backward = [...globalHooks.backward.values(), ...this.own.backward.values()]
      const backwardPre = [...globalHooks.backwardPre.values(), ...this.own.backwardPre.values()]
      const around =
        backward.length + backwardPre.length === 0
          ? null
          : new CallWithBackwardHooks(this.module, backward, backwardPre)
      if (around !== null) args = around.inputs(args)
      this.#output = forwarding(this.module).forward(...args)
      for (const list of [globalHooks.forward, this.own.forward]) {
        for (const [id, hook] of [...list]) {
          if (list.alwaysCalled.has(id)) this.#called.add(id)
          this.#after(list, id, hook, args)
        }
      }
      return around === null ? this.#output : around.outputs(this.#output)
    } catch (error) {
      this.#afterError(args)
      throw error
    }
  }

  /** The arguments after the hooks of a list. */
  #before(list: HookList<ForwardPreHook>, given: unknown[]): unknown[] {
    let args = given
    for (const [id, hook] of [...list]) {
      if (list.withKwargs.has(id)) {
        const changed = hook(this.module, ...apart(args))
        if (changed === undefined || changed === null) continue
        if (!Array.isArray(changed) || changed.length !== 2 || !Array.isArray(changed[0])) {
          throw new Error(
            `forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got ${describe(changed)}.`,
          )
        }
        const [positional, kwargs] = changed as [unknown[], Kwargs]
        args = Object.keys(kwargs ?? {}).length === 0 ? positional : [...positional, kwargs]
      } else {
        const changed = hook(this.module, args)
        if (changed === undefined || changed === null) continue
        const list = Array.isArray(changed) ? changed : [changed]
        const kwargs = args.at(-1)
        args = isOptions(kwargs) && !isOptions(list.at(-1)) ? [...list, kwargs] : list
      }
    }
    return args
  }

  #after(list: HookList<ForwardHook>, id: number, hook: ForwardHook, args: unknown[]): void {
    const changed = list.withKwargs.has(id)
      ? hook(this.module, ...apart(args), this.#output)
      : hook(this.module, args, this.#output)
    this.#output = changed ?? this.#output
  }

  /** The hooks that are always called, where something threw before them. */
  #afterError(args: unknown[]): void {
    for (const list of [globalHooks.forward, this.own.forward]) {
      for (const [id, hook] of [...list]) {
        if (!list.alwaysCalled.has(id) || this.#called.has(id)) continue
        try {
          this.#after(list, id, hook, args)
        } catch (error) {
          warn(
            `${list === globalHooks.forward ? 'global ' : ''}module forward hook with \`always_call=True\` raised an ` +
              `exception that was silenced as another error was raised in forward: ${error}`,
          )
        }
      }
    }
  }
}
