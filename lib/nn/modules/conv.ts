// Convolutions over one, two and three dimensions of space. Transposed ones are in conv_transpose.ts.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import { conv1d, conv2d, conv3d, empty } from '../../generated/functions.js'
import { ntuple, type Sizes } from '../functional/sizes.js'
import { type Arguments, read } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import type { Factory } from './factory.js'
import { Module } from './module.js'

const PADDINGS = ['same', 'valid']
const PADDING_MODES = ['circular', 'reflect', 'replicate', 'zeros']
type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular'

/** What all convolutions are made of; sizes with a number for each dimension of space. */
export interface ConvSettings extends Factory {
  in_channels: number
  out_channels: number
  kernel_size: readonly number[]
  stride: readonly number[]
  padding: readonly number[] | string
  dilation: readonly number[]
  transposed: boolean
  output_padding: readonly number[]
  groups: number
  bias: boolean
  padding_mode: PaddingMode
}

const oneOf = (texts: readonly string[]): string => `{${texts.map((text) => `'${text}'`).join(', ')}}`

function check({ in_channels, out_channels, groups, padding, stride, padding_mode }: ConvSettings): void {
  if (groups <= 0) throw new RangeError('groups must be a positive integer')
  if (in_channels % groups !== 0) throw new RangeError('in_channels must be divisible by groups')
  if (out_channels % groups !== 0) throw new RangeError('out_channels must be divisible by groups')
  if (typeof padding === 'string' && !PADDINGS.includes(padding)) {
    throw new RangeError(`Invalid padding string '${padding}', should be one of ${oneOf(PADDINGS)}`)
  }
  if (padding === 'same' && stride.some((step) => step !== 1)) {
    throw new RangeError("padding='same' is not supported for strided convolutions")
  }
  if (!PADDING_MODES.includes(padding_mode)) {
    throw new RangeError(`padding_mode must be one of ${oneOf(PADDING_MODES)}, but got padding_mode='${padding_mode}'`)
  }
}

/** The padding before and after each dimension, the last dimension first, as nn.functional.pad takes it. */
function paddingForPad({ padding, kernel_size, dilation }: ConvSettings): number[] {
  const perDimension = kernel_size.map((size, i): [before: number, after: number] => {
    if (typeof padding !== 'string') return [padding[i] as number, padding[i] as number]
    const total = padding === 'same' ? (dilation[i] as number) * (size - 1) : 0
    return [Math.floor(total / 2), Math.ceil(total / 2)]
  })
  return perDimension.reverse().flat()
}

/**
 * What all convolutions share: weights, their initial values, checks, printing. Its constructor takes one object of
 * Python's names, with a size for each dimension of space.
 */
export abstract class _ConvNd extends Module {
  in_channels: number
  out_channels: number
  readonly kernel_size: readonly number[]
  readonly stride: readonly number[]
  readonly padding: readonly number[] | string
  readonly dilation: readonly number[]
  readonly transposed: boolean
  readonly output_padding: readonly number[]
  readonly groups: number
  readonly padding_mode: PaddingMode
  /** The padding as nn.functional.pad takes it, for the modes that are a padding and a convolution. */
  readonly _reversed_padding_repeated_twice: readonly number[]
  declare weight: Parameter
  declare bias: Parameter | null

  constructor(settings: ConvSettings) {
    super()
    check(settings)
    const { in_channels, out_channels, kernel_size, transposed, groups, device, dtype } = settings
    this.in_channels = in_channels
    this.out_channels = out_channels
    this.kernel_size = kernel_size
    this.stride = settings.stride
    this.padding = settings.padding
    this.dilation = settings.dilation
    this.transposed = transposed
    this.output_padding = settings.output_padding
    this.groups = groups
    this.padding_mode = settings.padding_mode
    this._reversed_padding_repeated_twice = paddingForPad(settings)
    const channels = transposed ? [in_channels, out_channels / groups] : [out_channels, in_channels / groups]
    this.weight = new Parameter(empty([...channels, ...kernel_size], { device, dtype }))
    this.register_parameter('bias', settings.bias ? new Parameter(empty([out_channels], { device, dtype })) : null)
    this.reset_parameters()
  }

  /** Weight and bias from U(-√k, √k), k = groups / (channels · Π kernel_size), channels those that the weight reads. */
  reset_parameters(): void {
    const { weight, bias } = this
    if (weight.is_contiguous()) init.kaiming_uniform_(weight, Math.sqrt(5))
    else {
      // In the order of the dimensions, whatever the order in memory.
      const values = empty(weight.shape, { device: weight.device, dtype: weight.dtype })
      weight.data.copy_(init.kaiming_uniform_(values, Math.sqrt(5)))
    }
    if (bias === null) return
    const [fanIn] = init._calculate_fan_in_and_fan_out(weight)
    const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0
    init.uniform_(bias, -bound, bound)
  }

  override extra_repr(): string {
    const { kernel_size, stride, padding, dilation, output_padding, groups, bias, padding_mode } = this
    const items = [
      `${this.in_channels}, ${this.out_channels}`,
      `kernel_size=${pythonRepr(kernel_size)}`,
      `stride=${pythonRepr(stride)}`,
    ]
    if (typeof padding === 'string' || padding.some((size) => size !== 0)) items.push(`padding=${pythonRepr(padding)}`)
    if (dilation.some((size) => size !== 1)) items.push(`dilation=${pythonRepr(dilation)}`)
    if (output_padding.some((size) => size !== 0)) items.push(`output_padding=${pythonRepr(output_padding)}`)
    if (groups !== 1) items.push(`groups=${groups}`)
    if (bias === null) items.push('bias=False')
    if (padding_mode !== 'zeros') items.push(`padding_mode=${padding_mode}`)
    return items.join(', ')
  }
}

