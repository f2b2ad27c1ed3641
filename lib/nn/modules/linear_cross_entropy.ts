import type { Tensor } from '../../core/tensor.js'
import { type Reduction, reductionCode } from '../../operators/reduction.js'
import { linear_cross_entropy } from '../functional/index.js'
import type { LinearCrossEntropyOptions } from '../functional/linear_cross_entropy_options.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Linear } from './linear.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/**
 * A linear layer to scores of classes, and their cross entropy: CrossEntropyLoss of Linear(in_features, num_classes). With
 * `options` the scores of the whole batch are never there at once, which saves most of the memory where there are many
 * more classes than features.
 *
 * `out_features`: the sizes (d1, ...) of a K-dimensional loss, which has num_classes scores at each place. `bias`: whether
 * the layer has one. `weight` (num_classes): the weights of the classes. `ignore_index`: the class whose targets count
 * nothing, null for -100. `label_smoothing`, in [0, 1]: how much of the target is spread evenly over all classes.
 *
 * Shapes: input (N, in_features), or (in_features) without out_features; target int64 (N) or (N, d1, ...), or
 * probabilities (N, C, d1, ...); the loss (), with `reduction` 'none' as the classes.
 * @throws Error for a weight of another shape, and for a label_smoothing out of range
 * @see `torch.nn.LinearCrossEntropyLoss`
 */
export class LinearCrossEntropyLoss extends Module {
  declare weight: Tensor | null
  reduction: Reduction
  readonly num_classes: number
  readonly out_features: readonly number[]
  ignore_index: number | null
  label_smoothing: number
  linear: Linear
  options: LinearCrossEntropyOptions | null

  constructor(...args: Arguments['nn.LinearCrossEntropyLoss']) {
    super()
    const values = read('nn.LinearCrossEntropyLoss', args)
    const { in_features, num_classes, out_features, bias, device, dtype, weight, label_smoothing } = values
    if (weight !== null && !weight.shape.equals([num_classes])) {
      const shape = weight.shape.length === 1 ? `${weight.shape[0]},` : weight.shape.join(', ')
      throw new Error(`expected weight shape to be (${num_classes},), got (${shape})`)
    }
    if (!(label_smoothing >= 0 && label_smoothing <= 1)) {
      throw new Error(`expected label_smoothing to be in range [0, 1], got ${label_smoothing}`)
    }
    reductionCode(values.reduction)
    this.register_buffer('weight', weight)
    this.reduction = values.reduction
    this.num_classes = num_classes
    this.out_features = out_features
    this.ignore_index = values.ignore_index
    this.label_smoothing = label_smoothing
    const scores = out_features.reduce((product, size) => product * size, num_classes)
    this.linear = new Linear(in_features, scores, { bias, device, dtype })
    this.options = values.options
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { num_classes, out_features, reduction, weight, ignore_index, label_smoothing, options } = this
    const { weight: flat, bias, in_features } = this.linear
    const several = out_features.length > 0
    const linear_weight = several ? flat.reshape([num_classes, ...out_features, in_features]) : flat
    const linear_bias = several && bias !== null ? bias.reshape([num_classes, ...out_features]) : bias
    const keywords = { linear_bias, weight, reduction, ignore_index, label_smoothing, options }
    return linear_cross_entropy(input, linear_weight, target, keywords)
  }

  override extra_repr(): string {
    const { num_classes, out_features, reduction, ignore_index, label_smoothing, options, linear } = this
    const [first, last] = [{ in_features: linear.in_features, num_classes, out_features }, { options }]
    const smoothing = Number.isInteger(label_smoothing) ? label_smoothing.toFixed(1) : label_smoothing
    const middle = { bias: linear.bias !== null, reduction, ignore_index, label_smoothing: smoothing }
    return settings({ ...first, ...middle, ...last })
  }
}
