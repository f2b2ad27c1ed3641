// The parametrization of orthogonal.

import { no_grad } from '../../autograd/grad_mode.js'
import { int32 } from '../../core/dtype.js'
import type { Size } from '../../core/size.js'
import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import * as linalg from '../../generated/linalg.js'
import { where } from '../../tensor/functions.js'
import { finfo } from '../../tensor/type_info.js'
import { Module } from '../modules/module.js'

export const ORTHOGONAL_MAPS = ['matrix_exp', 'cayley', 'householder'] as const
export type OrthogonalMap = (typeof ORTHOGONAL_MAPS)[number]

const identity = (n: number, { dtype, device }: Tensor): Tensor => torch.eye(n, { dtype, device })
const isTall = (matrix: Tensor): boolean => matrix.size(-2) >= matrix.size(-1)

/** Whether QᴴQ is the identity, within rounding. */
function isOrthogonal(Q: Tensor): boolean {
  const [n, k] = [Q.size(-2), Q.size(-1)]
  return torch.allclose(Q.mH.matmul(Q), identity(k, Q), { atol: 10 * n * finfo(Q.dtype).eps })
}

/** Q of a tall matrix A = QR, where the diagonal of R is real and not negative. */
function orthogonalized(A: Tensor): Tensor {
  const [X, tau] = torch.geqrf(A) as unknown as [Tensor, Tensor]
  return linalg.householder_product(X, tau).mul_(X.diagonal({ dim1: -2, dim2: -1 }).sgn().unsqueeze(-2))
}

export class Orthogonal extends Module {
  static override readonly name: string = '_Orthogonal'
  readonly shape: Size
  readonly orthogonal_map: OrthogonalMap
  /** The matrix that the value is multiplied by; undefined without one, null until it is set. */
  declare base: Tensor | null | undefined

  constructor(weight: Tensor, orthogonal_map: OrthogonalMap, use_trivialization: boolean) {
    super()
    // There is no way back from reflectors to their factors where these are complex.
    if (weight.is_complex() && orthogonal_map === 'householder') {
      throw new RangeError('The householder parametrization does not support complex tensors.')
    }
    this.shape = weight.shape
    this.orthogonal_map = orthogonal_map
    if (use_trivialization) this.register_buffer('base', null)
  }

  forward(X: Tensor): Tensor {
    const tall = isTall(X)
    let Q = this.orthogonal_map === 'householder' ? this._reflected(tall ? X : X.mT) : this._turned(tall ? X : X.mT)
    if (this.base !== undefined) Q = (this.base as Tensor).matmul(Q)
    return tall ? Q : Q.mT
  }

  /** The exponential, or the Cayley map, of the skew matrix of X's lower triangle. */
  private _turned(X: Tensor): Tensor {
    const [n, k] = [X.size(-2), X.size(-1)]
    let lower = X.tril()
    if (n !== k) {
      const rest = lower.new_zeros([n, n - k]).expand([...lower.shape.slice(0, -2), -1, -1])
      lower = torch.cat([lower, rest], -1)
    }
    const A = lower.sub(lower.mH)
    let Q: Tensor
    if (this.orthogonal_map === 'matrix_exp') Q = torch.matrix_exp(A)
    else {
      const one = identity(n, A)
      Q = linalg.solve(torch.add(one, A, { alpha: -0.5 }), torch.add(one, A, { alpha: 0.5 }))
    }
    return n === k ? Q : Q.narrow(-1, 0, k)
  }

  /** A product of reflectors; the diagonal of X has their signs, which do not learn. */
  private _reflected(X: Tensor): Tensor {
    const A = X.tril(-1)
    const tau = A.mul(A).sum(-2).add(1).reciprocal().mul(2)
    return linalg.householder_product(A, tau).mul(X.diagonal({ dim1: -2, dim2: -1 }).to(int32).unsqueeze(-2))
  }

  right_inverse(value: Tensor): Tensor {
    if (!value.shape.equals(this.shape)) {
      throw new RangeError(
        `Expected a matrix or batch of matrices of shape ${this.shape}. Got a tensor of shape ${value.shape}.`,
      )
    }
    return no_grad((): Tensor => {
      const tall = isTall(value)
      const Q = tall ? value : value.mT
      if (this.base === undefined) return this._reflectorsOf(Q, tall)
      this.base = this._completed(Q)
      // Minus the identity: of it the householder map makes the identity.
      const start = torch.zeros_like(value)
      start.diagonal({ dim1: -2, dim2: -1 }).fill_(-1)
      return start
    })
  }

  /** The orthogonal square matrix that Q, made orthogonal, is the first columns of. */
  private _completed(Q: Tensor): Tensor {
    const [n, k] = [Q.size(-2), Q.size(-1)]
    if (n === k) return isOrthogonal(Q) ? Q.clone() : orthogonalized(Q)
    const { dtype, device } = Q
    const rest = torch.randn([...Q.shape.slice(0, -2), n, n - k], { dtype, device })
    return orthogonalized(torch.cat([Q, rest], -1))
  }

  private _reflectorsOf(Q: Tensor, tall: boolean): Tensor {
    if (this.orthogonal_map !== 'householder') {
      const error = new Error(
        'It is not possible to assign to the matrix exponential or the Cayley parametrizations when ' +
          'use_trivialization=False.',
      )
      error.name = 'NotImplementedError'
      throw error
    }
    const [A, tau] = torch.geqrf(Q) as unknown as [Tensor, Tensor]
    // Of R only its signs are kept: with those of its diagonal it is the one decomposition with a positive one.
    const diagonal = A.diagonal({ dim1: -2, dim2: -1 })
    diagonal.sign_()
    // LAPACK gives an exact zero where it reflects nothing.
    diagonal.mul_(where(tau.eq(0), -1, 1))
    return tall ? A : A.mT
  }
}
