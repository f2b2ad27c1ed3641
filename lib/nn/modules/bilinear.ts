import type { Tensor } from '../../core/tensor.js'
import { bilinear, empty } from '../../generated/functions.js'
import { type Arguments, read } from '../generated/arguments.js'
import { uniform_ } from '../init.js'
import { Parameter } from '../parameter.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/**
 * A bilinear form of two inputs for each output:
 *
 *     y_k = x1ᵀ weight_k x2 + bias_k
 *
 * - in1_features, in2_features: the sizes of x1 and x2
 * - out_features: the size of y
 * - bias (true): whether bias is there
 * - device, dtype: of the parameters
 *
 * Called with two inputs, (*, in1_features) and (*, in2_features), alike before their last dimensions; output
 * (*, out_features).
 *
 * Parameters: weight (out_features, in1_features, in2_features), bias (out_features); both start in U(-√k, √k),
 * k = 1 / in1_features.
 *
 * @throws where in1_features is not above 0, or the inputs have other sizes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Bilinear.html
 */
export class Bilinear extends Module {
  readonly in1_features: number
  readonly in2_features: number
  readonly out_features: number
  declare weight: Parameter
  declare bias: Parameter | null

  constructor(...args: Arguments['nn.Bilinear']) {
    super()
    const { in1_features, in2_features, out_features, bias, device, dtype } = read('nn.Bilinear', args)
    this.in1_features = in1_features
    this.in2_features = in2_features
    this.out_features = out_features
    this.weight = new Parameter(empty([out_features, in1_features, in2_features], { device, dtype }))
    this.register_parameter('bias', bias ? new Parameter(empty([out_features], { device, dtype })) : null)
    this.reset_parameters()
  }

  reset_parameters(): void {
    if (this.in1_features <= 0) {
      throw new RangeError(`in1_features must be > 0, but got (in1_features=${this.in1_features})`)
    }
    const bound = 1 / Math.sqrt(this.weight.size(1))
    uniform_(this.weight, -bound, bound)
    if (this.bias !== null) uniform_(this.bias, -bound, bound)
  }

  forward(input1: Tensor, input2: Tensor): Tensor {
    return bilinear(input1, input2, this.weight, this.bias)
  }

  override extra_repr(): string {
    const { in1_features, in2_features, out_features } = this
    return settings({ in1_features, in2_features, out_features, bias: this.bias !== null })
  }
}
