// Groups of parameters and the state of an optimizer, in and out of Python's layout.

import type { Device } from '../core/device.js'
import * as dtypes from '../core/dtype.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { clone } from '../generated/functions.js'
import { isPlainObject } from '../operators/options.js'
import type { OptimizerStateDict, ParamState } from './optimizer.js'

type Settings = Record<string, unknown>
interface Group {
  params: Tensor[]
  param_names?: string[]
}

/** Parameters and, where they come in pairs with their names, the names. */
export function namedParams(list: readonly unknown[]): { params: Tensor[]; names: string[] | null } {
  const isPair = (item: unknown): item is [string, Tensor] => Array.isArray(item) && item.length === 2
  if (!list.some(isPair)) return { params: list as Tensor[], names: null }
  if (!list.every(isPair)) {
    throw new RangeError('all optimizer params should be with/without names. Some param names are missing')
  }
  return { params: list.map(([, param]) => param), names: list.map(([name]) => name) }
}

export function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

const known = new WeakMap<readonly Tensor[], { length: number; repeats: boolean }>()

/** Whether a parameter is in the list more than once; looked up again when the list has another length. */
export function repeats(params: readonly Tensor[]): boolean {
  let found = known.get(params)
  if (found === undefined || found.length !== params.length) {
    found = { length: params.length, repeats: new Set(params).size < params.length }
    known.set(params, found)
  }
  return found.repeats
}

/** Settings and state, parameters by their number. */
export function stateDictOf(optimizer: {
  readonly param_groups: readonly Group[]
  readonly state: ReadonlyMap<Tensor, ParamState>
}): OptimizerStateDict {
  const numberOf = new Map<Tensor, number>()
  optimizer.param_groups
    .flatMap((group) => group.params)
    .forEach((param, i) => {
      if (!numberOf.has(param)) numberOf.set(param, i)
    })
  const state: Record<string | number, ParamState> = {}
  for (const [param, own] of optimizer.state as ReadonlyMap<unknown, ParamState>) {
    if (!internals.isTensor(param)) state[param as string] = own
    else if (numberOf.has(param)) state[numberOf.get(param) as number] = { ...own }
  }
  const param_groups = optimizer.param_groups.map(({ params, ...options }) => ({
    ...options,
    params: params.map((param) => numberOf.get(param) as number),
  }))
  return { state, param_groups }
}

/** Each parameter with its number in a saved state. */
export function matched(groups: readonly Group[], saved: OptimizerStateDict['param_groups']): [Tensor, number][] {
  if (groups.length !== saved.length)
    throw new RangeError('loaded state dict has a different number of parameter groups')
  if (groups.some((group, i) => group.params.length !== saved[i]?.params.length)) {
    throw new RangeError(
      "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
    )
  }
  return groups.flatMap((group, i) =>
    group.params.map((param, j): [Tensor, number] => [param, saved[i]?.params[j] as number]),
  )
}

/** Makes a group's settings those of a saved one, in its order; the names of parameters stay where it has none. */
export function loadSettings(group: Group, saved: Settings, defaults: object): void {
  const own = group as unknown as Settings
  const before = { ...own }
  for (const name of Object.keys(own)) if (name !== 'params') delete own[name]
  for (const [name, value] of Object.entries(saved)) if (name !== 'params') own[name] = copied(value)
  for (const name of ['param_names', ...Object.keys(defaults)]) {
    if (!Object.hasOwn(own, name) && Object.hasOwn(before, name)) own[name] = before[name]
  }
}

/** A copy of a setting, which may hold tensors. */
function copied(value: unknown): unknown {
  if (internals.isTensor(value)) return kept(clone(value.detach()).requires_grad_(value.requires_grad))
  if (Array.isArray(value)) return value.map(copied)
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item)]))
}

/** State tensors outlive the scope in which they are made. */
export function kept(tensor: Tensor): Tensor {
  if (internals.ownerOf(tensor) !== null) internals.setOwner(tensor, null)
  return tensor
}

/** Where the count of a parameter's steps is: with it on a GPU, so that nothing is copied there in each step. */
const stepDevice = (param: Tensor): Device | 'cpu' => (param.is_cuda ? param.device : 'cpu')

/** A copy in the parameter's dtype, where that is a real one, and on its device; a count of steps keeps its own. */
export function copyFor(param: Tensor, name: string, value: Tensor, group: object): Tensor {
  const { capturable, fused } = group as { capturable?: unknown; fused?: unknown }
  const tensor = value.detach()
  if (name === 'step') {
    const dtype = capturable || fused ? dtypes.float32 : tensor.dtype
    return kept(aten.to(tensor, { dtype, device: stepDevice(param), copy: true }))
  }
  const dtype = param.is_floating_point() ? param.dtype : tensor.dtype
  return kept(aten.to(tensor, { dtype, device: param.device, copy: true }))
}
