// What optimizers share: parameter groups, state, and the state_dict in Python's layout.

import { no_grad } from '../autograd/grad_mode.js'
import { tstorch } from '../backends/index.js'
import type { Device } from '../core/device.js'
import { native } from '../core/native.js'
import { pythonRepr } from '../core/python_repr.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { checkKeys } from '../operators/arguments.js'
import { describe } from '../operators/describe.js'
import { isOptions } from '../operators/options.js'
import { type Arguments, read } from './generated/arguments.js'

/** One group of parameters with its own settings. */
export type ParamGroup<O> = O & { params: Tensor[] }

/** Parameters; or groups of them, each with settings of its own. */
export type Params<O> =
  | Iterable<Tensor>
  | Iterable<[string, Tensor]>
  | Iterable<{ params: Tensor | Iterable<Tensor> } & Partial<O>>

/** State of one parameter: tensors by name. */
export type ParamState = Record<string, Tensor>

/** Python's layout: parameters by their number, state by that number. */
export interface OptimizerStateDict {
  state: Record<number, Record<string, Tensor | null>>
  param_groups: (Record<string, unknown> & { params: number[] })[]
}

/**
 * What optimizers share. A subclass gives its settings with their defaults to the constructor and overrides `step`, or
 * `stepGroup`, which updates the parameters of one group.
 */
export class Optimizer<O extends object> {
  readonly defaults: O
  readonly param_groups: ParamGroup<O>[] = []
  readonly state = new Map<Tensor, ParamState>()

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
    const tensors = list.map((item) => (Array.isArray(item) && item.length === 2 ? item[1] : item))
    const groups = tensors.every((item) => isOptions(item)) ? tensors : [{ params: tensors }]
    for (const group of groups) this.add_param_group(group as { params: Iterable<Tensor> } & Partial<O>)
  }

  /** Throws if a group's settings are invalid. */
  protected checkOptions(_options: O): void {}

  /** Updates the parameters of one group. */
  protected stepGroup(_group: ParamGroup<O>): void {
    throw new Error(`${this.constructor.name} has no step`)
  }

  /** Adds parameters with settings of their own; settings not given are the optimizer's. */
  add_param_group(...args: [param_group: { params: Tensor | Iterable<Tensor> } & Partial<O>]): void {
    const group = read('optim.Optimizer.add_param_group', args).param_group as (typeof args)[0]
    if (typeof group !== 'object' || group === null || group.params === undefined) {
      throw new TypeError('a parameter group must be an object with the field params')
    }
    checkKeys(`${this.constructor.name} parameter group`, group, ['params', ...Object.keys(this.defaults)])
    const params = internals.isTensor(group.params) ? [group.params] : [...(group.params as Iterable<Tensor>)]
    const known = new Set(this.param_groups.flatMap((other) => other.params))
    for (const param of params) {
      if (!internals.isTensor(param))
        throw new TypeError(`optimizer can only optimize Tensors, but one of the params is ${describe(param)}`)
      if (!param.is_leaf) throw new RangeError("can't optimize a non-leaf Tensor")
      if (known.has(param)) throw new RangeError('some parameters appear in more than one parameter group')
      known.add(param)
    }
    const options: O = { ...this.defaults, ...withoutUndefined(group), params: undefined }
    this.checkOptions(options)
    this.param_groups.push({ ...options, params })
  }

  /** Updates all parameters from their gradients. `closure` computes the loss again; its result is returned. */
  step(): undefined
  step<T>(closure: (() => T) | { closure: () => T }): T
  step<T>(...args: Arguments['optim.Optimizer.step']): T | undefined {
    const { closure } = read('optim.Optimizer.step', args)
    if (closure !== null && typeof closure !== 'function') {
      throw new TypeError(`step(): the closure must be a function, not ${describe(closure)}`)
    }
    const loss = closure?.() as T | undefined
    for (const group of this.param_groups) this.stepGroup(group)
    return loss
  }

  /** Forgets the gradients: sets them to null, or to zero where `set_to_none` is false. */
  zero_grad(...args: Arguments['optim.Optimizer.zero_grad']): void {
    const { set_to_none } = read('optim.Optimizer.zero_grad', args)
    const handles = this.param_groups.flatMap((group) => group.params.map(internals.handleOf))
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
    const numberOf = new Map(all.map((param, i) => [param, i]))
    const state: OptimizerStateDict['state'] = {}
    all.forEach((param, i) => {
      const own = this.state.get(param)
      if (own !== undefined && Object.keys(own).length > 0) state[i] = { ...own }
    })
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
        const fits = value === null || value.numel() === 1 || value.shape.equals(param.shape)
        if (!fits) {
          throw new RangeError(
            `loaded state dict: '${name}' of parameter ${number} has shape ${value?.shape}, the parameter ${param.shape}`,
          )
        }
      }
    }
    groups.forEach((group, i) => {
      const { params: _, ...options } = saved[i] as Record<string, unknown>
      const known = Object.entries(options).filter(([name]) => name in group)
      const settings = Object.fromEntries(known) as Partial<O>
      this.checkOptions({ ...group, ...settings })
      Object.assign(group, settings)
    })
    this.state.clear()
    for (const [param, number] of pairs) {
      const state = this.stateOf(param)
      for (const [name, value] of Object.entries(state_dict.state[number] ?? {})) {
        if (value !== null) this.keepState(state, name, copyFor(param, name, value))
      }
    }
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
