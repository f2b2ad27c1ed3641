// Activations without parameters. All but GLU work element by element, on inputs of any shape; where there is `inplace`,
// it writes the result into the input.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as torch from '../../generated/functions.js'
import * as F from '../functional/index.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import { settingsModule } from './settings_module.js'

/**
 * x where x > threshold, else value.
 *
 * - threshold, value: numbers
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Threshold.html
 */
export class Threshold extends settingsModule('nn.Threshold', '{threshold=}, {value=}, {inplace?}') {
  forward(input: Tensor): Tensor {
    return F.threshold(input, this.threshold, this.value, this.inplace)
  }
}

/**
 * max(0, x).
 *
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReLU.html
 */
export class ReLU extends settingsModule('nn.ReLU', '{inplace?}') {
  forward(input: Tensor): Tensor {
    return this.inplace ? torch.relu_(input) : torch.relu(input)
  }
}

/**
 * x where x ≥ 0, else a x: a is drawn for each element from U(lower, upper) while training, and (lower + upper) / 2
 * otherwise.
 *
 * - lower (1/8), upper (1/3): the bounds of a
 * - inplace (false): whether the input is overwritten
 *
 * @throws on a call, where lower > upper.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.RReLU.html
 * @see B. Xu et al., Empirical Evaluation of Rectified Activations in Convolutional Network (2015),
 * https://arxiv.org/abs/1505.00853
 */
export class RReLU extends settingsModule('nn.RReLU', '{lower=}, {upper=}, {inplace?}') {
  forward(input: Tensor): Tensor {
    return F.rrelu(input, this.lower, this.upper, this.training, this.inplace)
  }
}

type Interval = Pick<Values['nn.Hardtanh'], 'min_val' | 'max_val' | 'inplace'>

function intervalOf({ min_val, max_val, inplace, min_value, max_value }: Values['nn.Hardtanh']): Interval {
  for (const [end, value] of Object.entries({ min: min_value, max: max_value }))
    if (value !== null) warn(`keyword argument \`${end}_value\` is deprecated and renamed to \`${end}_val\``)
  const [least, most] = [min_value ?? min_val, max_value ?? max_val]
  if (most <= least)
    throw new RangeError(`max_val (${pythonRepr(most)}) must be greater than min_val (${pythonRepr(least)})`)
  return { min_val: least, max_val: most, inplace }
}

/**
 * min(max(x, min_val), max_val).
 *
 * - min_val (-1), max_val (1): the interval's ends; min_value and max_value are their deprecated names
 * - inplace (false): whether the input is overwritten
 *
 * @throws where max_val ≤ min_val.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardtanh.html
 */
export class Hardtanh extends settingsModule('nn.Hardtanh', '{min_val=}, {max_val=}, {inplace?}', intervalOf) {
  forward(input: Tensor): Tensor {
    return F.hardtanh(input, this.min_val, this.max_val, this.inplace)
  }
}

/**
 * min(max(0, x), 6).
 *
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReLU6.html
 * @see A. Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10 (2010)
 */
export class ReLU6 extends Hardtanh {
  constructor(...args: Arguments['nn.ReLU6']) {
    super(0, 6, read('nn.ReLU6', args).inplace)
  }

  override extra_repr(): string {
    return this.inplace ? 'inplace=True' : ''
  }
}

/**
 * σ(x) = 1 / (1 + e⁻ˣ).
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Sigmoid.html
 */
export class Sigmoid extends settingsModule('nn.Sigmoid') {
  forward(input: Tensor): Tensor {
    return torch.sigmoid(input)
  }
}

/**
 * min(max(0, x + 3), 6) / 6: the sigmoid in three straight lines.
 *
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardsigmoid.html
 */
export class Hardsigmoid extends settingsModule('nn.Hardsigmoid') {
  forward(input: Tensor): Tensor {
    return F.hardsigmoid(input, this.inplace)
  }
}

/**
 * tanh(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ).
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Tanh.html
 */
export class Tanh extends settingsModule('nn.Tanh') {
  forward(input: Tensor): Tensor {
    return torch.tanh(input)
  }
}

/**
 * x σ(x), with the sigmoid σ; also called swish.
 *
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.SiLU.html
 * @see S. Elfwing, E. Uchibe, K. Doya, Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
 * Reinforcement Learning (2017), https://arxiv.org/abs/1702.03118
 */
export class SiLU extends settingsModule('nn.SiLU', '{inplace?}') {
  forward(input: Tensor): Tensor {
    return F.silu(input, this.inplace)
  }
}

/**
 * x tanh(log(1 + eˣ)).
 *
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Mish.html
 * @see D. Misra, Mish: A Self Regularized Non-Monotonic Activation Function (2019), https://arxiv.org/abs/1908.08681
 */
export class Mish extends settingsModule('nn.Mish', '{inplace?}') {
  forward(input: Tensor): Tensor {
    return F.mish(input, this.inplace)
  }
}

/**
 * x min(max(0, x + 3), 6) / 6: x times Hardsigmoid's.
 *
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardswish.html
 * @see A. Howard et al., Searching for MobileNetV3 (2019), https://arxiv.org/abs/1905.02244
 */
