import { no_grad } from '../../autograd/grad_mode.js'
import type { Tensor } from '../../core/tensor.js'
import { empty } from '../../generated/functions.js'
import { checkCount } from '../../operators/arguments.js'
import * as F from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter, UninitializedParameter } from '../parameter.js'
import { LazyModuleMixin } from './lazy.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/**
 * y = x Aᵀ + b. Input (*, in_features), output (*, out_features).
 * Weight (out_features, in_features) and bias (out_features) start in U(-√k, √k), k = 1 / in_features.
 */
export class Linear extends Module {
  in_features: number
  out_features: number
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
    // Of a bound of 0 the negative is 0, as of Python's int: -0 would be drawn as such.
    init.uniform_(this.bias, 0 - bound, bound)
  }

  forward(input: Tensor): Tensor {
    return F.linear(input, this.weight, this.bias)
  }

  override extra_repr(): string {
    const { in_features, out_features } = this
    return settings({ in_features, out_features, bias: this.bias !== null })
  }
}

/** A Linear of a name of its own, as Python has it in MultiheadAttention. */
export class NonDynamicallyQuantizableLinear extends Linear {}

/** Returns its input. Takes any arguments, as in Python, and ignores them. */
export class Identity extends Module {
  constructor(..._args: unknown[]) {
    super()
  }

  forward(input: Tensor): Tensor {
    return input
  }
}

/**
 * A Linear whose in_features are those of its first input. Weight and bias are uninitialized until its first forward,
 * which makes a Linear of it.
 *
 * https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyLinear.html
 */
export class LazyLinear extends LazyModuleMixin(Linear) {
  constructor(...args: Arguments['nn.LazyLinear']) {
    const { out_features, bias, device, dtype } = read('nn.LazyLinear', args)
    super(0, 0, false)
    this.weight = new UninitializedParameter({ device, dtype })
    this.out_features = out_features
    if (bias) this.bias = new UninitializedParameter({ device, dtype })
  }

  override get cls_to_become(): typeof Linear {
    return Linear
  }

  override reset_parameters(): void {
    if (!this.has_uninitialized_params() && this.in_features !== 0) super.reset_parameters()
  }

  override initialize_parameters(input: Tensor): void {
    const last = input.size(-1)
    if (this.has_uninitialized_params()) {
      no_grad(() => {
        this.in_features = last
        for (const [parameter, shape] of [
          [this.weight, [this.out_features, last]],
          [this.bias, [this.out_features]],
        ] as const) {
          if (parameter instanceof UninitializedParameter) parameter.materialize(shape)
        }
        this.reset_parameters()
      })
    }
    if (this.in_features === 0) {
      if (last !== this.weight.size(-1)) {
        throw new Error(
          `The in_features inferred from input: ${last} is not equal to in_features from self.weight: ${this.weight.size(-1)}`,
        )
      }
      this.in_features = last
    }
  }
}
