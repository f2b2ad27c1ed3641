// The optimizers of this library: rows of settings and names of state; a step is one native call for each group.

import { tstorch } from '../backends/index.js'
import { get_default_dtype } from '../core/default_dtype.js'
import * as dtypes from '../core/dtype.js'
import { Implementation, stepOptions } from '../core/generated/contract.js'
import type { Handle, OptimizerStep } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { describe } from '../operators/describe.js'
import { tensor } from '../tensor/factories.js'
import { Optimizer, type ParamGroup, type ParamState, type Step } from './optimizer.js'
import { kept } from './state.js'

export type NumberOrTensor = number | Tensor

/** What native code asks of the settings of any optimizer. */
interface Common {
  lr: NumberOrTensor
  weight_decay?: NumberOrTensor
  betas?: readonly NumberOrTensor[]
  maximize?: boolean
  foreach?: boolean | null
  capturable?: boolean
  differentiable?: boolean
  fused?: boolean | null
}

export interface Row {
  /** The name in messages. */
  readonly name: string
  readonly step: OptimizerStep
  /** The names of the state tensors, in the order of native code. */
  readonly state: readonly string[]
  /** Those that have the parameter's shape. */
  readonly like: readonly string[]
  /** Whether Python takes its foreach only where that is asked for. */
  readonly alone?: boolean
}

/** The value of a setting that may be a tensor. */
export const numberOf = (value: NumberOrTensor): number => (internals.isTensor(value) ? value.item() : value)

/** The settings by their names, in the order of these. */
export function ordered<S extends object, K extends keyof S>(settings: S, names: readonly K[]): Pick<S, K> {
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as Pick<S, K>
}

function implementationOf(group: Common, alone: boolean): number {
  const { foreach, fused, differentiable } = group
  if (differentiable) return Implementation.Single
  if (fused) return Implementation.Fused
  if (foreach) return Implementation.Foreach
  // What divides a learning rate that is a tensor has its dtype in Python's loop: so it has its rounding.
  if (tstorch.fused && !internals.isTensor(group.lr)) return Implementation.Own
  return alone || foreach === false || fused === false ? Implementation.Single : Implementation.Default
}

/** The handles of tensors that stand for numbers, and null where there are none. */
function tensorsOf(group: Common): (Handle | null)[] | null {
  const [beta1, beta2] = group.betas ?? []
  const values = [group.lr, group.weight_decay, beta1, beta2]
  if (!values.some(internals.isTensor)) return null
  return values.map((value) => (internals.isTensor(value) ? internals.handleOf(value) : null))
}

const plain = (value: NumberOrTensor | undefined): number =>
  internals.isTensor(value) ? Number.NaN : value === undefined ? 0 : value

// biome-ignore lint/correctness/noUnusedVariables: the class's parameter, which both declarations must have
export interface NativeOptimizer<S extends object> {
  step: Step
}

export abstract class NativeOptimizer<S extends object> extends Optimizer<S> {
  protected abstract get row(): Row

  /** The optimizer's own settings, as native code reads them. */
  protected abstract optionsOf(group: ParamGroup<S>): Float64Array

  /** Counts of steps, where they are numbers. */
  protected countsOf(_group: ParamGroup<S>): Float64Array | null {
    return null
  }

  protected override stepGroup(group: ParamGroup<S>): void {
    const { params } = group
    const settings = group as unknown as Common
    const { step, state: names, alone } = this.row
    const [parameters, states] = this._handles(params, names)
    const counts = this.countsOf(group)
    const made = step(
      parameters,
      states,
      stepOptions({
        lr: plain(settings.lr),
        weight_decay: plain(settings.weight_decay),
        maximize: settings.maximize === true,
        capturable: settings.capturable === true,
        differentiable: settings.differentiable === true,
        implementation: implementationOf(settings, alone === true),
        double_counts: settings.fused !== true && get_default_dtype() === dtypes.float64,
      }),
      this.optionsOf(group),
      tensorsOf(settings),
      counts,
    )
    if (made === null) return
    for (let i = 0; i < params.length; i++) {
      for (let j = 0; j < names.length; j++) {
        const handle = made[j * params.length + i]
        if (handle == null) continue
        this.stateOf(params[i] as Tensor)[names[j] as string] = kept(internals.wrap(handle))
      }
    }
  }

  /** The handles of the parameters and of their state tensors, 0 where there is none. */
  private _handles(
    params: readonly Tensor[],
    names: readonly string[],
  ): [parameters: Float64Array, states: Float64Array] {
    const parameters = new Float64Array(params.length)
    const states = new Float64Array(params.length * names.length)
    for (let i = 0; i < params.length; i++) {
      const param = params[i] as Tensor
      parameters[i] = internals.handleOf(param)
      const state = this.state.get(param)
      if (state === undefined) continue
      for (let j = 0; j < names.length; j++) {
        const value = state[names[j] as string]
        if (value == null) continue
        if (!internals.isTensor(value)) {
          throw new TypeError(`${this.row.name}: '${names[j]}' of a state must be a Tensor, not ${describe(value)}`)
        }
        states[j * params.length + i] = internals.handleOf(value)
      }
    }
    return [parameters, states]
  }

  protected override checkState(param: Tensor, number: number, state: ParamState): void {
    for (const name of this.row.like) {
      const value = state[name]
      if (!internals.isTensor(value) || value.shape.equals(param.shape)) continue
      throw new RangeError(
        `loaded state dict: '${name}' of parameter ${number} has shape ${value.shape}, the parameter ${param.shape}`,
      )
    }
  }

  /** A state of an older PyTorch counts in numbers. */
  protected override stateFor(param: Tensor, name: string, value: unknown, group: ParamGroup<S>): unknown {
    if (typeof value !== 'number' || !this.row.state.includes(name)) {
      return super.stateFor(param, name, value, group)
    }
    const dtype = get_default_dtype() === dtypes.float64 ? dtypes.float64 : dtypes.float32
    return super.stateFor(param, 'step', tensor(value, { dtype, device: 'cpu' }), group)
  }
}

// --- checks -----------------------------------------------------------------------------------------------------

/** Throws unless `value` is at least 0. */
export function checkAtLeast(name: string, value: NumberOrTensor): void {
  if (!(numberOf(value) >= 0)) throw new RangeError(`Invalid ${name}: ${value}`)
}

export function checkLearningRate(lr: NumberOrTensor, message = 'Invalid learning rate:'): void {
  if (internals.isTensor(lr) && lr.numel() !== 1) throw new RangeError('Tensor lr must be 1-element')
  if (!(numberOf(lr) >= 0)) throw new RangeError(`${message} ${lr}`)
}

export function checkBetas(betas: readonly NumberOrTensor[]): void {
  betas.forEach((beta, i) => {
    const value = numberOf(beta)
    if (!(value >= 0 && value < 1)) throw new RangeError(`Invalid beta parameter at index ${i}: ${beta}`)
  })
}

export function checkFused(settings: {
  fused: boolean | null
  differentiable: boolean
  foreach: boolean | null
}): void {
  if (!settings.fused) return
  if (settings.differentiable) throw new Error('`fused` does not support `differentiable`')
  if (settings.foreach) throw new Error('`fused` and `foreach` cannot be `True` together.')
}
