// How a module takes over a state.

import { no_grad } from '../../autograd/grad_mode.js'
import { internals, type RemovableHandle, type Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import { describe } from '../../operators/describe.js'
import { type Arguments, read } from '../generated/arguments.js'
import { is_lazy, Parameter } from '../parameter.js'
import type { Module } from './module.js'
import { modulesOf } from './parts.js'
import { EXTRA_STATE, Saved, stateHooksOf } from './saving.js'
import {
  type BareLoadPreHook,
  emptyState,
  type LoadPreHook,
  LoadResult,
  type LocalMetadata,
  type StateDict,
} from './state_dict.js'

type Load = Stateful['_load_from_state_dict']

/** What `_load_from_state_dict` is called with. */
export type LoadArguments = Parameters<Load>

/** Ways of loading that look at nothing they loaded. */
const unwatching = new WeakSet<Load>()

/**
 * Says of a class's own `_load_from_state_dict` that it looks at no tensor that was loaded. Where no other code of a
 * module's looks, its tensors are loaded only when all of them are known to fit.
 */
export const loadsUnwatched = (cls: { prototype: Stateful }): unknown =>
  unwatching.add(cls.prototype._load_from_state_dict)

/** Copies that wait for the end of a load; null where they are made at once. */
let waiting: (() => void)[] | null = null

interface Found {
  result: LoadResult
  errors: string[]
}

/** A module with its state. */
export class Stateful extends Saved {
  /**
   * Copies a state_dict's tensors into this module's; with `assign` its tensors take their place, and keep their dtype
   * and device.
   * @throws if shapes differ or, unless `strict` is false, names do. Nothing has changed then, unless a hook or a
   * `_load_from_state_dict` of a class outside the library is at work: then what fits is loaded, as in Python.
   */
  load_state_dict(...args: Arguments['nn.Module.load_state_dict']): LoadResult {
    const { state_dict, strict, assign } = read('nn.Module.load_state_dict', args)
    if (typeof state_dict !== 'object' || state_dict === null || internals.isTensor(state_dict)) {
      throw new TypeError(`Expected state_dict to be dict-like, got ${describe(state_dict)}.`)
    }
    const { _metadata } = state_dict as { _metadata?: Record<string, LocalMetadata> }
    const state: StateDict = Object.assign(emptyState(_metadata), state_dict)
    const found: Found = { result: new LoadResult([], []), errors: [] }
    const outer = waiting
    waiting = this.modules().every((module) => module.#loadsUnwatched()) ? [] : null
    const copies = waiting
    try {
      this.#load(state, '', _metadata, assign, found)
    } finally {
      waiting = outer
    }
    const { missing_keys, unexpected_keys } = found.result
    const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')
    if (strict && unexpected_keys.length > 0)
      found.errors.unshift(`Unexpected key(s) in state_dict: ${quoted(unexpected_keys)}. `)
    if (strict && missing_keys.length > 0)
      found.errors.unshift(`Missing key(s) in state_dict: ${quoted(missing_keys)}. `)
    if (found.errors.length === 0) for (const copy of copies ?? []) copy()
    if (found.errors.length > 0) {
      throw new Error(`Error(s) in loading state_dict for ${this.constructor.name}:\n\t${found.errors.join('\n\t')}`)
    }
    return found.result
  }

  #loadsUnwatched(): boolean {
    const hooks = stateHooksOf(this)
    return (
      hooks.loadPre.size + hooks.loadPost.size === 0 &&
      unwatching.has(this._load_from_state_dict) &&
      this.set_extra_state === Stateful.prototype.set_extra_state
    )
  }

  #load(
    state: StateDict,
    prefix: string,
    metadata: Record<string, LocalMetadata> | undefined,
    assign: boolean,
    found: Found,
  ): void {
    const local: LocalMetadata = { ...metadata?.[prefix.slice(0, -1)] }
    if (assign) local.assign_to_params_buffers = true
    const { missing_keys, unexpected_keys } = found.result
    this._load_from_state_dict(state, prefix, local, true, missing_keys, unexpected_keys, found.errors)
    for (const [name, child] of modulesOf(this)) {
      const start = `${prefix}${name}.`
      const below = Object.entries(state).filter(([key]) => key.startsWith(start))
      child.#load(Object.assign(emptyState(metadata), Object.fromEntries(below)), start, metadata, assign, found)
    }
    for (const hook of [...stateHooksOf(this).loadPost.values()]) {
      const given: unknown = hook(this as unknown as Module, found.result)
      if (given === undefined || given === null) continue
      throw new Error(
        'Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, if ' +
          'incompatible_keys need to be modified, it should be done inplace.',
      )
    }
  }

  /**
   * Loads this module's own tensors, whose names begin with `prefix`, and adds to the lists what did not go. For
   * subclasses to override, to load what older versions saved: `state_dict` is a copy that may be changed, and
   * `local_metadata` has the version of the class that was saved.
   */
  _load_from_state_dict(
    state_dict: StateDict,
    prefix: string,
    local_metadata: LocalMetadata,
    strict: boolean,
    missing_keys: string[],
    unexpected_keys: string[],
    error_msgs: string[],
  ): void {
    for (const hook of [...stateHooksOf(this).loadPre.values()]) {
      const self = this as unknown as Module
      hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
    }
    const own = new Set<string>()
    const passing = this._non_persistent_buffers_set
    const { _parameters, _buffers, _modules } = this
    const assign = local_metadata.assign_to_params_buffers === true
    for (const [name, tensor] of [...Object.entries(_parameters), ...Object.entries(_buffers)]) {
      if (tensor === null || (passing.has(name) && Object.hasOwn(_buffers, name))) continue
      own.add(name)
      const key = prefix + name
      if (Object.hasOwn(state_dict, key)) this.#take(name, tensor, key, state_dict[key], assign, error_msgs)
      else if (strict) missing_keys.push(key)
    }
    const extra = prefix + EXTRA_STATE
    if (this.set_extra_state !== Stateful.prototype.set_extra_state) {
      if (Object.hasOwn(state_dict, extra)) this.set_extra_state(state_dict[extra])
      else if (strict) missing_keys.push(extra)
    } else if (strict && Object.hasOwn(state_dict, extra)) unexpected_keys.push(extra)
    if (!strict) return
    for (const key of Object.keys(state_dict)) {
      if (!key.startsWith(prefix) || key === extra) continue
      const [first, ...below] = key.slice(prefix.length).split('.') as [string, ...string[]]
      if (below.length > 0 ? !Object.hasOwn(_modules, first) : !own.has(first)) unexpected_keys.push(key)
    }
  }

  /** Loads one tensor, at once or when all are known to fit. */
  #take(name: string, own: Tensor, key: string, value: unknown, assign: boolean, errors: string[]): void {
    if (!internals.isTensor(value)) {
      errors.push(
        `While copying the parameter named "${key}", expected torch.Tensor or Tensor-like object from checkpoint but ` +
          `received ${describe(value)}`,
      )
      return
    }
    let given: Tensor = value
    if (is_lazy(own)) {
      if (is_lazy(given) && !assign) return
    } else {
      // Scalars that very old versions saved as lists of one.
      if (own.dim() === 0 && given.shape.equals([1])) given = given.squeeze(0)
      if (!given.shape.equals(own.shape)) {
        errors.push(
          `size mismatch for ${key}: copying a param with shape ${given.shape} from checkpoint, the shape in current ` +
            `model is ${own.shape}.`,
        )
        return
      }
    }
    if (own.is_meta && !given.is_meta && !assign) {
      warn(
        `for ${key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, which ` +
          'is a no-op. (Did you mean to pass `assign=True` to assign items in the state dictionary to their ' +
          'corresponding key in the module instead of copying them in place?)',
      )
    }
    const load = (): void => {
      try {
        no_grad(() => {
          if (assign) (this as unknown as Record<string, Tensor>)[name] = assigned(own, given)
          else own.copy_(given)
        })
      } catch (error) {
        errors.push(
          `While copying the parameter named "${key}", whose dimensions in the model are ${own.size()} and whose ` +
            `dimensions in the checkpoint are ${given.size()}, an exception occurred : ${error}.`,
        )
      }
    }
    if (waiting === null) load()
    else waiting.push(load)
  }

  /**
   * Calls `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)` before
   * the module's own tensors are loaded; it may change the state_dict.
   */
  register_load_state_dict_pre_hook(
    ...args: Arguments['nn.Module.register_load_state_dict_pre_hook']
  ): RemovableHandle {
    return stateHooksOf(this).loadPre.register(read('nn.Module.register_load_state_dict_pre_hook', args).hook)
  }

  /** As `register_load_state_dict_pre_hook`; the hook gets the module only where `with_module` is true. */
  _register_load_state_dict_pre_hook(hook: BareLoadPreHook, with_module?: false): RemovableHandle
  _register_load_state_dict_pre_hook(hook: LoadPreHook, with_module: true): RemovableHandle
  _register_load_state_dict_pre_hook(hook: BareLoadPreHook | LoadPreHook, with_module = false): RemovableHandle {
    const bare = hook as BareLoadPreHook
    return stateHooksOf(this).loadPre.register(
      with_module ? (hook as LoadPreHook) : (_module, ...args) => bare(...args),
    )
  }

  /** Calls `hook(module, incompatible_keys)` when the module and all below it are loaded; it may change the lists. */
  register_load_state_dict_post_hook(
    ...args: Arguments['nn.Module.register_load_state_dict_post_hook']
  ): RemovableHandle {
    return stateHooksOf(this).loadPost.register(read('nn.Module.register_load_state_dict_post_hook', args).hook)
  }
}

loadsUnwatched(Stateful)

/** What takes the place of a module's own tensor. A parameter keeps its own requires_grad, as in Python. */
function assigned(own: Tensor, given: Tensor): Tensor {
  if (!(own instanceof Parameter)) return given
  return given instanceof Parameter ? given.requires_grad_(own.requires_grad) : new Parameter(given, own.requires_grad)
}
