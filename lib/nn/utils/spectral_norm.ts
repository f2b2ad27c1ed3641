// torch.nn.utils.spectral_norm: the older form, by a hook. parametrizations.spectral_norm is the one to use.

import { no_grad } from '../../autograd/grad_mode.js'
import { Callable } from '../../core/callable.js'
import { contiguous_format } from '../../core/device.js'
import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { normalize } from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Rest } from '../modules/call_types.js'
import { partKind, unregister } from '../modules/fields.js'
import { isTransposedConvolution } from '../modules/kinds.js'
import type { Module } from '../modules/module.js'
import { Parameter } from '../parameter.js'
import { hooksOf, removeHook, setField, tensorOf } from './computed_field.js'
import { asMatrix, checkIterations } from './power_iteration.js'

/** Divides a weight by its greatest singular value before every forward. */
class SpectralNorm extends Callable {
  constructor(
    readonly tensorName: string,
    readonly n_power_iterations: number,
    readonly dim: number,
    readonly eps: number,
  ) {
    super()
    checkIterations(n_power_iterations)
  }

  matrixOf(weight: Tensor): Tensor {
    return weight.dim() === 1 ? weight.unsqueeze(1) : asMatrix(weight, this.dim)
  }

  /** The weight; `moving` lets the singular vectors follow it first, in place. */
  weightOf(module: Module, moving: boolean): Tensor {
    const [weight, u, v] = ['_orig', '_u', '_v'].map((suffix) => tensorOf(module, this.tensorName + suffix)) as [
      Tensor,
      Tensor,
      Tensor,
    ]
    const matrix = this.matrixOf(weight)
    if (!moving) return weight.div(torch.dot(u, torch.mv(matrix, v)))
    const { eps } = this
    // Copies: the graph of this forward keeps them while the next one moves the buffers.
    const [left, right] = no_grad((): [Tensor, Tensor] => {
      for (let i = 0; i < this.n_power_iterations; i++) {
        normalize(torch.mv(matrix.t(), u), { dim: 0, eps, out: v })
        normalize(torch.mv(matrix, v), { dim: 0, eps, out: u })
      }
      const memory_format = contiguous_format
      return [u.clone({ memory_format }), v.clone({ memory_format })]
    })
    return weight.div(torch.dot(left, torch.mv(matrix, right)))
  }

  override __call__(module: Module): void {
    setField(module, this.tensorName, this.weightOf(module, module.training))
  }
}

/**
 * Divides a weight by its spectral norm, its greatest singular value (Miyato et al. 2018), by a hook before every
 * forward. The parameter is then `name_orig`; the singular vectors are the buffers `name_u` and `name_v`, which
 * `n_power_iterations` steps of the power method move at every forward in training. Of a weight with more dimensions,
 * `dim` is the first one of the matrix, and the others together are the second: 0, but 1 for transposed convolutions.
 * Returns the module.
 * @throws if there is no such parameter, if it is normalized already, or if n_power_iterations is not positive.
 */
export function spectral_norm<M extends Module>(module: M, ...rest: Rest<Arguments['nn.utils.spectral_norm']>): M
export function spectral_norm(...args: Arguments['nn.utils.spectral_norm']): Module
export function spectral_norm(...args: Arguments['nn.utils.spectral_norm']): Module {
  const { module, name, n_power_iterations, eps, dim } = read('nn.utils.spectral_norm', args)
  if (hooksOf(module, SpectralNorm).some(({ tensorName }) => tensorName === name)) {
    throw new Error(`Cannot register two spectral_norm hooks on the same parameter ${name}`)
  }
  const hook = new SpectralNorm(name, n_power_iterations, dim ?? (isTransposedConvolution(module) ? 1 : 0), eps)
  if (partKind(module, name) !== 'parameter') throw new RangeError(`Module '${module}' has no parameter '${name}'`)
  const weight = tensorOf(module, name) as Parameter | null
  if (weight === null) throw new RangeError(`\`SpectralNorm\` cannot be applied as parameter \`${name}\` is None`)
  const [u, v] = no_grad((): Tensor[] =>
    hook.matrixOf(weight).shape.map((size) => {
      const drawn = weight.new_empty([size]).normal_(0, 1)
      return normalize(drawn, { dim: 0, eps })
    }),
  ) as [Tensor, Tensor]
  unregister(module, name)
  module.register_parameter(`${name}_orig`, weight)
  setField(module, name, weight.data)
  module.register_buffer(`${name}_u`, u)
  module.register_buffer(`${name}_v`, v)
  module.register_forward_pre_hook(hook as never)
  return module
}

/**
 * Undoes spectral_norm: the weight is one parameter again, with its present value. Returns the module.
 * @throws if the weight is not normalized.
 */
export function remove_spectral_norm<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.remove_spectral_norm']>
): M
export function remove_spectral_norm(...args: Arguments['nn.utils.remove_spectral_norm']): Module
export function remove_spectral_norm(...args: Arguments['nn.utils.remove_spectral_norm']): Module {
  const { module, name } = read('nn.utils.remove_spectral_norm', args)
  const hook = hooksOf(module, SpectralNorm).find(({ tensorName }) => tensorName === name)
  if (hook === undefined) throw new RangeError(`spectral_norm of '${name}' not found in ${module}`)
  const weight = no_grad((): Tensor => hook.weightOf(module, false))
  for (const suffix of ['', '_u', '_v', '_orig']) unregister(module, name + suffix)
  module.register_parameter(name, new Parameter(weight))
  removeHook(module, hook)
  return module
}
