// What optimizers share: parameter groups, state, and the state_dict in Python's layout.

import { no_grad } from '../autograd/grad_mode.js'
import { tstorch } from '../backends/index.js'
import type { Device } from '../core/device.js'
import { native } from '../core/native.js'
import { pythonRepr } from '../core/python_repr.js'
import { keep } from '../core/scope.js'
import { internals, type Tensor } from '../core/tensor.js'
import { warn } from '../core/warn.js'
import * as aten from '../generated/aten.js'
import { describe } from '../operators/describe.js'
import { isOptions } from '../operators/options.js'
import { type Arguments, read } from './generated/arguments.js'

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

/** State of one parameter: tensors by name. */
export type ParamState = Record<string, Tensor>

/** Python's layout: parameters by their number, state by that number. */
export interface OptimizerStateDict {
  state: Record<number, Record<string, Tensor | null>>
  param_groups: (Record<string, unknown> & { params: number[] })[]
}

/** How an optimizer steps: with a closure that computes the loss again, its result is returned. */
export interface Step {
  (): undefined
  <T>(closure: (() => T) | { closure: () => T }): T
}

/**
 * What optimizers share. A subclass gives its settings with their defaults to the constructor and overrides `step`, or
 * `stepGroup`, which updates the parameters of one group.
 */
// biome-ignore lint/suspicious/noExplicitAny: the settings of a subclass that does not say them, as in Python
export class Optimizer<O extends object = Record<string, any>> {
  readonly defaults: O
  // There is always one.
  readonly param_groups: [ParamGroup<O>, ...ParamGroup<O>[]] = [] as never
  readonly state = new Map<Tensor, ParamState>()
  /** The lists of groups that hold a parameter more than once. */
  readonly #repeating = new WeakSet<readonly Tensor[]>()

