import type { Tensor } from '../../core/tensor.js'
import { empty } from '../../generated/functions.js'
import { checkCount } from '../../operators/arguments.js'
import * as F from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/**
 * y = x Aᵀ + b. Input (*, in_features), output (*, out_features).
 * Weight (out_features, in_features) and bias (out_features) start in U(-√k, √k), k = 1 / in_features.
 */
export class Linear extends Module {
  readonly in_features: number
  readonly out_features: number
  declare weight: Parameter
  declare bias: Parameter | null

  constructor(...args: Arguments['nn.Linear']) {
    super()
    const { in_features, out_features, bias, device, dtype } = read('nn.Linear', args)
    checkCount('Linear', 'in_features', in_features, 0)
    checkCount('Linear', 'out_features', out_features, 0)
    this.in_features = in_features
    this.out_features = out_features
    this.weight = new Parameter(empty([out_features, in_features], { device, dtype }))
    this.register_parameter('bias', bias ? new Parameter(empty([out_features], { device, dtype })) : null)
    this.reset_parameters()
  }

  reset_parameters(): void {
    init.kaiming_uniform_(this.weight, Math.sqrt(5))
    if (this.bias === null) return
    const bound = this.in_features > 0 ? 1 / Math.sqrt(this.in_features) : 0
    init.uniform_(this.bias, -bound, bound)
  }

  forward(input: Tensor): Tensor {
    return F.linear(input, this.weight, this.bias)
  }

  override extra_repr(): string {
    const { in_features, out_features } = this
    return settings({ in_features, out_features, bias: this.bias !== null })
  }
}

/** Returns its input. Takes any arguments, as in Python, and ignores them. */
export class Identity extends Module {
  constructor(..._args: unknown[]) {
    super()
  }

  forward(input: Tensor): Tensor {
    return input
  }
}
