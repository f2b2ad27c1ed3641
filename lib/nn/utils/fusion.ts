// torch.nn.utils: a normalisation that has learned enough becomes part of the layer before it.

import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Parameter } from '../parameter.js'

/**
 * The weight and bias of the convolution that does what a convolution and a batch normalisation in evaluation do after
 * it. conv_w: (out, in, *), with `transpose` (in, out, *); the others: (out), or null. `bn_rm` and `bn_rv` are the running
 * mean and variance. The results require gradients where the convolution's do.
 */
export function fuse_conv_bn_weights(
  ...args: Arguments['nn.utils.fuse_conv_bn_weights']
): [weight: Parameter, bias: Parameter] {
  const { conv_w, bn_rm, bn_rv, bn_eps, transpose, ...given } = read('nn.utils.fuse_conv_bn_weights', args)
  const conv_b = given.conv_b ?? torch.zeros_like(bn_rm)
  const bn_w = given.bn_w ?? torch.ones_like(bn_rm)
  const bn_b = given.bn_b ?? torch.zeros_like(bn_rm)
  const { dtype } = given.conv_b ?? conv_w
  const scale = torch.rsqrt(bn_rv.add(bn_eps))
  const shape = [...(transpose ? [1, -1] : [-1, 1]), ...new Array<number>(conv_w.dim() - 2).fill(1)]
  const weight = conv_w.mul(bn_w.mul(scale).reshape(shape)).to(conv_w.dtype)
  const bias = conv_b.sub(bn_rm).mul(scale).mul(bn_w).add(bn_b).to(dtype)
  return [new Parameter(weight, conv_w.requires_grad), new Parameter(bias, conv_b.requires_grad)]
}

/**
 * The weight and bias of the linear layer that does what a linear layer and a batch normalisation in evaluation do after
 * it. linear_w: (out, in); the others: (out), or (1) for a normalisation of one feature.
 */
export function fuse_linear_bn_weights(
  ...args: Arguments['nn.utils.fuse_linear_bn_weights']
): [weight: Parameter, bias: Parameter] {
  const { linear_w, bn_rm, bn_rv, bn_eps, bn_w, bn_b, ...given } = read('nn.utils.fuse_linear_bn_weights', args)
  const linear_b: Tensor = given.linear_b ?? torch.zeros_like(bn_rm)
  const { dtype } = given.linear_b ?? linear_w
  const scale = bn_w.mul(torch.rsqrt(bn_rv.add(bn_eps)))
  const weight = linear_w.mul(scale.unsqueeze(-1).to(linear_w.dtype))
  const bias = linear_b.sub(bn_rm).mul(scale).add(bn_b).to(dtype)
  return [new Parameter(weight, linear_w.requires_grad), new Parameter(bias, linear_b.requires_grad)]
}
