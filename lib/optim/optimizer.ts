// What optimizers share: parameter groups, state, and the state_dict in Python's layout.

import { native } from '../core/native.js'
import { pythonRepr } from '../core/python_repr.js'
import { internals, type RemovableHandle, type Tensor } from '../core/tensor.js'
import { warn } from '../core/warn.js'
import { printsAsFloat } from '../operators/arguments.js'
import { describe } from '../operators/describe.js'
import { isOptions, isPlainObject } from '../operators/options.js'
import { type Arguments, read } from './generated/arguments.js'
import { hookStep, hooksOf, type StateDictHook, type StateHook, type StepPostHook, type StepPreHook } from './hooks.js'
import { copyFor, loadSettings, matched, namedParams, repeats, stateDictOf, withoutUndefined } from './state.js'

/** A learning rate is read as a number; a tensor may be assigned, and is what is read then. */
interface LearningRateSetting {
  get lr(): number
  set lr(value: number | Tensor)
}

/** One group of parameters with its own settings, and whatever else was written into it. */
export type ParamGroup<O> = (O extends { lr: unknown } ? Omit<O, 'lr'> & LearningRateSetting : O) & {
  params: Tensor[]
  /** Where parameters were given with their names. */
  param_names?: string[]
}

/** Parameters, or pairs of name and parameter; or groups of them, each with settings of its own. */
export type Params<O> =
  | Iterable<Tensor>
  | Iterable<readonly [name: string, parameter: Tensor]>
  | Iterable<GivenGroup<O>>

type GivenGroup<O> = { params: Tensor | Iterable<Tensor> | Iterable<readonly [string, Tensor]> } & Partial<O> &
  Readonly<Record<string, unknown>>

// biome-ignore lint/suspicious/noExplicitAny: an optimizer keeps what it likes, mostly tensors
export type ParamState = Record<string, any>

/** Python's layout: parameters by their number, state by that number. */
export interface OptimizerStateDict {
  state: Record<number, ParamState>
  param_groups: (Record<string, unknown> & { params: number[] })[]
}

/** A hook, and whether it comes before those that are there. */
type HookArguments<H> = [
  hook: H | { hook: H; prepend?: boolean | undefined },
  prepend?: boolean | { prepend?: boolean },
]

/** How an optimizer steps: with a closure that computes the loss again, its result is returned. */
export interface Step {
  (): undefined
  <T>(closure: (() => T) | { closure: () => T }): T
}

