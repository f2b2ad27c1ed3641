// Functions that are called around what optimizers do: one optimizer's, and those of all.

import { RemovableHandle } from '../core/tensor.js'
import { describe } from '../operators/describe.js'
import { isOptions } from '../operators/options.js'
import type { Optimizer, OptimizerStateDict } from './optimizer.js'

/** What `step` was called with: the optimizer and the arguments in place, and those by keyword. */
export type StepArguments = [args: unknown[], kwargs: Record<string, unknown>]

// biome-ignore-start lint/suspicious/noExplicitAny: an optimizer with whatever settings
// biome-ignore-start lint/suspicious/noConfusingVoidType: a hook that returns nothing
/** Called before a step; what it returns replaces the arguments. */
export type StepPreHook = (
  optimizer: Optimizer<any>,
  args: unknown[],
  kwargs: Record<string, unknown>,
) => StepArguments | null | undefined | void
/** Called after a step. */
export type StepPostHook = (optimizer: Optimizer<any>, args: unknown[], kwargs: Record<string, unknown>) => void
/** Called before state_dict, or after load_state_dict. */
export type StateHook = (optimizer: Optimizer<any>) => void
/** Called with a state that is given out or comes in; what it returns takes its place. */
export type StateDictHook = (
  optimizer: Optimizer<any>,
  state_dict: OptimizerStateDict,
) => OptimizerStateDict | null | undefined | void
// biome-ignore-end lint/suspicious/noConfusingVoidType: as above

/** A list of hooks, in the order in which they are called; the same function may be there twice. */
export class Hooks<H> {
  #entries: { hook: H }[] = []

  add(hook: H, prepend = false): RemovableHandle {
    if (typeof hook !== 'function') throw new TypeError(`the hook must be a function, not ${describe(hook)}`)
    const entry = { hook }
    this.#entries = prepend ? [entry, ...this.#entries] : [...this.#entries, entry]
    return new RemovableHandle(() => {
      this.#entries = this.#entries.filter((other) => other !== entry)
    })
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  *[Symbol.iterator](): Generator<H> {
    for (const { hook } of this.#entries) yield hook
  }
}

class OwnHooks {
  readonly stepPre = new Hooks<StepPreHook>()
  readonly stepPost = new Hooks<StepPostHook>()
  readonly stateDictPre = new Hooks<StateHook>()
  readonly stateDictPost = new Hooks<StateDictHook>()
  readonly loadPre = new Hooks<StateDictHook>()
  readonly loadPost = new Hooks<StateHook>()
}

const hooksOfOptimizers = new WeakMap<object, OwnHooks>()
const allStepPre = new Hooks<StepPreHook>()
const allStepPost = new Hooks<StepPostHook>()

/** An optimizer's hooks. They are beside it: a copy of it has none, as in Python. */
export function hooksOf(optimizer: Optimizer<any>): OwnHooks {
  let hooks = hooksOfOptimizers.get(optimizer)
  if (hooks === undefined) {
    hooks = new OwnHooks()
    hooksOfOptimizers.set(optimizer, hooks)
  }
  return hooks
}
// biome-ignore-end lint/suspicious/noExplicitAny: as above

/** Calls `hook` before every step of every optimizer; what it returns replaces the arguments. */
export const register_optimizer_step_pre_hook = (hook: StepPreHook): RemovableHandle => allStepPre.add(hook)

/** Calls `hook` after every step of every optimizer. */
export const register_optimizer_step_post_hook = (hook: StepPostHook): RemovableHandle => allStepPost.add(hook)

type AnyStep = (this: Optimizer, ...args: unknown[]) => unknown

const hooked = new WeakSet<AnyStep>()

/** Makes a class's `step` call the hooks, its own or the one that it inherits; once. */
export function hookStep(prototype: { step: AnyStep }): void {
  const { step } = prototype
  if (hooked.has(step)) return
  const value: AnyStep = function (...args) {
    const own = hooksOfOptimizers.get(this)
    const none = allStepPre.isEmpty && allStepPost.isEmpty && (own === undefined || own.stepPre.isEmpty)
    if (none && (own === undefined || own.stepPost.isEmpty)) return step.apply(this, args)
    let [given, kwargs] = separated(this, args)
    for (const hooks of [allStepPre, own?.stepPre ?? []]) {
      for (const hook of hooks) {
        const result = hook(this, given, kwargs) ?? null
        if (result === null) continue
        if (!Array.isArray(result) || result.length !== 2) {
          throw new Error(`a step pre-hook must return nothing or [new_args, new_kwargs], but got ${describe(result)}`)
        }
        ;[given, kwargs] = result
      }
    }
    const [, ...inPlace] = given
    const result = step.apply(this, Object.keys(kwargs).length > 0 ? [...inPlace, kwargs] : inPlace)
    for (const hooks of [own?.stepPost ?? [], allStepPost]) for (const hook of hooks) hook(this, given, kwargs)
    return result
  }
  hooked.add(value)
  Object.defineProperty(prototype, 'step', { value, writable: true, configurable: true, enumerable: false })
}

function separated(optimizer: Optimizer, args: unknown[]): StepArguments {
  const last = args.at(-1)
  return isOptions(last) ? [[optimizer, ...args.slice(0, -1)], last] : [[optimizer, ...args], {}]
}
