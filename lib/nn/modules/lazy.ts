// Modules that learn from their first call how large they are (torch.nn.modules.lazy).

import { no_grad } from '../../autograd/grad_mode.js'
import type { Tensor } from '../../core/tensor.js'
import { is_lazy } from '../parameter.js'
import { callHooksOf } from './calling.js'
import type { ForwardPreHook } from './hooks.js'
import type { Module } from './module.js'
import { stateHooksOf } from './saving.js'
import type { LoadPreHook } from './state_dict.js'

// biome-ignore lint/suspicious/noExplicitAny: TypeScript asks it of a class that is mixed in
type ModuleClass = abstract new (...args: any[]) => Module

/** What is lazy about a module. */
export interface Lazy {
  /** The class that the module becomes after its first forward; null where it stays what it is. */
  readonly cls_to_become: { prototype: Module } | null
  /**
   * Gives the parameters their sizes, from what forward is called with. A lazy class overrides it.
   * @throws as long as it does not.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what its forward takes
  initialize_parameters(...args: any[]): void
  /** Whether a parameter or buffer of its own has no size yet. */
  has_uninitialized_params(): boolean
}

const LAZY = Symbol('lazy')

const ownTensors = (module: Module): [string, Tensor | null][] => [
  ...Object.entries(module._parameters),
  ...Object.entries(module._buffers),
]

/** Before the first forward: the module gets its sizes, and becomes an ordinary one. */
const inferParameters: ForwardPreHook = (module, args) => {
  const lazy = module as Module & Lazy
  lazy.initialize_parameters(...args)
  if (lazy.has_uninitialized_params()) {
    throw new Error(`module ${module.constructor.name} has not been fully initialized`)
  }
  callHooksOf(module).forwardPre.remove(inferParameters)
  stateHooksOf(module).loadPre.remove(takeSizes)
  if (lazy.cls_to_become !== null) Object.setPrototypeOf(module, lazy.cls_to_become.prototype)
}

/** Before a state is loaded: what has no size yet takes that of the tensor it loads. */
const takeSizes: LoadPreHook = (module, state_dict, prefix) => {
  for (const [name, own] of ownTensors(module)) {
    const given = state_dict[prefix + name]
    if (own === null || given === undefined || !is_lazy(own) || is_lazy(given)) continue
    no_grad(() => own.materialize(given.shape))
  }
}

/**
 * Makes a lazy class of a class of modules: `class LazyLinear extends LazyModuleMixin(Linear)`. Its constructor leaves
 * UninitializedParameters, and `initialize_parameters` gives them their sizes from what the first forward is called
 * with. After that the module is of the class `cls_to_become`.
 *
 * Its state may be saved and loaded at any time; loading a state with sizes gives it these. An optimizer may be made
 * before the first forward: it holds the same parameters then as after it.
 *
 * https://docs.pytorch.org/docs/2.13/generated/torch.nn.modules.lazy.LazyModuleMixin.html
 */
// biome-ignore lint/suspicious/noExplicitAny: TypeScript asks it of a class that is mixed in
function mixin<C extends ModuleClass>(Base: C): C & (abstract new (...args: any[]) => Lazy) {
  abstract class LazyModule extends Base implements Lazy {
    // biome-ignore lint/suspicious/noExplicitAny: TypeScript asks it of a class that is mixed in
    constructor(...args: any[]) {
      super(...args)
      callHooksOf(this).forwardPre.register(inferParameters)
      stateHooksOf(this).loadPre.register(takeSizes)
    }

    get cls_to_become(): { prototype: Module } | null {
      return null
    }

    initialize_parameters(..._args: unknown[]): void {
      throw new Error(`initialize_parameters is not implemented for ${this.constructor.name}`)
    }

    has_uninitialized_params(): boolean {
      return ownTensors(this).some(([, tensor]) => is_lazy(tensor))
    }
  }
  Object.defineProperty(LazyModule.prototype, LAZY, { value: true })
  return LazyModule
}

/** `module instanceof LazyModuleMixin`: whether it is still lazy. */
export const LazyModuleMixin: typeof mixin & { [Symbol.hasInstance](value: unknown): boolean } = Object.defineProperty(
  mixin,
  Symbol.hasInstance,
  { value: (value: unknown) => typeof value === 'function' && LAZY in value },
) as never