/** What Conv1d, Conv2d and Conv3d take. */
interface Given
  extends Omit<ConvSettings, 'kernel_size' | 'stride' | 'padding' | 'dilation' | 'transposed' | 'output_padding'> {
  kernel_size: Sizes
  stride: Sizes
  padding: Sizes | string
  dilation: Sizes
}

type Operator = (
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: readonly number[],
  padding: readonly number[] | string,
  dilation: readonly number[],
  groups: number,
) => Tensor

/** The base of the three, for what was given for `dims` dimensions of space. */
abstract class Convolution extends _ConvNd {
  /** The operator that computes it. */
  protected abstract get operator(): Operator

  constructor(given: Given, dims: number) {
    const { padding } = given
    super({
      ...given,
      kernel_size: ntuple(given.kernel_size, dims),
      stride: ntuple(given.stride, dims),
      padding: typeof padding === 'string' ? padding : ntuple(padding, dims),
      dilation: ntuple(given.dilation, dims),
      transposed: false,
      output_padding: ntuple(0, dims),
    })
  }

  forward(input: Tensor): Tensor {
    return this._conv_forward(input, this.weight, this.bias)
  }

  /** The convolution with a weight and a bias that may be others than the layer's own. */
  _conv_forward(input: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
    const { stride, padding, dilation, groups, padding_mode } = this
    if (padding_mode === 'zeros') return this.operator(input, weight, bias, stride, padding, dilation, groups)
    const padded = aten.pad(input, this._reversed_padding_repeated_twice, padding_mode)
    return this.operator(padded, weight, bias, stride, ntuple(0, stride.length), dilation, groups)
  }
}

/**
 * Convolution of sequences: each output channel is a weighted sum of the input channels around each place.
 *
 *     out[n, c, t] = bias[c] + Σ_(i, k) weight[c, i, k] · input[n, i, stride · t + dilation · k - padding]
 *
 * The sum is over the input channels i of c's group and the kernel's places k. (It is a cross-correlation: the kernel is
 * not reversed.)
 *
 * - in_channels, out_channels: channels of input and output
 * - kernel_size: places that the kernel reads, a number or an array of one
 * - stride (1): places from one reading to the next
 * - padding (0): zeros before and after; or 'valid', none, or 'same', as many as keep the length, for stride 1
 * - dilation (1): places from one of the kernel's places to the next
 * - groups (1): both channels are split into as many groups, which do not see each other
 * - bias (true): whether bias is there
 * - padding_mode ('zeros'): what the padding holds; 'reflect', 'replicate' and 'circular' take it from the input
 * - device, dtype: of the parameters
 *
 * Input (N, in_channels, L) or (in_channels, L), output (N, out_channels, L') or (out_channels, L') with
 *
 *     L' = ⌊(L + 2 · padding - dilation · (kernel_size - 1) - 1) / stride⌋ + 1
 *
 * Parameters: weight (out_channels, in_channels / groups, kernel_size), bias (out_channels); both start in U(-√k, √k),
 * k = groups / (in_channels · kernel_size).
 *
 * @throws where groups does not divide the channels, the padding has an unknown name, 'same' has a stride; where the
 *   input has other dimensions or channels, or is shorter than the kernel.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends Convolution {
  constructor(...args: Arguments['nn.Conv1d']) {
    super(read('nn.Conv1d', args, new.target.name), 1)
  }

  protected override get operator(): Operator {
    return conv1d
  }
}

/**
 * Convolution of images: each output channel is a weighted sum of the input channels around each place.
 *
 *     out[n, c, y, x] = bias[c] + Σ_(i, j, k) weight[c, i, j, k] · input[n, i, y', x']
 *     y' = stride[0] · y + dilation[0] · j - padding[0]      x' = stride[1] · x + dilation[1] · k - padding[1]
 *
 * Arguments are Conv1d's; kernel_size, stride, padding and dilation are numbers, or arrays of one for height and one for
 * width.
 *
 * Input (N, in_channels, H, W) or (in_channels, H, W), output (N, out_channels, H', W') or (out_channels, H', W'), H'
 * and W' by Conv1d's rule.
 *
 * Parameters: weight (out_channels, in_channels / groups, kernel_size[0], kernel_size[1]), bias (out_channels); both
 * start in U(-√k, √k), k = groups / (in_channels · Π kernel_size).
 *
 * @throws as Conv1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv2d.html
 * @see Y. LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998)
 */
export class Conv2d extends Convolution {
  constructor(...args: Arguments['nn.Conv2d']) {
    super(read('nn.Conv2d', args, new.target.name), 2)
  }

  protected override get operator(): Operator {
    return conv2d
  }
}

/**
 * Convolution of volumes or films, as Conv2d, with a dimension more. Arguments are Conv1d's; kernel_size, stride, padding
 * and dilation are numbers, or arrays of one for each of depth, height and width.
 *
 * Input (N, in_channels, D, H, W) or (in_channels, D, H, W), output (N, out_channels, D', H', W') or (out_channels, D',
 * H', W'), by Conv1d's rule.
 *
 * Parameters: weight (out_channels, in_channels / groups, *kernel_size), bias (out_channels); both start in U(-√k, √k),
 * k = groups / (in_channels · Π kernel_size).
 *
 * @throws as Conv1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Conv3d.html
 */
export class Conv3d extends Convolution {
  constructor(...args: Arguments['nn.Conv3d']) {
    super(read('nn.Conv3d', args, new.target.name), 3)
  }

  protected override get operator(): Operator {
    return conv3d
  }
}
