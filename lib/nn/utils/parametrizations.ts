// torch.nn.utils.parametrizations: the parametrizations that come with the library.

import { internals, type Tensor } from '../../core/tensor.js'
import { read } from '../generated/arguments.js'
import type { Module } from '../modules/module.js'
import { ORTHOGONAL_MAPS, Orthogonal, type OrthogonalMap } from './orthogonal.js'
import { type Parametrized, register_parametrization } from './parametrize.js'
import { PowerIteration, rowsOf } from './power_iteration.js'
import { WeightNormalized } from './weight_normalized.js'

/** The tensor to parametrize. */
function tensorOf(module: Module, name: string): Tensor {
  const tensor: unknown = (module as unknown as Record<string, unknown>)[name]
  if (internals.isTensor(tensor)) return tensor
  throw new RangeError(`Module '${module}' has no parameter or buffer with name '${name}'`)
}

/**
 * Keeps a matrix, or a batch of them (*, m, n), orthogonal (unitary, where it is complex): its columns are orthonormal
 * where m >= n, its rows otherwise. Returns the module.
 *
 * `orthogonal_map` says how it is computed from the original X, of the same shape, of whose lower triangle A = X - Xᴴ is
 * made: 'matrix_exp' is exp(A), 'cayley' (I + A/2)(I - A/2)⁻¹; 'householder' is a product of Householder reflectors. The
 * default is matrix_exp for square and complex matrices, householder for others, which is faster where they are thin.
 * With `use_trivialization` the result is multiplied by a fixed orthogonal matrix, the buffer `base` of the
 * parametrization, which starts as the tensor itself (Lezcano-Casado 2019); assigning sets it.
 * @throws if the module has no such tensor, if it has fewer than 2 dimensions, or if the map has another name.
 */
export function orthogonal<M extends Module, N extends string = 'weight'>(
  module: M,
  name?: N | undefined | OrthogonalOptions<N>,
  orthogonal_map?: OrthogonalMap | null | undefined | OrthogonalOptions<N>,
  options?: OrthogonalOptions<N>,
): Parametrized<M, N>
export function orthogonal<M extends Module, N extends string = 'weight'>(
  options: { module: M } & OrthogonalOptions<N>,
): Parametrized<M, N>
export function orthogonal(...args: unknown[]): Module {
  const { module, name, orthogonal_map, use_trivialization } = read('nn.utils.parametrizations.orthogonal', args)
  const weight = tensorOf(module, name)
  const dims = weight.dim()
  if (dims < 2) {
    throw new RangeError(`Expected a matrix or batch of matrices. Got a tensor of ${dims} dimensions.`)
  }
  const square = weight.size(-2) === weight.size(-1)
  const map = orthogonal_map ?? (square || weight.is_complex() ? 'matrix_exp' : 'householder')
  if (!ORTHOGONAL_MAPS.includes(map as OrthogonalMap)) {
    throw new RangeError(`orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: ${map}`)
  }
  const parametrization = new Orthogonal(weight, map as OrthogonalMap, use_trivialization)
  return register_parametrization(module, name, parametrization, { unsafe: true })
}

interface OrthogonalOptions<N extends string> {
  name?: N | undefined
  orthogonal_map?: OrthogonalMap | null | undefined
  use_trivialization?: boolean | undefined
}

/**
 * Divides a weight by its spectral norm, its greatest singular value (Miyato et al. 2018); a vector by its length. The
 * singular vectors are buffers, `_u` and `_v` of the parametrization, which `n_power_iterations` steps of the power
 * method move whenever the weight is read in training. Of a weight with more dimensions, `dim` is the first one of the
 * matrix, and the others together are the second: 0, but 1 for transposed convolutions. Returns the module.
 * @throws if the module has no such tensor or the tensor no such dimension, or if n_power_iterations is not positive.
 */
export function spectral_norm<M extends Module, N extends string = 'weight'>(
  module: M,
  name?: N | undefined | SpectralOptions<N>,
  n_power_iterations?: number | undefined | SpectralOptions<N>,
  eps?: number | undefined | SpectralOptions<N>,
  dim?: number | null | undefined | SpectralOptions<N>,
): Parametrized<M, N>
export function spectral_norm<M extends Module, N extends string = 'weight'>(
  options: { module: M } & SpectralOptions<N>,
): Parametrized<M, N>
export function spectral_norm(...args: unknown[]): Module {
  const { module, name, n_power_iterations, eps, dim } = read('nn.utils.parametrizations.spectral_norm', args)
  const weight = tensorOf(module, name)
  const parametrization = new PowerIteration(weight, n_power_iterations, rowsOf(module, dim), eps)
  return register_parametrization(module, name, parametrization)
}

interface SpectralOptions<N extends string> {
  name?: N | undefined
  n_power_iterations?: number | undefined
  eps?: number | undefined
  dim?: number | null | undefined
}

/**
 * Makes a weight w = g v / ‖v‖ of its lengths g and its directions v (Salimans and Kingma 2016): original0 and original1
 * of the parametrization. Each slice along `dim` has a length of its own; with null the whole weight has one. A
 * state_dict of the older nn.utils.weight_norm (weight_g, weight_v) can be loaded. Returns the module.
 */
export function weight_norm<M extends Module, N extends string = 'weight'>(
  module: M,
  name?: N | undefined | WeightOptions<N>,
  dim?: number | null | undefined | WeightOptions<N>,
): Parametrized<M, N>
export function weight_norm<M extends Module, N extends string = 'weight'>(
  options: { module: M } & WeightOptions<N>,
): Parametrized<M, N>
export function weight_norm(...args: unknown[]): Module {
  const { module, name, dim } = read('nn.utils.parametrizations.weight_norm', args)
  register_parametrization(module, name, new WeightNormalized(dim), { unsafe: true })
  module._register_load_state_dict_pre_hook((state_dict, prefix) => {
    const older = ['_g', '_v'].map((suffix) => prefix + name + suffix)
    if (!older.every((key) => Object.hasOwn(state_dict, key))) return
    for (const [i, key] of older.entries()) {
      state_dict[`${prefix}parametrizations.${name}.original${i}`] = state_dict[key] as Tensor
      delete state_dict[key]
    }
  })
  return module
}

interface WeightOptions<N extends string> {
  name?: N | undefined
  dim?: number | null | undefined
}
