import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import * as F from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Module } from './module.js'

/** Element by element. */
export class Tanh extends Module {
  constructor(...args: Arguments['nn.Tanh']) {
    super()
    read('nn.Tanh', args)
  }

  forward(input: Tensor): Tensor {
    return torch.tanh(input)
  }
}

/** Element by element. */
export class Sigmoid extends Module {
  constructor(...args: Arguments['nn.Sigmoid']) {
    super()
    read('nn.Sigmoid', args)
  }

  forward(input: Tensor): Tensor {
    return torch.sigmoid(input)
  }
}

/** max(0, x), element by element. */
export class ReLU extends Module {
  inplace: boolean

  constructor(...args: Arguments['nn.ReLU']) {
    super()
    this.inplace = read('nn.ReLU', args).inplace
  }

  forward(input: Tensor): Tensor {
    return this.inplace ? torch.relu_(input) : torch.relu(input)
  }

  override extra_repr(): string {
    return this.inplace ? 'inplace=True' : ''
  }
}

/** Probabilities along a dimension: exp(x_i) / Σ_j exp(x_j). Without `dim`, Python's choice by the number of dimensions. */
export class Softmax extends Module {
  dim: number | null

  constructor(...args: Arguments['nn.Softmax']) {
    super()
    this.dim = read('nn.Softmax', args).dim
  }

  forward(input: Tensor): Tensor {
    return F.softmax(input, { dim: this.dim })
  }

  override extra_repr(): string {
    return `dim=${this.dim ?? 'None'}`
  }
}

/** Log-probabilities along a dimension: the logarithm of Softmax, computed in one step. */
export class LogSoftmax extends Module {
  dim: number | null

  constructor(...args: Arguments['nn.LogSoftmax']) {
    super()
    this.dim = read('nn.LogSoftmax', args).dim
  }

  forward(input: Tensor): Tensor {
    return F.log_softmax(input, { dim: this.dim })
  }

  override extra_repr(): string {
    return `dim=${this.dim ?? 'None'}`
  }
}