/**
 * What optimizers share. A subclass gives its settings with their defaults to the constructor and overrides `step`, or
 * `stepGroup`, which updates the parameters of one group. `this.stateOf(param)` is Python's `self.state[param]`; tensors
 * that are to outlive a `torch.scope` are put there by `this.keepState(state, name, tensor)`:
 *
 * ```ts
 * class Descent extends optim.Optimizer<{ lr: number }> {
 *   constructor(params: Iterable<Tensor>, lr = 0.1) {
 *     super(params, { lr })
 *   }
 *   override step(): void {
 *     torch.no_grad(() => {
 *       for (const { params, lr } of this.param_groups)
 *         for (const p of params) if (p.grad !== null) p.add_(p.grad, { alpha: -lr })
 *     })
 *   }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: the settings of a subclass that does not say them, as in Python
export class Optimizer<O extends object = Record<string, any>> {
  readonly defaults: O
  // There is always one.
  readonly param_groups: [ParamGroup<O>, ...ParamGroup<O>[]] = [] as never
  /** What the optimizer keeps of each parameter: in a subclass, `this.stateOf(param)` is Python's `self.state[param]`. */
  readonly state = new Map<Tensor, ParamState>()

  constructor(...args: [params: Params<O>, defaults: O] | [options: { params: Params<O>; defaults: O }]) {
    const { params, defaults } = read('optim.Optimizer', args, new.target.name) as { params: unknown; defaults: O }
    this.defaults = defaults
    hookStep(new.target.prototype)
    if (internals.isTensor(params)) {
      throw new TypeError(
        `params argument given to the optimizer should be an iterable of Tensors or dicts, but got ${params.type()}`,
      )
    }
    if (typeof (params as Iterable<unknown> | null)?.[Symbol.iterator] !== 'function') {
      throw new TypeError(
        `params argument given to the optimizer should be an iterable of Tensors or groups, not ${describe(params)}`,
      )
    }
    const list: unknown[] = [...(params as Iterable<unknown>)]
    if (list.length === 0) throw new RangeError('optimizer got an empty parameter list')
    const groups = list.every((item) => isOptions(item)) ? list : [{ params: list }]
    for (const group of groups) this.add_param_group(group as GivenGroup<O>)
  }

  /** Throws if a group's settings are invalid. */
  protected checkOptions(_options: O): void {}

  /** Updates the parameters of one group. */
  protected stepGroup(_group: ParamGroup<O>): void {
    throw new Error(`${this.constructor.name} has no step`)
  }

  /**
   * Adds parameters with settings of their own; settings not given are the optimizer's. Fields that are no settings
   * stay in the group, as in Python.
   */
  add_param_group(...args: [param_group: GivenGroup<O>]): void {
    const group = read('optim.Optimizer.add_param_group', args).param_group as (typeof args)[0]
    if (typeof group !== 'object' || group === null || group.params === undefined) {
      throw new TypeError('a parameter group must be an object with the field params')
    }
    const { params, names } = namedParams(internals.isTensor(group.params) ? [group.params] : [...group.params])
    const { differentiable } = this.defaults as { differentiable?: unknown }
    for (const param of params) {
      if (!internals.isTensor(param))
        throw new TypeError(`optimizer can only optimize Tensors, but one of the params is ${describe(param)}`)
      if (!differentiable && !param.is_leaf && !param.retains_grad) {
        throw new RangeError("can't optimize a non-leaf Tensor")
      }
    }
    // In Python's order: what the group says of itself, then the optimizer's settings.
    const { params: _, ...own } = withoutUndefined(group) as Record<string, unknown>
    const settings = { ...own, ...(names === null ? {} : { param_names: names }) }
    for (const [name, value] of Object.entries(this.defaults)) {
      if (!Object.hasOwn(settings, name)) Object.assign(settings, { [name]: value })
    }
    const unique = new Set(params)
    if (unique.size < params.length) {
      warn('optimizer contains a parameter group with duplicate parameters; in future, this will cause an error')
    }
    const others = this.param_groups as ParamGroup<O>[]
    for (const other of others) {
      if ((other.param_names === undefined) === (names === null)) continue
      const which = names === null ? 'without names' : 'with names'
      throw new RangeError(
        `all optimizer param groups should be with/without names. cannot add param group ${which} to the optimizer`,
      )
    }
    if (others.some((other) => other.params.some((param) => unique.has(param)))) {
      throw new RangeError('some parameters appear in more than one parameter group')
    }
    this.checkOptions(settings as unknown as O)
    others.push({ params, ...settings } as unknown as ParamGroup<O>)
  }

  /** Updates all parameters from their gradients. `closure` computes the loss again; its result is returned. */
  // biome-ignore lint/suspicious/noExplicitAny: a subclass says what its step takes and gives
  step(...args: any[]): any {
    const { closure } = read('optim.Optimizer.step', args as Arguments['optim.Optimizer.step'])
    if (closure !== null && typeof closure !== 'function') {
      throw new TypeError(`step(): the closure must be a function, not ${describe(closure)}`)
    }
    const { differentiable } = this.defaults as { differentiable?: unknown }
    const before = native.set_grad_enabled(true)
    try {
      const loss = closure?.()
      native.set_grad_enabled(differentiable === true)
      for (const group of this.param_groups) {
        // A parameter that is there twice is updated twice, one update after the other.
        if (!repeats(group.params)) this.stepGroup(group)
        else for (const param of group.params) this.stepGroup({ ...group, params: [param] })
      }
      return loss
    } finally {
      native.set_grad_enabled(before)
    }
  }

  /** Forgets the gradients: sets them to null, or to zero where `set_to_none` is false. */
  zero_grad(...args: Arguments['optim.Optimizer.zero_grad']): void {
    const { set_to_none } = read('optim.Optimizer.zero_grad', args)
    const handles = this.param_groups.flatMap((group) => group.params.map(internals.heldHandleOf))
    native.zero_grad(handles, set_to_none)
  }

  /** The state of a parameter, where it has one. */
  protected stateOf(param: Tensor): ParamState {
    let state = this.state.get(param)
    if (state === undefined) {
      state = {}
      this.state.set(param, state)
    }
    return state
  }

  /** State tensors outlive the scope in which they are made. */
  protected keepState(state: ParamState, name: string, tensor: Tensor): void {
    if (internals.ownerOf(tensor) !== null) internals.setOwner(tensor, null)
    state[name] = tensor
  }

  /** Settings and state, in Python's layout. The tensors are the optimizer's own, not copies. */
  state_dict(): OptimizerStateDict {
    const hooks = hooksOf(this)
    for (const hook of hooks.stateDictPre) hook(this)
    let state_dict = stateDictOf(this)
    for (const hook of hooks.stateDictPost) state_dict = hook(this, state_dict) ?? state_dict
    return state_dict
  }

  /**
   * Takes over settings and copies of the state. Parameters are matched by position. A setting that the state lacks stays
   * as it is.
   * @throws if groups, their lengths or the shapes of the state do not fit; nothing has changed then.
   */
  load_state_dict(...args: Arguments['optim.Optimizer.load_state_dict']): void {
    const hooks = hooksOf(this)
    let { state_dict } = read('optim.Optimizer.load_state_dict', args)
    if (!hooks.loadPre.isEmpty) state_dict = { ...state_dict }
    for (const hook of hooks.loadPre) state_dict = hook(this, state_dict) ?? state_dict
    const pairs = matched(this.param_groups, state_dict.param_groups)
    for (const [param, number] of pairs) this.checkState(param, number, state_dict.state[number] ?? {})
    this.param_groups.forEach((group, i) => {
      const { params: _, ...settings } = state_dict.param_groups[i] as Record<string, unknown>
      this.checkOptions({ ...group, ...settings } as unknown as O)
    })
    this.param_groups.forEach((group, i) => {
      loadSettings(group, state_dict.param_groups[i] as Record<string, unknown>, this.defaults)
    })
    const numbers = new Set(pairs.map(([, number]) => String(number)))
    this.state.clear()
    for (const [param, number] of pairs) {
      const own = state_dict.state[number]
      if (own === undefined) continue
      const group = this.param_groups.find(({ params }) => params.includes(param)) as ParamGroup<O>
      const state = this.stateOf(param)
      for (const [name, value] of Object.entries(own)) state[name] = this.stateFor(param, name, value, group)
    }
    // What belongs to no parameter is kept as it is.
    const loose = this.state as Map<unknown, ParamState>
    for (const [key, own] of Object.entries(state_dict.state)) if (!numbers.has(key)) loose.set(key, own)
    for (const hook of hooks.loadPost) hook(this)
  }

  /** Throws where a loaded state does not fit a parameter. */
  protected checkState(_param: Tensor, _number: number, _state: ParamState): void {}

  /** A loaded value as the state of a parameter: tensors are copied, in the parameter's dtype, on its device. */
  protected stateFor(param: Tensor, name: string, value: unknown, group: ParamGroup<O>): unknown {
    if (internals.isTensor(value)) return copyFor(param, name, value, group)
    if (Array.isArray(value)) return value.map((item) => this.stateFor(param, '', item, group))
    if (!isPlainObject(value)) return value
    const entries = Object.entries(value).map(([key, item]) => [key, this.stateFor(param, key, item, group)])
    return Object.fromEntries(entries)
  }

  /** Calls `hook` before every step; what it returns, new arguments and keywords, replaces those of the step. */
  register_step_pre_hook(...args: [hook: StepPreHook | { hook: StepPreHook }]): RemovableHandle {
    const { hook } = read('optim.Optimizer.register_step_pre_hook', args)
    return hooksOf(this).stepPre.add(hook as StepPreHook)
  }

  /** Calls `hook` after every step. */
  register_step_post_hook(...args: [hook: StepPostHook | { hook: StepPostHook }]): RemovableHandle {
    const { hook } = read('optim.Optimizer.register_step_post_hook', args)
    return hooksOf(this).stepPost.add(hook as StepPostHook)
  }

  /** Calls `hook` before a state is given out. `prepend` puts it before the hooks that are there. */
  register_state_dict_pre_hook(...args: HookArguments<StateHook>): RemovableHandle {
    const { hook, prepend } = read('optim.Optimizer.register_state_dict_pre_hook', args)
    return hooksOf(this).stateDictPre.add(hook as StateHook, prepend)
  }

  /** Calls `hook` with a state that is given out; what it returns takes its place. */
  register_state_dict_post_hook(...args: HookArguments<StateDictHook>): RemovableHandle {
    const { hook, prepend } = read('optim.Optimizer.register_state_dict_post_hook', args)
    return hooksOf(this).stateDictPost.add(hook as StateDictHook, prepend)
  }

  /** Calls `hook` with a state that is to be loaded; what it returns takes its place. */
  register_load_state_dict_pre_hook(...args: HookArguments<StateDictHook>): RemovableHandle {
    const { hook, prepend } = read('optim.Optimizer.register_load_state_dict_pre_hook', args)
    return hooksOf(this).loadPre.add(hook as StateDictHook, prepend)
  }

  /** Calls `hook` after a state was loaded. */
  register_load_state_dict_post_hook(...args: HookArguments<StateHook>): RemovableHandle {
    const { hook, prepend } = read('optim.Optimizer.register_load_state_dict_post_hook', args)
    return hooksOf(this).loadPost.add(hook as StateHook, prepend)
  }

  toString(): string {
    const groups = this.param_groups.map(({ params: _, ...options }, i) => {
      const settings = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))
      const shown = (value: unknown) => (internals.isTensor(value) && value.dim() === 0 ? value.item() : value)
      const key = `optim.${this.constructor.name}`
      const lines = settings.map(([name, value]) => {
        return `    ${name}: ${pythonRepr(shown(value))}${printsAsFloat(key, name, value) ? '.0' : ''}`
      })
      return [`Parameter Group ${i}`, ...lines].join('\n')
    })
    return `${this.constructor.name} (\n${groups.join('\n\n')}\n)`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
