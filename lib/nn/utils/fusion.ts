// torch.nn.utils: a normalisation that has learned enough becomes part of the layer before it.

import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { deepcopy } from '../../tensor/deepcopy.js'
import { type Arguments, read } from '../generated/arguments.js'
import { _BatchNorm } from '../modules/batchnorm.js'
import type { Rest } from '../modules/call_types.js'
import { _ConvNd } from '../modules/conv.js'
import { Linear } from '../modules/linear.js'
import type { Module } from '../modules/module.js'
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

type Layer = Module & { weight: Parameter; bias: Parameter | null }

/** A copy of the layer with other weights. */
function withWeights(layer: Layer, [weight, bias]: readonly [Parameter, Parameter]): Layer {
  const made = deepcopy(layer)
  made.weight = weight
  made.bias = bias
  return made
}

/** Checks that both can be made one, and gives the normalisation's part of it. */
function statistics(callee: string, layer: Module, bn: Module, fits: boolean) {
  if (!fits) throw new TypeError(`${callee}: the layer cannot be a ${layer.constructor.name}`)
  if (!(bn instanceof _BatchNorm)) throw new TypeError(`${callee}: bn must be a BatchNorm, not ${bn.constructor.name}`)
  if (layer.training || bn.training) throw new Error('Fusion only for eval!')
  const { running_mean, running_var, eps, weight, bias } = bn
  if (running_mean === null || running_var === null) {
    throw new Error('bn.running_mean and bn.running_var must not be None')
  }
  return { bn_rm: running_mean, bn_rv: running_var, bn_eps: eps, bn_w: weight, bn_b: bias }
}

/**
 * A convolution that does what `conv` and the batch normalisation `bn` do after it, both in evaluation. `transpose` is for
 * transposed convolutions. The two stay as they are.
 * @throws if one of them is in training, or if `bn` keeps no running statistics.
 */
export function fuse_conv_bn_eval<M extends _ConvNd>(
  conv: M,
  bn: Module,
  ...rest: Rest<Rest<Arguments['nn.utils.fuse_conv_bn_eval']>>
): M
export function fuse_conv_bn_eval(...args: Arguments['nn.utils.fuse_conv_bn_eval']): Module
export function fuse_conv_bn_eval(...args: Arguments['nn.utils.fuse_conv_bn_eval']): Module {
  const { conv, bn, transpose } = read('nn.utils.fuse_conv_bn_eval', args)
  const of = statistics('fuse_conv_bn_eval', conv, bn, conv instanceof _ConvNd)
  const { weight, bias } = conv as _ConvNd
  const fused = fuse_conv_bn_weights({ conv_w: weight, conv_b: bias, ...of, transpose })
  return withWeights(conv as Layer, fused)
}

/**
 * A linear layer that does what `linear` and the batch normalisation `bn` do after it, both in evaluation. The two stay as
 * they are.
 * @throws if one of them is in training, if `bn` keeps no running statistics, or if their numbers of features differ.
 */
export function fuse_linear_bn_eval<M extends Linear>(linear: M, bn: Module): M
export function fuse_linear_bn_eval(...args: Arguments['nn.utils.fuse_linear_bn_eval']): Module
export function fuse_linear_bn_eval(...args: Arguments['nn.utils.fuse_linear_bn_eval']): Module {
  const { linear, bn } = read('nn.utils.fuse_linear_bn_eval', args)
  const of = statistics('fuse_linear_bn_eval', linear, bn, linear instanceof Linear)
  const { out_features, weight, bias } = linear as Linear
  const { num_features } = bn as _BatchNorm
  if (out_features !== num_features && num_features !== 1) {
    throw new Error(
      'To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got linear.out_features=' +
        `${out_features} and bn.num_features=${num_features}`,
    )
  }
  const { bn_w, bn_b, ...rest } = of
  const fused = fuse_linear_bn_weights({
    linear_w: weight,
    linear_b: bias,
    ...rest,
    bn_w: bn_w as Tensor,
    bn_b: bn_b as Tensor,
  })
  return withWeights(linear as Layer, fused)
}
