// The parametrization of spectral_norm.

import { no_grad } from '../../autograd/grad_mode.js'
import { contiguous_format } from '../../core/device.js'
import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { normalize } from '../functional/index.js'
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from '../modules/conv_transpose.js'
import { Module } from '../modules/module.js'

/** A weight as a matrix whose rows lie along a dimension. */
export function asMatrix(weight: Tensor, dim: number): Tensor {
  if (dim === 0) return weight.flatten(1)
  const others = Array.from({ length: weight.dim() }, (_, i) => i).filter((i) => i !== dim)
  return weight.permute([dim, ...others]).flatten(1)
}

/** The dimension of a module's weight that its outputs lie along, unless another one is said. */
export function rowsOf(module: Module, dim: number | null): number {
  const transposed = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d].some((kind) => module instanceof kind)
  return dim ?? (transposed ? 1 : 0)
}

export function checkIterations(n_power_iterations: number): void {
  if (n_power_iterations > 0) return
  throw new RangeError(`Expected n_power_iterations to be positive, but got n_power_iterations=${n_power_iterations}`)
}

/** A weight divided by its greatest singular value, which the power method approximates, a little at each forward. */
export class PowerIteration extends Module {
  static override readonly name: string = '_SpectralNorm'
  readonly dim: number
  readonly eps: number
  readonly n_power_iterations: number
  declare _u: Tensor
  declare _v: Tensor

  constructor(weight: Tensor, n_power_iterations: number, dim: number, eps: number) {
    super()
    const dims = weight.dim()
    if (dim >= dims || dim < -dims) {
      throw new RangeError(`Dimension out of range (expected to be in range of [-${dims}, ${dims - 1}] but got ${dim})`)
    }
    checkIterations(n_power_iterations)
    this.dim = dim >= 0 ? dim : dim + dims
    this.eps = eps
    this.n_power_iterations = n_power_iterations
    // The norm of a vector needs no approximation.
    if (dims === 1) return
    const matrix = asMatrix(weight, this.dim)
    const [rows, columns] = matrix.shape as unknown as [number, number]
    const [u, v] = [rows, columns].map((size) => matrix.new_empty([size]).normal_(0, 1)) as [Tensor, Tensor]
    this.register_buffer('_u', normalize(u, { dim: 0, eps }))
    this.register_buffer('_v', normalize(v, { dim: 0, eps }))
    this._iterate(matrix, 15)
  }

  /** In place: what else has these buffers sees them move. */
  private _iterate(matrix: Tensor, times: number): void {
    const { _u, _v, eps } = this
    no_grad(() => {
      for (let i = 0; i < times; i++) {
        normalize(torch.mv(matrix, _v), { dim: 0, eps, out: _u })
        normalize(torch.mv(matrix.H, _u), { dim: 0, eps, out: _v })
      }
    })
  }

  forward(weight: Tensor): Tensor {
    if (weight.dim() === 1) return normalize(weight, { dim: 0, eps: this.eps })
    const matrix = asMatrix(weight, this.dim)
    if (this.training) this._iterate(matrix, this.n_power_iterations)
    // Copies: the graph of this forward keeps them while the next one moves the buffers.
    const [u, v] = [this._u, this._v].map((vector) => vector.clone({ memory_format: contiguous_format })) as [
      Tensor,
      Tensor,
    ]
    return weight.div(torch.vdot(u, torch.mv(matrix, v)))
  }

  right_inverse(value: Tensor): Tensor {
    return value
  }
}
