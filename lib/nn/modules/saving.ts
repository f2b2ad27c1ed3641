// What a module's state is: parameters and persistent buffers by path.

import type { RemovableHandle } from '../../core/tensor.js'
import { type Arguments, read } from '../generated/arguments.js'
import { is_lazy } from '../parameter.js'
import { Called } from './calling.js'
import type { Module } from './module.js'
import { modulesOf } from './parts.js'
import { emptyState, type LocalMetadata, type StateDict, type StateDictHook, StateHooks } from './state_dict.js'

/** The hooks of a module's state, made when they are first asked for. */
export let stateHooksOf: (module: Saved) => StateHooks

export const EXTRA_STATE = '_extra_state'

/** A module whose state is saved. */
export class Saved extends Called {
  #hooks: StateHooks | null = null

  static {
    stateHooksOf = (module) => {
      module.#hooks ??= new StateHooks()
      return module.#hooks
    }
  }

  /** The version of the class's state, which a state_dict's metadata has. */
  get _version(): number {
    return 1
  }

  /**
   * Parameters and persistent buffers by path, over the same data: detached, unless `keep_vars` is true. They are added
   * to `destination` where that is given.
   */
  state_dict(...args: Arguments['nn.Module.state_dict']): StateDict {
    const { destination, prefix, keep_vars } = read('nn.Module.state_dict', args)
    let result: StateDict & { _metadata?: Record<string, LocalMetadata> } = destination ?? emptyState({})
    const metadata: LocalMetadata = { version: this._version }
    if (result._metadata !== undefined) result._metadata[prefix.slice(0, -1)] = metadata
    const self = this as unknown as Module
    for (const hook of [...(this.#hooks?.savePre.values() ?? [])]) hook(self, prefix, keep_vars)
    this._save_to_state_dict(result, prefix, keep_vars)
    for (const [name, module] of modulesOf(this)) {
      module.state_dict({ destination: result, prefix: `${prefix}${name}.`, keep_vars })
    }
    for (const [id, hook] of [...(this.#hooks?.save ?? [])]) {
      const given = hook(self, result, prefix, metadata)
      if (given === undefined || given === null) continue
      if (!this.#hooks?.replacing.has(id)) throw new Error('state_dict post-hook must return None')
      result = given as StateDict
    }
    return result
  }

  /** Puts this module's own tensors into `destination`, as `state_dict` does for each module. For subclasses to override. */
  _save_to_state_dict(destination: Record<string, unknown>, prefix: string, keep_vars: boolean): void {
    const passing = this._non_persistent_buffers_set
    const { _parameters, _buffers } = this
    for (const [name, tensor] of [...Object.entries(_parameters), ...Object.entries(_buffers)]) {
      if (tensor === null || (passing.has(name) && Object.hasOwn(_buffers, name))) continue
      destination[prefix + name] = keep_vars || is_lazy(tensor) ? tensor : tensor.detach()
    }
    if (this.get_extra_state !== Saved.prototype.get_extra_state) {
      destination[prefix + EXTRA_STATE] = this.get_extra_state()
    }
  }

  /**
   * What belongs to the state beside tensors. A class that has it has `set_extra_state` too. It should be what the
   * state_dict is saved as can hold.
   */
  get_extra_state(): unknown {
    throw new Error(
      'Reached a code path in Module.get_extra_state() that should never be called. Please file an issue at ' +
        'https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug.',
    )
  }

  /** Takes what `get_extra_state` gave. */
  set_extra_state(..._args: Arguments['nn.Module.set_extra_state']): void {
    throw new Error(
      'Reached a code path in Module.set_extra_state() that should never be called. Please file an issue at ' +
        'https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug.',
    )
  }

  /** Calls `hook(module, prefix, keep_vars)` before the module's state is saved. */
  register_state_dict_pre_hook(...args: Arguments['nn.Module.register_state_dict_pre_hook']): RemovableHandle {
    return stateHooksOf(this).savePre.register(read('nn.Module.register_state_dict_pre_hook', args).hook)
  }

  /**
   * Calls `hook(module, state_dict, prefix, local_metadata)` when the state of the module and all below it is saved. It
   * may change the state_dict.
   */
  register_state_dict_post_hook(...args: Arguments['nn.Module.register_state_dict_post_hook']): RemovableHandle {
    return stateHooksOf(this).save.register(read('nn.Module.register_state_dict_post_hook', args).hook)
  }

  /** As `register_state_dict_post_hook`, but a state_dict that the hook returns is what the root module gives. */
  _register_state_dict_hook(hook: StateDictHook): RemovableHandle {
    const hooks = stateHooksOf(this)
    const handle = hooks.save.register(hook)
    hooks.replacing.add([...hooks.save.keys()].at(-1) as number)
    return handle
  }
}

/** Gives a module the hooks of another one's state. */
export function copyStateHooks(from: Saved, to: Saved): void {
  const [own, others] = [stateHooksOf(from), stateHooksOf(to)]
  own.savePre.copyTo(others.savePre)
  own.save.copyTo(others.save)
  for (const id of own.replacing) others.replacing.add(id)
  own.loadPre.copyTo(others.loadPre)
  own.loadPost.copyTo(others.loadPost)
}
