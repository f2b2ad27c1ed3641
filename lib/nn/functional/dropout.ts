// torch.nn.functional: dropout of elements and of whole channels.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as torch from '../../generated/functions.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'

type Body = (input: Tensor, p: number, training: boolean, inplace: boolean) => Tensor

function checkProbability(p: number): void {
  if (!(p >= 0 && p <= 1))
    throw new RangeError(`dropout probability has to be between 0 and 1, but got ${pythonRepr(p)}`)
}

type Drop = (input: Tensor, p: number, training: boolean) => Tensor

const plain =
  (drop: Drop, inPlace: Drop): Body =>
  (input, p, training, inplace) => {
    checkProbability(p)
    return (inplace ? inPlace : drop)(input, p, training)
  }

export const dropout = pythonFunction<signature.nn_functional_dropout>(
  'nn.functional.dropout',
  plain(torch.dropout, torch.dropout_),
)
export const alpha_dropout = pythonFunction<signature.nn_functional_alpha_dropout>(
  'nn.functional.alpha_dropout',
  plain(torch.alpha_dropout, torch.alpha_dropout_),
)
export const feature_alpha_dropout = pythonFunction<signature.nn_functional_feature_alpha_dropout>(
  'nn.functional.feature_alpha_dropout',
  plain(torch.feature_alpha_dropout, torch.feature_alpha_dropout_),
)

/** Drops channels; an input without batch dimension gets one meanwhile. */
function channels(input: Tensor, p: number, training: boolean, inplace: boolean, batched: boolean): Tensor {
  const drop = plain(torch.feature_dropout, torch.feature_dropout_)
  if (batched) return drop(input, p, training, inplace)
  const one = inplace ? input.unsqueeze_(0) : input.unsqueeze(0)
  const dropped = drop(one, p, training, inplace)
  return inplace ? dropped.squeeze_(0) : dropped.squeeze(0)
}

export const dropout1d = pythonFunction<signature.nn_functional_dropout1d>('nn.functional.dropout1d', ((
  input,
  p,
  training,
  inplace,
) => {
  checkProbability(p)
  const dims = input.dim()
  if (dims !== 2 && dims !== 3) {
    throw new Error(
      `dropout1d: Expected 2D or 3D input, but received a ${dims}D input. Note that dropout1d exists to provide ` +
        'channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension ' +
        '(i.e. 2D or 3D inputs).',
    )
  }
  return channels(input, p, training, inplace, dims === 3)
}) as Body)

function warnOfDims(name: string, dims: number, allowed: readonly [number, number]): void {
  if (allowed.includes(dims)) return
  warn(
    `${name}: Received a ${dims}-D input to ${name}, which is deprecated and will result in an error in a future ` +
      'release. To retain the behavior and silence this warning, please use dropout instead.',
  )
}

export const dropout2d = pythonFunction<signature.nn_functional_dropout2d>('nn.functional.dropout2d', ((
  input,
  p,
  training,
  inplace,
) => {
  checkProbability(p)
  const dims = input.dim()
  warnOfDims('dropout2d', dims, [3, 4])
  if (dims === 3) {
    warn('dropout2d: a 3D input is taken as (N, C, L), and channels of it are dropped; use dropout1d for that.')
  }
  return channels(input, p, training, inplace, true)
}) as Body)

export const dropout3d = pythonFunction<signature.nn_functional_dropout3d>('nn.functional.dropout3d', ((
  input,
  p,
  training,
  inplace,
) => {
  checkProbability(p)
  warnOfDims('dropout3d', input.dim(), [4, 5])
  return channels(input, p, training, inplace, input.dim() === 5)
}) as Body)
