// torch.nn.functional: normalisation.

import type { Size } from '../../core/size.js'
import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import { vector_norm } from '../../generated/linalg.js'
import * as nn from '../../generated/nn_functional.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'

type Optional = Tensor | null

/** cuDNN may be used, where there is one. */
const CUDNN = true

const product = (sizes: readonly number[]) => sizes.reduce((result, size) => result * size, 1)
const shown = (sizes: readonly number[]) => `torch.Size([${sizes.join(', ')}])`

function checkBatch(size: readonly number[], text = shown(size)): void {
  if ((size[0] as number) * product(size.slice(2)) === 1) {
    throw new RangeError(`Expected more than 1 value per channel when training, got input size ${text}`)
  }
}

export const batch_norm = pythonFunction<signature.nn_functional_batch_norm>(
  'nn.functional.batch_norm',
  (
    input: Tensor,
    running_mean: Optional,
    running_var: Optional,
    weight: Optional,
    bias: Optional,
    training: boolean,
    momentum: number,
    eps: number,
  ) => {
    if (training) checkBatch(input.shape)
    if (training && eps <= 0) throw new RangeError(`batch_norm eps must be positive during training, but got ${eps}`)
    if (eps < 0) throw new RangeError(`batch_norm eps must be non-negative, but got ${eps}`)
    return torch.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, CUDNN)
  },
)

export const instance_norm = pythonFunction<signature.nn_functional_instance_norm>(
  'nn.functional.instance_norm',
  (
    input: Tensor,
    running_mean: Optional,
    running_var: Optional,
    weight: Optional,
    bias: Optional,
    use_input_stats: boolean,
    momentum: number,
    eps: number,
  ) => {
    if (use_input_stats && product(input.shape.slice(2)) === 1) {
      throw new RangeError(`Expected more than 1 spatial element when training, got input size ${shown(input.shape)}`)
    }
    return torch.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, CUDNN)
  },
)

export const layer_norm = pythonFunction<signature.nn_functional_layer_norm>(
  'nn.functional.layer_norm',
  (input: Tensor, normalized_shape: readonly number[], weight: Optional, bias: Optional, eps: number) =>
    torch.layer_norm(input, normalized_shape, weight, bias, eps, CUDNN),
)

export const rms_norm = pythonFunction<signature.nn_functional_rms_norm>(
  'nn.functional.rms_norm',
  (input: Tensor, normalized_shape: readonly number[], weight: Optional, eps: number | null) =>
    torch.rms_norm(input, normalized_shape, weight, eps),
)

export const group_norm = pythonFunction<signature.nn_functional_group_norm>(
  'nn.functional.group_norm',
  (input: Tensor, num_groups: number, weight: Optional, bias: Optional, eps: number) => {
    const shape: Size = input.shape
    if (shape.length < 2) {
      throw new Error(`Expected at least 2 dimensions for input tensor but received ${shape.length}`)
    }
    const grouped = [Math.floor(((shape[0] as number) * (shape[1] as number)) / num_groups), num_groups]
    const size = [...grouped, ...shape.slice(2)]
    checkBatch(size, `[${size.join(', ')}]`)
    return torch.group_norm(input, num_groups, weight, bias, eps, CUDNN)
  },
)

export const local_response_norm = pythonFunction<signature.nn_functional_local_response_norm>(
  'nn.functional.local_response_norm',
  (input: Tensor, size: number, alpha: number, beta: number, k: number) => {
    const shape = input.shape
    if (shape.length < 3) {
      throw new RangeError(
        `Expected 3D or higher dimensionality                          input (got ${shape.length} dimensions)`,
      )
    }
    if (input.numel() === 0) return input
    const [before, after] = [Math.floor(size / 2), Math.floor((size - 1) / 2)]
    const squares = input.mul(input)
    let mean: Tensor
    if (shape.length === 3) {
      const padded = aten.pad(squares.unsqueeze(1), [0, 0, before, after])
      mean = nn.avg_pool2d(padded, [size, 1], 1).squeeze(1)
    } else {
      const [n, c, rows] = shape as unknown as [number, number, number]
      const planes = squares.view([n, 1, c, rows, -1])
      const padded = aten.pad(planes, [0, 0, 0, 0, before, after])
      mean = nn
        .avg_pool3d(padded, [size, 1, 1], 1)
        .squeeze(1)
        .view([...shape])
    }
    return input.div(mean.mul(alpha).add(k).pow(beta))
  },
)

export const normalize = pythonFunction<signature.nn_functional_normalize>(
  'nn.functional.normalize',
  (input: Tensor, p: number, dim: number | readonly number[], eps: number, out: Optional) => {
    const dims = typeof dim === 'number' ? [dim] : dim
    const length = vector_norm(input, p, dims, true)
    if (out === null) return input.div(length.clamp_min(eps).expand_as(input))
    return torch.div(input, length.clamp_min_(eps).expand_as(input), { out })
  },
)
