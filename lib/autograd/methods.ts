// Tensor's methods of autograd.

import { type Handle, native } from '../core/native.js'
import { type Hook, internals, RemovableHandle, type Tensor } from '../core/tensor.js'
import { describe } from '../operators/describe.js'
import { type Arguments, read } from '../operators/generated/arguments.js'
import { define, defineGetters } from '../tensor/define.js'
import { accumulate } from './backward.js'
import { type GradFn, gradFnOf } from './grad_fn.js'

declare module '../core/tensor.js' {
  interface Tensor {
    /** Computes the gradients of the graph's leaves and adds them to their `grad`. */
    backward(...args: Arguments['Tensor.backward']): void

    requires_grad_(...args: Arguments['Tensor.requires_grad_']): this
    /**
     * Calls `hook` with the gradient of this tensor whenever it is computed; a tensor that it returns takes its place.
     */
    register_hook(...args: Arguments['Tensor.register_hook']): RemovableHandle
    /** Calls `hook` with this leaf whenever backward has added to its gradient. */
    register_post_accumulate_grad_hook(...args: Arguments['Tensor.register_post_accumulate_grad_hook']): RemovableHandle

    /** The operation that made this tensor, or null for a leaf. */
    readonly grad_fn: GradFn | null
  }
}

/** The hook as native code calls it. Made apart from the tensor: a closure that reached it would keep it alive. */
function hookOnHandles(hook: Hook): (grad: Handle | null) => Handle | undefined {
  return (grad) => {
    // Where nothing comes back to the tensor there is no gradient, as Python's None.
    const replacement = hook((grad === null ? null : internals.wrap(grad)) as Tensor)
    if (replacement === undefined || replacement === null) return undefined
    if (internals.isTensor(replacement)) return internals.handleOf(replacement)
    throw new TypeError(`expected a Tensor or nothing, but hook returned ${describe(replacement)}`)
  }
}

/** Made apart from the tensor, for the same reason. */
function leafHook(hook: (leaf: Tensor) => void): (handle: Handle) => void {
  return (handle) => hook(internals.wrap(handle))
}

define({
  backward(...args: Arguments['Tensor.backward']) {
    const values = read('Tensor.backward', args)
    accumulate(this, values.gradient, values)
  },
  requires_grad_(...args: Arguments['Tensor.requires_grad_']) {
    this.requires_grad = read('Tensor.requires_grad_', args).requires_grad
    return this
  },
  register_hook(...args: Arguments['Tensor.register_hook']) {
    const { hook } = read('Tensor.register_hook', args)
    return new RemovableHandle(
      native.register_hook(internals.handleOf(this), hookOnHandles(hook), internals.edgesOf(this)),
    )
  },
  register_post_accumulate_grad_hook(...args: Arguments['Tensor.register_post_accumulate_grad_hook']) {
    const { hook } = read('Tensor.register_post_accumulate_grad_hook', args)
    return new RemovableHandle(
      native.post_accumulate_hook(internals.handleOf(this), leafHook(hook), internals.edgesOf(this)),
    )
  },
})

defineGetters({
  grad_fn() {
    return gradFnOf(this)
  },
})
