import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import * as F from '../functional/index.js'
import { settingsModule } from './settings_module.js'

/** tanh(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), element by element. Any shape. */
export class Tanh extends settingsModule('nn.Tanh') {
  forward(input: Tensor): Tensor {
    return torch.tanh(input)
  }
}

/** σ(x) = 1 / (1 + e⁻ˣ), element by element. Any shape. */
export class Sigmoid extends settingsModule('nn.Sigmoid') {
  forward(input: Tensor): Tensor {
    return torch.sigmoid(input)
  }
}

/** max(0, x), element by element. Any shape. `inplace` writes the result into the input. */
export class ReLU extends settingsModule('nn.ReLU', '{inplace?}') {
  forward(input: Tensor): Tensor {
    return this.inplace ? torch.relu_(input) : torch.relu(input)
  }
}

/** Probabilities along a dimension: exp(x_i) / Σ_j exp(x_j). Without `dim`, Python's choice by the number of dimensions. */
export class Softmax extends settingsModule('nn.Softmax', '{dim=}') {
  forward(input: Tensor): Tensor {
    return F.softmax(input, { dim: this.dim })
  }
}

/** Log-probabilities along a dimension: the logarithm of Softmax, computed in one step. */
export class LogSoftmax extends settingsModule('nn.LogSoftmax', '{dim=}') {
  forward(input: Tensor): Tensor {
    return F.log_softmax(input, { dim: this.dim })
  }
}

/** max(0, x) + min(0, α (exp(x / α) - 1)), element by element. Any shape. */
export class CELU extends settingsModule('nn.CELU', '{alpha=}, {inplace?}') {
  forward(input: Tensor): Tensor {
    return F.celu(input, this.alpha, this.inplace)
  }
}