  constructor(...args: [params: Params<O>, defaults: O] | [options: { params: Params<O>; defaults: O }]) {
    const { params, defaults } = read('optim.Optimizer', args, new.target.name) as { params: unknown; defaults: O }
    this.defaults = defaults
    if (internals.isTensor(params)) {
      throw new TypeError(
        'params argument given to the optimizer should be an iterable of Tensors or groups, not a Tensor',
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
    for (const param of params) {
      if (!internals.isTensor(param))
        throw new TypeError(`optimizer can only optimize Tensors, but one of the params is ${describe(param)}`)
      if (!param.is_leaf) throw new RangeError("can't optimize a non-leaf Tensor")
    }
    const others = this.param_groups as ParamGroup<O>[]
    if (others.length > 0 && (others[0]?.param_names === undefined) !== (names === null)) {
      throw new RangeError('all optimizer param groups should be with/without names')
    }
    const unique = new Set(params)
    if (unique.size < params.length) {
      this.#repeating.add(params)
      warn('optimizer contains a parameter group with duplicate parameters; in future, this will cause an error')
    }
    if (others.some((other) => other.params.some((param) => unique.has(param)))) {
      throw new RangeError('some parameters appear in more than one parameter group')
    }
    const options: O = { ...this.defaults, ...withoutUndefined(group), params: undefined }
    this.checkOptions(options)
    const made = { ...options, params, ...(names === null ? {} : { param_names: names }) }
    others.push(made as unknown as ParamGroup<O>)
  }

  /** Updates all parameters from their gradients. `closure` computes the loss again; its result is returned. */
  // biome-ignore lint/suspicious/noExplicitAny: a subclass says what its step takes and gives
  step(...args: any[]): any {
    const { closure } = read('optim.Optimizer.step', args as Arguments['optim.Optimizer.step'])
    if (closure !== null && typeof closure !== 'function') {
      throw new TypeError(`step(): the closure must be a function, not ${describe(closure)}`)
    }
    const loss = closure?.()
    for (const group of this.param_groups) {
      // A parameter that is there twice is updated twice, one update after the other.
      if (!this.#repeating.has(group.params)) this.stepGroup(group)
      else for (const param of group.params) this.stepGroup({ ...group, params: [param] })
    }
    return loss
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

  /** Handles of each parameter's state tensor of one name, 0 where there is none. */
  protected handles(params: readonly Tensor[], name?: string): Float64Array {
    const handles = new Float64Array(params.length)
    for (let i = 0; i < params.length; i++) {
      const param = params[i] as Tensor
      const tensor = name === undefined ? param : this.state.get(param)?.[name]
      if (tensor !== undefined) handles[i] = internals.handleOf(tensor)
    }
    return handles
  }

  /** Settings and state, in Python's layout. The tensors are the optimizer's own, not copies. */
  state_dict(): OptimizerStateDict {
    const all = this.param_groups.flatMap((group) => group.params)
    const numberOf = new Map<Tensor, number>()
    all.forEach((param, i) => {
      if (!numberOf.has(param)) numberOf.set(param, i)
    })
    const state: OptimizerStateDict['state'] = {}
    for (const [param, i] of numberOf) {
      const own = this.state.get(param)
      if (own !== undefined && Object.keys(own).length > 0) state[i] = { ...own }
    }
    const param_groups = this.param_groups.map(({ params, ...options }) => ({
      ...options,
      params: params.map((param) => numberOf.get(param) as number),
    }))
    return { state, param_groups }
  }

  /**
   * Takes over settings and copies of the state. Parameters are matched by position.
   * @throws if groups, their lengths or the shapes of the state do not fit; nothing has changed then.
   */
  load_state_dict(...args: Arguments['optim.Optimizer.load_state_dict']): void {
    const { state_dict } = read('optim.Optimizer.load_state_dict', args)
    const groups = this.param_groups
    const saved = state_dict.param_groups
    if (groups.length !== saved.length)
      throw new RangeError('loaded state dict has a different number of parameter groups')
    if (groups.some((group, i) => group.params.length !== saved[i]?.params.length)) {
      throw new RangeError(
        "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
      )
    }
    const pairs = groups.flatMap((group, i) =>
      group.params.map((param, j): [Tensor, number] => [param, saved[i]?.params[j] as number]),
    )
    for (const [param, number] of pairs) {
      for (const [name, value] of Object.entries(state_dict.state[number] ?? {})) {
        if (internals.isTensor(value) && !this.fitsParameter(value, param)) {
          throw new RangeError(
            `loaded state dict: '${name}' of parameter ${number} has shape ${value.shape}, the parameter ${param.shape}`,
          )
        }
      }
    }
    groups.forEach((group, i) => {
      const { params: _, ...settings } = saved[i] as Record<string, unknown>
      this.checkOptions({ ...group, ...settings } as unknown as O)
      const own = group as unknown as Record<string, unknown>
      const kept = new Set(['params', 'param_names', ...Object.keys(this.defaults), ...Object.keys(settings)])
      for (const name of Object.keys(own)) if (!kept.has(name)) delete own[name]
      Object.assign(own, settings)
    })
    this.state.clear()
    for (const [param, number] of pairs) {
      const state = this.stateOf(param)
      for (const [name, value] of Object.entries(state_dict.state[number] ?? {})) {
        if (value !== null) state[name] = this.#loaded(param, name, value) as Tensor
      }
    }
  }

  /** Whether a tensor of a loaded state may be the parameter's, by its shape. */
  protected fitsParameter(value: Tensor, param: Tensor): boolean {
    return value.numel() === 1 || value.shape.equals(param.shape)
  }

  /** Copies of tensors, also of those in a list. */
  #loaded(param: Tensor, name: string, value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#loaded(param, name, item))
    return internals.isTensor(value) ? keep(copyFor(param, name, value)) : value
  }

  toString(): string {
    const groups = this.param_groups.map(({ params: _, ...options }, i) => {
      const settings = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))
      return [`Parameter Group ${i}`, ...settings.map(([name, value]) => `    ${name}: ${pythonRepr(value)}`)].join(
        '\n',
      )
    })
    return `${this.constructor.name} (\n${groups.join('\n\n')}\n)`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** Parameters and, where they come in pairs with their names, the names. */
function namedParams(list: readonly unknown[]): { params: Tensor[]; names: string[] | null } {
  const isPair = (item: unknown): item is [string, Tensor] => Array.isArray(item) && item.length === 2
  if (!list.some(isPair)) return { params: list as Tensor[], names: null }
  if (!list.every(isPair)) {
    throw new RangeError('all optimizer params should be with/without names. Some param names are missing')
  }
  return { params: list.map(([, param]) => param), names: list.map(([name]) => name) }
}

function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

/** A copy in the parameter's dtype and on its device; a step count keeps its own. */
function copyFor(param: Tensor, name: string, value: Tensor): Tensor {
  return no_grad((): Tensor => {
    if (name === 'step') return aten.to(value, { device: stepDevice(param), copy: true })
    return aten.to(value, { dtype: param.dtype, device: param.device, copy: true })
  })
}

/** Where the count of a parameter's steps is: with it on a GPU, so that nothing is copied there in each step. */
export const stepDevice = (param: Tensor): Device | 'cpu' => (param.is_cuda ? param.device : 'cpu')

/** Whether a step takes libtorch's fused kernels: those that Python takes by `fused: true` alone. */
export const isFused = (fused: boolean | null): boolean => tstorch.fused || fused === true

/** Refuses what an optimizer cannot do; foreach and capturable change nothing. */
export function checkImplementation(
  callee: string,
  { differentiable, fused, foreach }: { differentiable: boolean; fused: boolean | null; foreach: boolean | null },
): void {
  if (differentiable) {
    throw new Error(`${callee}: differentiable=true is not supported: steps are not recorded by autograd`)
  }
  if (fused && foreach) throw new Error('`fused` and `foreach` cannot be `True` together.')
}

/** Throws unless `value` is at least `least`. */
export function checkAtLeast(name: string, value: number, least = 0): void {
  if (!(value >= least)) throw new RangeError(`Invalid ${name}: ${value}`)
}