export class Hardswish extends settingsModule('nn.Hardswish') {
  forward(input: Tensor): Tensor {
    return F.hardswish(input, this.inplace)
  }
}

/**
 * x where x > 0, else α (eˣ - 1).
 *
 * - alpha (1): α
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ELU.html
 * @see D. Clevert, T. Unterthiner, S. Hochreiter, Fast and Accurate Deep Network Learning by Exponential Linear Units
 * (2015), https://arxiv.org/abs/1511.07289
 */
export class ELU extends settingsModule('nn.ELU', '{alpha=}, {inplace?}') {
  forward(input: Tensor): Tensor {
    return F.elu(input, this.alpha, this.inplace)
  }
}

/**
 * max(0, x) + min(0, α (exp(x / α) - 1)).
 *
 * - alpha (1): α
 * - inplace (false): whether the input is overwritten
 *
 * @throws on a call, where α is 0.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.CELU.html
 * @see J. Barron, Continuously Differentiable Exponential Linear Units (2017), https://arxiv.org/abs/1704.07483
 */
export class CELU extends settingsModule('nn.CELU', '{alpha=}, {inplace?}') {
  forward(input: Tensor): Tensor {
    return F.celu(input, this.alpha, this.inplace)
  }
}

/**
 * s (max(0, x) + min(0, α (eˣ - 1))), with α = 1.6732632423543772848170429916717 and
 * s = 1.0507009873554804934193349852946, which keep mean 0 and variance 1 from layer to layer.
 *
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.SELU.html
 * @see G. Klambauer et al., Self-Normalizing Neural Networks (2017), https://arxiv.org/abs/1706.02515
 */
export class SELU extends settingsModule('nn.SELU', '{inplace?}') {
  forward(input: Tensor): Tensor {
    return F.selu(input, this.inplace)
  }
}

/**
 * x Φ(x), with the normal distribution's cumulative function Φ.
 *
 * - approximate ('none'): or 'tanh', 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))
 *
 * @throws on a call, where approximate is another string.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.GELU.html
 * @see D. Hendrycks, K. Gimpel, Gaussian Error Linear Units (2016), https://arxiv.org/abs/1606.08415
 */
export class GELU extends settingsModule('nn.GELU', '{approximate=}') {
  forward(input: Tensor): Tensor {
    return F.gelu(input, { approximate: this.approximate })
  }
}

/**
 * x where |x| > λ, else 0.
 *
 * - lambd (0.5): λ
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Hardshrink.html
 */
export class Hardshrink extends settingsModule('nn.Hardshrink', '{lambd}') {
  forward(input: Tensor): Tensor {
    return F.hardshrink(input, this.lambd)
  }
}

/**
 * max(0, x) + a min(0, x).
 *
 * - negative_slope (0.01): a
 * - inplace (false): whether the input is overwritten
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LeakyReLU.html
 * @see A. Maas, A. Hannun, A. Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models (2013)
 */
export class LeakyReLU extends settingsModule('nn.LeakyReLU', '{negative_slope=}, {inplace?}') {
  forward(input: Tensor): Tensor {
    return F.leaky_relu(input, this.negative_slope, this.inplace)
  }
}

/**
 * log(σ(x)), with the sigmoid σ.
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LogSigmoid.html
 */
export class LogSigmoid extends settingsModule('nn.LogSigmoid') {
  forward(input: Tensor): Tensor {
    return F.logsigmoid(input)
  }
}

/**
 * log(1 + exp(β x)) / β, and x itself where β x > threshold.
 *
 * - beta (1): β
 * - threshold (20): where the straight line begins
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softplus.html
 */
export class Softplus extends settingsModule('nn.Softplus', '{beta=}, {threshold=}') {
  forward(input: Tensor): Tensor {
    return F.softplus(input, this.beta, this.threshold)
  }
}

/**
 * x - λ where x > λ, x + λ where x < -λ, else 0.
 *
 * - lambd (0.5): λ
 *
 * @throws on a call, where λ < 0.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softshrink.html
 */
export class Softshrink extends settingsModule('nn.Softshrink', '{lambd}') {
  forward(input: Tensor): Tensor {
    return F.softshrink(input, this.lambd)
  }
}

/**
 * x / (1 + |x|).
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softsign.html
 */
export class Softsign extends settingsModule('nn.Softsign') {
  forward(input: Tensor): Tensor {
    return F.softsign(input)
  }
}

/**
 * x - tanh(x).
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Tanhshrink.html
 */
export class Tanhshrink extends settingsModule('nn.Tanhshrink') {
  forward(input: Tensor): Tensor {
    return F.tanhshrink(input)
  }
}

/**
 * Gated linear unit: a ⊙ σ(b), where a and b are the halves of the input along a dimension. Input (*, N, *), output
 * (*, N / 2, *).
 *
 * - dim (-1): the dimension that is halved
 *
 * @throws where the dimension's size is odd, or the input has no dimension.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.GLU.html
 * @see Y. Dauphin et al., Language Modeling with Gated Convolutional Networks (2016), https://arxiv.org/abs/1612.08083
 */
export class GLU extends settingsModule('nn.GLU', '{dim=}') {
  forward(input: Tensor): Tensor {
    return F.glu(input, this.dim)
  }
}
