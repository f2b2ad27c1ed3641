// Modules that pad. `padding` is a number of elements for every side, or one for each side, the last dimension's first:
// (left, right), (left, right, top, bottom), (left, right, top, bottom, front, back). Negative ones cut off. In the shapes,
// W_out = W + left + right, H_out = H + top + bottom, D_out = D + front + back.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { ntuple, type Sizes } from '../functional/sizes.js'
import { type Arguments, read } from '../generated/arguments.js'
import { settingsModule } from './settings_module.js'

/** The fields of a module that pads `sides` sides. */
const padded =
  (sides: number) =>
  <V extends { padding: Sizes }>(values: V) => ({ ...values, padding: ntuple(values.padding, sides) })

const inPairs = padded(2)
const inFours = padded(4)
const inSixes = padded(6)

function circular(input: Tensor, padding: readonly number[], unbatched: number): Tensor {
  const dims = input.dim()
  if (dims !== unbatched && dims !== unbatched + 1)
    throw new RangeError(`expected ${unbatched}D or ${unbatched + 1}D input (got ${dims}D input)`)
  return F.pad(input, padding, 'circular')
}

/**
 * Pads with the elements of the opposite end, as if the input went round. Input (N, C, W) or (C, W), output (N, C,
 * W_out) or (C, W_out).
 *
 * - padding: elements for both sides, or (left, right)
 *
 * @throws on a call, where the input has another number of dimensions, or a side's padding exceeds the dimension's
 * size.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad1d.html
 */
export class CircularPad1d extends settingsModule('nn.CircularPad1d', '{padding}', inPairs) {
  forward(input: Tensor): Tensor {
    return circular(input, this.padding, 2)
  }
}

/**
 * Pads with the elements of the opposite end, as if the input went round. Input (N, C, H, W) or (C, H, W), output (N,
 * C, H_out, W_out) or (C, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom)
 *
 * @throws on a call, where the input has another number of dimensions, or a side's padding exceeds the dimension's
 * size.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad2d.html
 */
export class CircularPad2d extends settingsModule('nn.CircularPad2d', '{padding}', inFours) {
  forward(input: Tensor): Tensor {
    return circular(input, this.padding, 3)
  }
}

/**
 * Pads with the elements of the opposite end, as if the input went round. Input (N, C, D, H, W) or (C, D, H, W), output
 * (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom, front, back)
 *
 * @throws on a call, where the input has another number of dimensions, or a side's padding exceeds the dimension's
 * size.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.CircularPad3d.html
 */
export class CircularPad3d extends settingsModule('nn.CircularPad3d', '{padding}', inSixes) {
  forward(input: Tensor): Tensor {
    return circular(input, this.padding, 4)
  }
}

/**
 * Pads with a constant value. Input (N, C, W) or (C, W), output (N, C, W_out) or (C, W_out).
 *
 * - padding: elements for both sides, or (left, right)
 * - value: what the padding holds
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad1d.html
 */
export class ConstantPad1d extends settingsModule('nn.ConstantPad1d', '{padding=}, {value=}', inPairs) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'constant', this.value)
  }
}

/**
 * Pads with a constant value. Input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom)
 * - value: what the padding holds
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad2d.html
 */
export class ConstantPad2d extends settingsModule('nn.ConstantPad2d', '{padding=}, {value=}', inFours) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'constant', this.value)
  }
}

/**
 * Pads with a constant value. Input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or (C, D_out,
 * H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom, front, back)
 * - value: what the padding holds
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ConstantPad3d.html
 */
export class ConstantPad3d extends settingsModule('nn.ConstantPad3d', '{padding=}, {value=}', inSixes) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'constant', this.value)
  }
}

/**
 * Pads with the mirrored input, without repeating the element at the edge. Input (N, C, W) or (C, W), output (N, C,
 * W_out) or (C, W_out).
 *
 * - padding: elements for both sides, or (left, right)
 *
 * @throws on a call, where a side's padding is not less than the dimension's size, or the input has another number of
 * dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad1d.html
 */
export class ReflectionPad1d extends settingsModule('nn.ReflectionPad1d', '{padding}', inPairs) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'reflect')
  }
}

/**
 * Pads with the mirrored input, without repeating the element at the edge. Input (N, C, H, W) or (C, H, W), output (N,
 * C, H_out, W_out) or (C, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom)
 *
 * @throws on a call, where a side's padding is not less than the dimension's size, or the input has another number of
 * dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad2d.html
 */
export class ReflectionPad2d extends settingsModule('nn.ReflectionPad2d', '{padding}', inFours) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'reflect')
  }
}

/**
 * Pads with the mirrored input, without repeating the element at the edge. Input (N, C, D, H, W) or (C, D, H, W),
 * output (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom, front, back)
 *
 * @throws on a call, where a side's padding is not less than the dimension's size, or the input has another number of
 * dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReflectionPad3d.html
 */
export class ReflectionPad3d extends settingsModule('nn.ReflectionPad3d', '{padding}', inSixes) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'reflect')
  }
}

/**
 * Pads with the element at the edge. Input (N, C, W) or (C, W), output (N, C, W_out) or (C, W_out).
 *
 * - padding: elements for both sides, or (left, right)
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad1d.html
 */
export class ReplicationPad1d extends settingsModule('nn.ReplicationPad1d', '{padding}', inPairs) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'replicate')
  }
}

/**
 * Pads with the element at the edge. Input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom)
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad2d.html
 */
export class ReplicationPad2d extends settingsModule('nn.ReplicationPad2d', '{padding}', inFours) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'replicate')
  }
}

/**
 * Pads with the element at the edge. Input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or (C,
 * D_out, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom, front, back)
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ReplicationPad3d.html
 */
export class ReplicationPad3d extends settingsModule('nn.ReplicationPad3d', '{padding}', inSixes) {
  forward(input: Tensor): Tensor {
    return F.pad(input, this.padding, 'replicate')
  }
}

/**
 * Pads with zeros. Input (N, C, W) or (C, W), output (N, C, W_out) or (C, W_out).
 *
 * - padding: elements for both sides, or (left, right)
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad1d.html
 */
export class ZeroPad1d extends ConstantPad1d {
  constructor(...args: Arguments['nn.ZeroPad1d']) {
    super(read('nn.ZeroPad1d', args).padding, 0)
  }

  override extra_repr(): string {
    return pythonRepr(this.padding)
  }
}

/**
 * Pads with zeros. Input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out, W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom)
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad2d.html
 */
export class ZeroPad2d extends ConstantPad2d {
  constructor(...args: Arguments['nn.ZeroPad2d']) {
    super(read('nn.ZeroPad2d', args).padding, 0)
  }

  override extra_repr(): string {
    return pythonRepr(this.padding)
  }
}

/**
 * Pads with zeros. Input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or (C, D_out, H_out,
 * W_out).
 *
 * - padding: elements for all sides, or (left, right, top, bottom, front, back)
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ZeroPad3d.html
 */
export class ZeroPad3d extends ConstantPad3d {
  constructor(...args: Arguments['nn.ZeroPad3d']) {
    super(read('nn.ZeroPad3d', args).padding, 0)
  }

  override extra_repr(): string {
    return pythonRepr(this.padding)
  }
}
