import { type Handle, native } from '../core/native.js'
import { internals, Tensor } from '../core/tensor.js'
import { empty } from '../generated/functions.js'
import { type Arguments, read } from './generated/arguments.js'

/** The handle of given data, or of a new tensor without elements. */
const handleOf = (data: Tensor | null): Handle => internals.handleOf(data ?? empty([0]))

/** A tensor that a module learns: a field of this type is a parameter. Requires grad. Scopes never free it. */
export class Parameter extends Tensor {
  /** Keeps a plain tensor out of a Parameter field. */
  declare readonly __parameter: true

  constructor(...args: Arguments['nn.Parameter']) {
    const { data, requires_grad } = read('nn.Parameter', args)
    super(internals.token, native.data(handleOf(data)))
    internals.setOwner(this, null)
    if (requires_grad) this.requires_grad_()
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

  constructor(...args: Arguments['nn.Buffer']) {
    const { data, persistent } = read('nn.Buffer', args)
    super(internals.token, native.alias(handleOf(data)))
    internals.setOwner(this, null)
    Object.defineProperty(this, 'persistent', { value: persistent })
  }
}
