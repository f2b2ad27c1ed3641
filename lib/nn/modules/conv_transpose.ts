// Transposed convolutions: the gradients of convolutions with respect to their inputs.

import type { Tensor } from '../../core/tensor.js'
import { conv_transpose1d, conv_transpose2d, conv_transpose3d } from '../../generated/functions.js'
import { ntuple, type Sizes } from '../functional/sizes.js'
import { type Arguments, read } from '../generated/arguments.js'
import { _ConvNd, type ConvSettings } from './conv.js'

/** What ConvTranspose1d, ConvTranspose2d and ConvTranspose3d take. */
interface Given
  extends Omit<ConvSettings, 'kernel_size' | 'stride' | 'padding' | 'dilation' | 'transposed' | 'output_padding'> {
  kernel_size: Sizes
  stride: Sizes
  padding: Sizes
  dilation: Sizes
  output_padding: Sizes
}

type Operator = (
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: readonly number[],
  padding: readonly number[],
  output_padding: readonly number[],
  groups: number,
  dilation: readonly number[],
) => Tensor

/** What the transposed convolutions share, for what was given for `dims` dimensions of space. */
export abstract class _ConvTransposeNd extends _ConvNd {
  declare readonly padding: readonly number[]
  /** The operator that computes it. */
  protected abstract get operator(): Operator

  constructor(given: Given, dims: number) {
    if (given.padding_mode !== 'zeros') {
      throw new RangeError(`Only "zeros" padding mode is supported for ${new.target.name}`)
    }
    super({
      ...given,
      kernel_size: ntuple(given.kernel_size, dims),
      stride: ntuple(given.stride, dims),
      padding: ntuple(given.padding, dims),
      dilation: ntuple(given.dilation, dims),
      transposed: true,
      output_padding: ntuple(given.output_padding, dims),
    })
  }

  protected transposedConv(input: Tensor, output_size: readonly number[] | null): Tensor {
    const { weight, bias, stride, padding, groups, dilation } = this
    const output_padding = output_size === null ? this.output_padding : this._paddingFor(input, output_size)
    return this.operator(input, weight, bias, stride, padding, output_padding, groups, dilation)
  }

  /** The output padding that makes the output of the size that is asked for. */
  private _paddingFor(input: Tensor, output_size: readonly number[]): number[] {
    const { kernel_size, stride, padding, dilation } = this
    const dims = kernel_size.length
    const before = input.dim() === dims + 2 ? 2 : 1
    const sizes = output_size.length === before + dims ? output_size.slice(before) : output_size
    if (sizes.length !== dims) {
      throw new RangeError(
        `ConvTranspose${dims}D: for ${input.dim()}D input, output_size must have ${dims} or ${before + dims} elements ` +
          `(got ${sizes.length})`,
      )
    }
    const least = kernel_size.map((size, i) => {
      const [step, pad, gap] = [stride[i], padding[i], dilation[i]] as [number, number, number]
      return (input.size(i + before) - 1) * step - 2 * pad + gap * (size - 1) + 1
    })
    const most = least.map((size, i) => size + (stride[i] as number) - 1)
    const missing = least.map((size, i) => (sizes[i] as number) - size)
    if (missing.some((count, i) => count < 0 || count > (stride[i] as number) - 1)) {
      const [asked, from, to] = [sizes, least, most].map((list) => `[${list.join(', ')}]`)
      const given = `torch.Size([${input.shape.slice(2).join(', ')}])`
      throw new RangeError(
        `requested an output size of ${asked}, but valid sizes range from ${from} to ${to} (for an input of ${given})`,
      )
    }
    return missing
  }
}

