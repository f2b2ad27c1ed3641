// Convolutions that take their in_channels from their first input.

import { no_grad } from '../../autograd/grad_mode.js'
import type { Tensor } from '../../core/tensor.js'
import { type Arguments, read } from '../generated/arguments.js'
import { UninitializedParameter } from '../parameter.js'
import { type _ConvNd, Conv1d, Conv2d, Conv3d } from './conv.js'
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv_transpose.js'
import type { Factory } from './factory.js'
import { type Lazy, LazyModuleMixin } from './lazy.js'

// biome-ignore lint/suspicious/noExplicitAny: TypeScript asks it of a class that is mixed in
type ConvClass = { prototype: _ConvNd } & (abstract new (...args: any[]) => _ConvNd)

interface LazySettings extends Factory {
  out_channels: number
  bias: boolean
}

/** The lazy class of a class of convolutions over `dims` dimensions of space. */
function lazyConv<C extends ConvClass>(
  Base: C,
  dims: number,
): abstract new (
  settings: LazySettings,
) => InstanceType<C> & Lazy {
  abstract class LazyConv extends LazyModuleMixin<ConvClass>(Base) {
    // biome-ignore lint/suspicious/noExplicitAny: TypeScript asks it of a class that is mixed in
    constructor(...args: any[]) {
      const [settings] = args as [LazySettings]
      const { out_channels, bias, device, dtype } = settings
      super({ ...settings, in_channels: 0, out_channels: 0, bias: false })
      this.weight = new UninitializedParameter({ device, dtype })
      this.out_channels = out_channels
      if (bias) this.bias = new UninitializedParameter({ device, dtype })
    }

    override get cls_to_become(): ConvClass {
      return Base
    }

    override reset_parameters(): void {
      if (!this.has_uninitialized_params() && this.in_channels !== 0) super.reset_parameters()
    }

    override initialize_parameters(input: Tensor): void {
      if (!this.has_uninitialized_params()) return
      const { groups, out_channels, kernel_size, weight, bias, transposed } = this
      const in_channels = this.#channelsOf(input)
      this.in_channels = in_channels
      if (in_channels % groups !== 0) throw new RangeError('in_channels must be divisible by groups')
      const channels = transposed ? [in_channels, out_channels / groups] : [out_channels, in_channels / groups]
      no_grad(() => {
        if (weight instanceof UninitializedParameter) weight.materialize([...channels, ...kernel_size])
        if (bias instanceof UninitializedParameter) bias.materialize([out_channels])
        this.reset_parameters()
      })
    }

    #channelsOf(input: Tensor): number {
      const count = input.dim()
      if (count !== dims + 1 && count !== dims + 2) {
        throw new Error(
          `Expected ${dims + 1}D (unbatched) or ${dims + 2}D (batched) input to ${this.constructor.name}, but got input ` +
            `of size: ${input.shape}`,
        )
      }
      return input.size(count - dims - 1)
    }
  }
  return LazyConv as never
}

/**
 * A Conv1d whose in_channels are those of its first input, which makes a Conv1d of it. Arguments are Conv1d's without
 * in_channels; weight and bias are uninitialized until then.
 *
 * @throws at its first call, where the input has another number of dimensions, or groups does not divide its channels.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv1d.html
 */
export class LazyConv1d extends lazyConv(Conv1d, 1) {
  constructor(...args: Arguments['nn.LazyConv1d']) {
    super(read('nn.LazyConv1d', args))
  }
}

/**
 * A Conv2d whose in_channels are those of its first input, as LazyConv1d.
 *
 * @throws as LazyConv1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv2d.html
 */
export class LazyConv2d extends lazyConv(Conv2d, 2) {
  constructor(...args: Arguments['nn.LazyConv2d']) {
    super(read('nn.LazyConv2d', args))
  }
}

/**
 * A Conv3d whose in_channels are those of its first input, as LazyConv1d.
 *
 * @throws as LazyConv1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConv3d.html
 */
export class LazyConv3d extends lazyConv(Conv3d, 3) {
  constructor(...args: Arguments['nn.LazyConv3d']) {
    super(read('nn.LazyConv3d', args))
  }
}

/**
 * A ConvTranspose1d whose in_channels are those of its first input, which makes a ConvTranspose1d of it. Arguments are
 * ConvTranspose1d's without in_channels; weight and bias are uninitialized until then.
 *
 * @throws as LazyConv1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose1d.html
 */
export class LazyConvTranspose1d extends lazyConv(ConvTranspose1d, 1) {
  constructor(...args: Arguments['nn.LazyConvTranspose1d']) {
    super(read('nn.LazyConvTranspose1d', args))
  }
}

/**
 * A ConvTranspose2d whose in_channels are those of its first input, as LazyConvTranspose1d.
 *
 * @throws as LazyConv1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose2d.html
 */
export class LazyConvTranspose2d extends lazyConv(ConvTranspose2d, 2) {
  constructor(...args: Arguments['nn.LazyConvTranspose2d']) {
    super(read('nn.LazyConvTranspose2d', args))
  }
}

/**
 * A ConvTranspose3d whose in_channels are those of its first input, as LazyConvTranspose1d.
 *
 * @throws as LazyConv1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyConvTranspose3d.html
 */
export class LazyConvTranspose3d extends lazyConv(ConvTranspose3d, 3) {
  constructor(...args: Arguments['nn.LazyConvTranspose3d']) {
    super(read('nn.LazyConvTranspose3d', args))
  }
}
