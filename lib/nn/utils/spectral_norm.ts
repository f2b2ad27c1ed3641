// torch.nn.utils.spectral_norm: the older form, by a hook. parametrizations.spectral_norm is the one to use.

import { no_grad } from '../../autograd/grad_mode.js'
import { Callable } from '../../core/callable.js'
import { contiguous_format } from '../../core/device.js'
import type { RemovableHandle, Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import * as linalg from '../../generated/linalg.js'
import { normalize } from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Rest } from '../modules/call_types.js'
import { partKind, unregister } from '../modules/fields.js'
import type { Module } from '../modules/module.js'
import type { LocalMetadata, StateDict } from '../modules/state_dict.js'
import { is_lazy, Parameter } from '../parameter.js'
import { hooksOf, removeHook, setField, tensorOf } from './computed_field.js'
import { asMatrix, checkIterations, rowsOf } from './power_iteration.js'

/** Divides a weight by its greatest singular value before every forward. */
class SpectralNorm extends Callable {
  /** Of its hooks of the module's state. */
  handles: RemovableHandle[] = []

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

  /** The form of a state_dict that has `name_v`. */
  noteVersion(metadata: Metadata): void {
    metadata.spectral_norm ??= {}
    const key = `${this.tensorName}.version`
    if (key in metadata.spectral_norm) throw new Error(`Unexpected key in metadata['spectral_norm']: ${key}`)
    metadata.spectral_norm[key] = 1
  }

  /** Computes `name_v` for a state_dict of the form that had the weight itself in its place. */
  renew(state: StateDict, prefix: string, metadata: Metadata, strict: boolean, missing: string[]): void {
    const version = metadata.spectral_norm?.[`${this.tensorName}.version`]
    if (version !== undefined && version >= 1) return
    const key = prefix + this.tensorName
    const has = (suffix: string) => Object.hasOwn(state, key + suffix)
    if (version === undefined && ['_orig', '_u', '_v'].every(has) && !has('')) return
    const absent = ['_orig', '', '_u'].filter((suffix) => !has(suffix))
    if (strict) missing.push(...absent.map((suffix) => key + suffix))
    if (absent.length > 0) return
    no_grad(() => {
      const original = state[`${key}_orig`] as Tensor
      const sigma = original.div(state[key] as Tensor).mean()
      delete state[key]
      const matrix = this.matrixOf(original)
      const u = state[`${key}_u`] as Tensor
      // v is what gives u by the matrix, u = W v / ‖W v‖, and sigma as uᵀ W v.
      const products = [matrix.t().mm(matrix).pinverse(), matrix.t(), u.unsqueeze(1)]
      const v = linalg.multi_dot(products).squeeze(1)
      state[`${key}_v`] = v.mul_(sigma.div(torch.dot(u, torch.mv(matrix, v))))
    })
  }
}

/** What a state_dict says beside its tensors of weights that are normalized: "weight.version". */
type Metadata = LocalMetadata & { spectral_norm?: Record<string, number> }

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
  const hook = new SpectralNorm(name, n_power_iterations, rowsOf(module, dim), eps)
  if (partKind(module, name) !== 'parameter') throw new RangeError(`Module '${module}' has no parameter '${name}'`)
  const weight = tensorOf(module, name) as Parameter | null
  if (weight === null) throw new RangeError(`\`SpectralNorm\` cannot be applied as parameter \`${name}\` is None`)
  if (is_lazy(weight)) {
    throw new RangeError(
      "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy forward before " +
        'applying spectral normalization',
    )
  }
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
  hook.handles = [
    module._register_state_dict_hook((_module, _state, _prefix, metadata) => hook.noteVersion(metadata)),
    module._register_load_state_dict_pre_hook((state, prefix, metadata, strict, missing) =>
      hook.renew(state, prefix, metadata, strict, missing),
    ),
  ]
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
  for (const handle of hook.handles) handle.remove()
  return module
}
