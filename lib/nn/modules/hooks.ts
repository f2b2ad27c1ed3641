// Hooks of modules: what they are, and where they are kept.

import { RemovableHandle, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import type { Module } from './module.js'

type Gradients = (Tensor | null)[]
type NewGradients = Tensor | readonly (Tensor | null)[] | undefined | null | void

// What a module takes and gives is known to whoever writes the hook.
/** Sees the arguments, and the keywords apart from them where it was registered so; may return other ones. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export type ForwardPreHook = (module: Module, args: any[], kwargs?: any) => unknown
/** Sees the arguments and the output, or arguments, keywords and output; may return another output. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export type ForwardHook = (module: Module, args: any[], outputOrKwargs: any, output?: any) => unknown
/** Sees the gradients of the outputs; may return other ones, which backward goes on with. */
export type BackwardPreHook = (module: Module, grad_output: Gradients) => NewGradients
/** Sees the gradients of the inputs and of the outputs; may return other ones of the inputs. */
export type BackwardHook = (module: Module, grad_input: Gradients, grad_output: Gradients) => NewGradients

interface Registration {
  prepend?: boolean
  with_kwargs?: boolean
  always_call?: boolean
}

let nextId = 0

/** Hooks by number, in the order in which they are called. */
export class HookList<H> extends Map<number, H> {
  readonly withKwargs = new Set<number>()
  readonly alwaysCalled = new Set<number>()

  register(hook: H, { prepend = false, with_kwargs = false, always_call = false }: Registration = {}): RemovableHandle {
    if (typeof hook !== 'function') throw new TypeError(`a hook must be a function, not ${describe(hook)}`)
    const id = nextId++
    const after = prepend ? [...this] : []
    if (prepend) this.clear()
    for (const [key, each] of [[id, hook] as const, ...after]) this.set(key, each)
    if (with_kwargs) this.withKwargs.add(id)
    if (always_call) this.alwaysCalled.add(id)
    return new RemovableHandle(() => this.delete(id))
  }

  /** Removes a hook of which only the function is known. */
  remove(hook: H): void {
    for (const [id, each] of [...this]) if (each === hook) this.delete(id)
  }

  copyTo(other: HookList<H>): void {
    for (const [id, hook] of this) {
      other.set(id, hook)
      if (this.withKwargs.has(id)) other.withKwargs.add(id)
      if (this.alwaysCalled.has(id)) other.alwaysCalled.add(id)
    }
  }
}

/** Hooks around calls. */
export class CallHooks {
  readonly forwardPre = new HookList<ForwardPreHook>()
  readonly forward = new HookList<ForwardHook>()
  readonly backwardPre = new HookList<BackwardPreHook>()
  readonly backward = new HookList<BackwardHook>()

  isEmpty(): boolean {
    return this.forwardPre.size + this.forward.size + this.backwardPre.size + this.backward.size === 0
  }
}

/** The hooks of all modules. They run before a module's own. */
export const globalHooks = new CallHooks()

/** Sees a part before it is registered; may return another one. */
// biome-ignore lint/suspicious/noExplicitAny: the part's kind is the list's
export type RegistrationHook = (module: Module, name: string, part: any) => unknown

/** The hooks of all modules that see parts registered. */
export const registrationHooks = {
  parameter: new HookList<RegistrationHook>(),
  buffer: new HookList<RegistrationHook>(),
  module: new HookList<RegistrationHook>(),
}