/**
 * Transposed convolution of sequences, the gradient of a Conv1d with respect to its input: each place of the input adds
 * the kernel, times its value, to the output around it. Makes sequences longer where its stride is above 1.
 *
 *     out[n, c, stride · t + dilation · k - padding] += weight[i, c, k] · input[n, i, t]      then + bias[c]
 *
 * - in_channels, out_channels: channels of input and output
 * - kernel_size: the kernel's places, a number or an array of one
 * - stride (1): places in the output from one of the input's to the next
 * - padding (0): places that are cut off the output at both ends (the zeros that a Conv1d with it would add)
 * - output_padding (0): places that the output has more at its end, below stride or dilation: which of the lengths that
 *   Conv1d makes this length of
 * - groups (1): both channels are split into as many groups, which do not see each other
 * - bias (true): whether bias is there
 * - dilation (1): places in the output from one of the kernel's to the next
 * - padding_mode ('zeros'): no other is taken
 * - device, dtype: of the parameters
 *
 * Called with `input` and `output_size` (null), the lengths that the output shall have, with or without batch and
 * channels, which then decide output_padding. Input (N, in_channels, L) or (in_channels, L), output (N, out_channels,
 * L') or (out_channels, L') with
 *
 *     L' = (L - 1) · stride - 2 · padding + dilation · (kernel_size - 1) + output_padding + 1
 *
 * Parameters: weight (in_channels, out_channels / groups, kernel_size), bias (out_channels); both start in U(-√k, √k),
 * k = groups / (out_channels · kernel_size).
 *
 * @throws where groups does not divide the channels, padding_mode is not 'zeros', output_padding is too large; where the
 *   input has other dimensions or channels, or no output_padding makes output_size.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose1d.html
 * @see M. Zeiler et al., Deconvolutional Networks (2010)
 */
export class ConvTranspose1d extends _ConvTransposeNd {
  constructor(...args: Arguments['nn.ConvTranspose1d']) {
    super(read('nn.ConvTranspose1d', args, new.target.name), 1)
  }

  protected override get operator(): Operator {
    return conv_transpose1d
  }

  forward(...args: Arguments['nn.ConvTranspose1d.forward']): Tensor {
    const { input, output_size } = read('nn.ConvTranspose1d.forward', args)
    return this.transposedConv(input, output_size)
  }
}

/**
 * Transposed convolution of images, the gradient of a Conv2d with respect to its input. Arguments and call are
 * ConvTranspose1d's; kernel_size, stride, padding, output_padding and dilation are numbers, or arrays of one for height
 * and one for width.
 *
 * Input (N, in_channels, H, W) or (in_channels, H, W), output (N, out_channels, H', W') or (out_channels, H', W'), H'
 * and W' by ConvTranspose1d's rule.
 *
 * Parameters: weight (in_channels, out_channels / groups, kernel_size[0], kernel_size[1]), bias (out_channels); both
 * start in U(-√k, √k), k = groups / (out_channels · Π kernel_size).
 *
 * @throws as ConvTranspose1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose2d.html
 * @see M. Zeiler et al., Deconvolutional Networks (2010)
 */
export class ConvTranspose2d extends _ConvTransposeNd {
  constructor(...args: Arguments['nn.ConvTranspose2d']) {
    super(read('nn.ConvTranspose2d', args, new.target.name), 2)
  }

  protected override get operator(): Operator {
    return conv_transpose2d
  }

  forward(...args: Arguments['nn.ConvTranspose2d.forward']): Tensor {
    const { input, output_size } = read('nn.ConvTranspose2d.forward', args)
    return this.transposedConv(input, output_size)
  }
}

/**
 * Transposed convolution of volumes or films, the gradient of a Conv3d with respect to its input. Arguments and call are
 * ConvTranspose1d's; kernel_size, stride, padding, output_padding and dilation are numbers, or arrays of one for each of
 * depth, height and width.
 *
 * Input (N, in_channels, D, H, W) or (in_channels, D, H, W), output (N, out_channels, D', H', W') or (out_channels, D',
 * H', W'), by ConvTranspose1d's rule.
 *
 * Parameters: weight (in_channels, out_channels / groups, *kernel_size), bias (out_channels); both start in U(-√k, √k),
 * k = groups / (out_channels · Π kernel_size).
 *
 * @throws as ConvTranspose1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConvTranspose3d.html
 * @see M. Zeiler et al., Deconvolutional Networks (2010)
 */
export class ConvTranspose3d extends _ConvTransposeNd {
  constructor(...args: Arguments['nn.ConvTranspose3d']) {
    super(read('nn.ConvTranspose3d', args, new.target.name), 3)
  }

  protected override get operator(): Operator {
    return conv_transpose3d
  }

  forward(...args: Arguments['nn.ConvTranspose3d.forward']): Tensor {
    const { input, output_size } = read('nn.ConvTranspose3d.forward', args)
    return this.transposedConv(input, output_size)
  }
}
