// Tensor's methods of autograd.

import type { Tensor } from '../core/tensor.js'
import { isOptions } from '../operators/operator.js'
import { define, defineGetters } from '../tensor/define.js'
import { type BackwardOptions, backward } from './backward.js'
import { type GradFn, gradFnOf } from './grad_fn.js'

declare module '../core/tensor.js' {
  interface Tensor {
    /** Computes the gradients of the graph's leaves and adds them to their `grad`. */
    backward(gradient?: Tensor | null, options?: BackwardOptions): void
    backward(options: BackwardOptions & { gradient?: Tensor | null }): void

    /** The operation that made this tensor, or null for a leaf. */
    readonly grad_fn: GradFn | null
  }
}

define({
  backward(gradient?: unknown, options: BackwardOptions = {}) {
    if (isOptions(gradient)) {
      const { gradient: given = null, ...rest } = gradient as BackwardOptions & { gradient?: Tensor | null }
      backward(this, given, rest)
    } else {
      backward(this, gradient as Tensor | null | undefined, options)
    }
  },
})

defineGetters({
  grad_fn() {
    return gradFnOf(this)
  },
})
