// The state of a module by path: its types, and the hooks that see it saved and loaded.

import type { Tensor } from '../../core/tensor.js'
import { HookList } from './hooks.js'
import type { Module } from './module.js'

/**
 * Tensors by path: `sd['fc.weight']`. A plain object without prototype; `_metadata` is not enumerable. A module with
 * `get_extra_state` puts what that gives beside them.
 */
export type StateDict = Record<string, Tensor>

/** What a state_dict says of a module beside its tensors. */
export interface LocalMetadata {
  version?: number
  assign_to_params_buffers?: boolean
}

/** Which names a load_state_dict did not match. */
export class LoadResult {
  constructor(
    readonly missing_keys: string[],
    readonly unexpected_keys: string[],
  ) {}

  toString(): string {
    if (this.missing_keys.length + this.unexpected_keys.length === 0) return '<All keys matched successfully>'
    return `_IncompatibleKeys(missing_keys=[${this.missing_keys.join(', ')}], unexpected_keys=[${this.unexpected_keys.join(', ')}])`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** Runs before a module's state is saved. */
export type StateDictPreHook = (module: Module, prefix: string, keep_vars: boolean) => void
/** Runs when a module's state and that of all below it is in `state_dict`, and may change that. */
export type StateDictHook = (
  module: Module,
  state_dict: StateDict,
  prefix: string,
  local_metadata: LocalMetadata,
) => unknown
/** Runs before a module's own tensors are loaded from `state_dict`, which it may change, as the lists. */
export type LoadPreHook = (
  module: Module,
  state_dict: StateDict,
  prefix: string,
  local_metadata: LocalMetadata,
  strict: boolean,
  missing_keys: string[],
  unexpected_keys: string[],
  error_msgs: string[],
) => void
/** Runs when a module and all below it are loaded, and may change the lists of names. */
export type LoadPostHook = (module: Module, incompatible_keys: LoadResult) => void

/** A pre-hook of loading as `_register_load_state_dict_pre_hook` takes it: without the module. */
export type BareLoadPreHook = LoadPreHook extends (module: Module, ...args: infer A) => void
  ? (...args: A) => void
  : never

/** Hooks of a module's state. */
export class StateHooks {
  readonly savePre = new HookList<StateDictPreHook>()
  readonly save = new HookList<StateDictHook>()
  /** Those of `save` whose result takes the place of the state_dict. */
  readonly replacing = new Set<number>()
  readonly loadPre = new HookList<LoadPreHook>()
  readonly loadPost = new HookList<LoadPostHook>()
}

/** A state_dict without entries. */
export function emptyState(metadata: Record<string, LocalMetadata> | undefined): StateDict {
  const state: StateDict = Object.create(null)
  if (metadata !== undefined) {
    Object.defineProperty(state, '_metadata', { value: metadata, configurable: true, writable: true })
  }
  return state
}
