// The base of all layers. What it can do stands in the classes that it extends, one below the other: fields.ts (which of
// its fields are its parts), parts.ts, calling.ts, saving.ts, loading.ts, conversion.ts.

import { native } from '../../core/native.js'
import { internals } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import { describe } from '../../operators/describe.js'
import type { Memo } from '../../tensor/deepcopy.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Forward, IfAny, IfOpen } from './call_types.js'
import { copyCallHooks } from './calling.js'
import { Convertible } from './conversion.js'
import { copyModuleFields } from './fields.js'
import { moduleString } from './module_printing.js'
import { modulesOf } from './parts.js'
import { copyStateHooks } from './saving.js'

// Calling a module calls its forward: whatever a subclass declares there is what a call takes and gives. One signature,
// so that TypeScript knows the result without looking at the arguments, as a loop that replaces a state needs it.
// biome-ignore lint/suspicious/noExplicitAny: any stands for "not said", which defers to forward
export interface Module<A extends any[] = any[], R = any> {
  (
    // biome-ignore lint/suspicious/noExplicitAny: as above
    ...args: IfOpen<this, any[], IfAny<R, Parameters<Forward<this>>, A>>
  ): IfAny<R, ReturnType<Forward<this>>, R>
}

/**
 * A layer, or a network of layers. A subclass creates its parts in its constructor, as fields, and computes in `forward`:
 * a field that is a Parameter is learned, a Buffer is kept, a Module is a part. Calling the module calls `forward`.
 */
// biome-ignore lint/suspicious/noExplicitAny: as above
// biome-ignore lint/correctness/noUnusedVariables: they are the interface's
export class Module<A extends any[] = any[], R = any> extends Convertible {
  training = true

  /** Sets training mode (dropout at work) here and below. */
  train(...args: Arguments['nn.Module.train']): this {
    const { mode } = read('nn.Module.train', args)
    for (const module of this.modules()) module.training = mode
    return this
  }

  eval(): this {
    return this.train(false)
  }

  requires_grad_(...args: Arguments['nn.Module.requires_grad_']): this {
    const { requires_grad } = read('nn.Module.requires_grad_', args)
    for (const parameter of this.parameters()) parameter.requires_grad_(requires_grad)
    return this
  }

  /**
   * @internal The copy that torch.deepcopy makes: its fields and parts are copies, hooks are the same functions. No
   * constructor of a subclass runs: one whose objects have #private fields overrides this.
   */
  __deepcopy__(memo: Memo): Module {
    const copy: Module = Reflect.construct(Module, [], this.constructor)
    Object.setPrototypeOf(copy, Object.getPrototypeOf(this))
    memo.set(this, copy)
    copyModuleFields(this, copy, memo)
    copyCallHooks(this, copy)
    copyStateHooks(this, copy)
    return copy
  }

  /** Forgets all gradients: sets them to null, or to zero where `set_to_none` is false. */
  zero_grad(...args: Arguments['nn.Module.zero_grad']): void {
    const { set_to_none } = read('nn.Module.zero_grad', args)
    native.zero_grad(this.parameters().map(internals.heldHandleOf), set_to_none)
  }

  /** Calls `fn` with every module below this one, deepest first, then with this one. */
  apply(...args: Arguments['nn.Module.apply']): this {
    const { fn } = read('nn.Module.apply', args)
    if (typeof fn !== 'function') throw new TypeError(`apply(): fn must be a function, not ${describe(fn)}`)
    for (const child of this.children()) child.apply(fn)
    fn(this)
    return this
  }

  /**
   * There is no compiler here: warns, and changes nothing. Calls go on running operator by operator, with the results
   * that compiled ones would have.
   */
  compile(..._args: unknown[]): void {
    warn(`${this.constructor.name}.compile(): there is no compiler; the module runs as it did before`)
  }

  /** What stands between the parentheses when the module is printed. */
  extra_repr(): string {
    return ''
  }

  override toString(): string {
    return moduleString(this, modulesOf(this))
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

Object.defineProperty(Module.prototype, 'forward', {
  value: function forward(this: Module): never {
    throw new Error(`Module [${this.constructor.name}] is missing the required "forward" function`)
  },
  writable: true,
  configurable: true,
})
