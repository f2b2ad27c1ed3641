import { native } from '../core/native.js'
import { internals, Tensor } from '../core/tensor.js'

/** A tensor that a module learns: a field of this type is a parameter. Requires grad. Scopes never free it. */
export class Parameter extends Tensor {
  /** Keeps a plain tensor out of a Parameter field. */
  declare readonly __parameter: true

  constructor(data: Tensor, options: { requires_grad?: boolean } | boolean = true) {
    super(internals.token, native.data(internals.handleOf(data)))
    internals.setOwner(this, null)
    if (options === true || (typeof options === 'object' && (options.requires_grad ?? true))) this.requires_grad_()
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`
  }
}

/** A tensor that belongs to a module's state and is not learned: a field of this type is a buffer. */
export class Buffer extends Tensor {
  declare readonly __buffer: true

  /** Whether it is part of the state_dict. */
  declare readonly persistent: boolean

  constructor(data: Tensor, { persistent = true }: { persistent?: boolean } = {}) {
    super(internals.token, native.alias(internals.handleOf(data)))
    internals.setOwner(this, null)
    Object.defineProperty(this, 'persistent', { value: persistent })
  }
}
