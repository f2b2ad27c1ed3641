import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { Module } from './module.js'

/** Element by element. */
export class Tanh extends Module {
  override forward(input: Tensor): Tensor {
    return torch.tanh(input)
  }
}

/** Element by element. */
export class Sigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return torch.sigmoid(input)
  }
}

/** max(0, x), element by element. */
export class ReLU extends Module {
  readonly inplace: boolean

  constructor({ inplace = false }: { inplace?: boolean } = {}) {
    super()
    this.inplace = inplace
  }

  override forward(input: Tensor): Tensor {
    return this.inplace ? torch.relu_(input) : torch.relu(input)
  }

  override extra_repr(): string {
    return this.inplace ? 'inplace=True' : ''
  }
}

/** Probabilities along a dimension. */
export class Softmax extends Module {
  readonly dim: number

  constructor(dim: number | { dim: number }) {
    super()
    this.dim = typeof dim === 'number' ? dim : dim.dim
  }

  override forward(input: Tensor): Tensor {
    return torch.softmax(input, this.dim)
  }

  override extra_repr(): string {
    return `dim=${this.dim}`
  }
}

/** Log-probabilities along a dimension. */
export class LogSoftmax extends Softmax {
  override forward(input: Tensor): Tensor {
    return torch.log_softmax(input, this.dim)
  }
}
