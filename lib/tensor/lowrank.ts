// torch.svd_lowrank and torch.pca_lowrank: randomised factorisations of nearly low-rank matrices.
// Halko, Martinsson, Tropp: Finding structure with randomness (2009), algorithm 5.1.

import type { Tensor } from '../core/tensor.js'
import { randn } from '../generated/functions.js'
import * as linalg from '../generated/linalg.js'
import { pythonFunction } from '../operators/arguments.js'
import type * as signature from '../operators/generated/python_functions.js'

/** Q with q orthonormal columns whose span nearly holds that of A - M: (..., m, q). */
function approximateBasis(A: Tensor, q: number, rounds: number, M: Tensor | null): Tensor {
  const orthonormal = (X: Tensor) => linalg.qr(X)[0]
  const dtype = A.dtype.is_floating_point || A.dtype.is_complex ? A.dtype : undefined
  const R = randn([A.size(-1), q], { dtype, device: A.device })
  const times = (X: Tensor) => (M === null ? A.matmul(X) : A.matmul(X).sub(M.matmul(X)))
  const back = (X: Tensor) => (M === null ? A.mH.matmul(X) : A.mH.matmul(X).sub(M.mH.matmul(X)))
  let Q = orthonormal(times(R))
  for (let i = 0; i < rounds; i++) Q = orthonormal(times(orthonormal(back(Q))))
  return Q
}

function factorised(A: Tensor, q: number, rounds: number, M: Tensor | null): [U: Tensor, S: Tensor, V: Tensor] {
  const wide = A.size(-2) < A.size(-1)
  const offset = M === null ? null : M.broadcast_to([...A.shape])
  const tall = wide ? A.mH : A
  const tallOffset = wide && offset !== null ? offset.mH : offset
  const Q = approximateBasis(tall, q, rounds, tallOffset)
  const B = Q.mH.matmul(tall)
  const [u, S, Vh] = linalg.svd(tallOffset === null ? B : B.sub(Q.mH.matmul(tallOffset)), false)
  const U = Q.matmul(u)
  return wide ? [Vh.mH, S, U] : [U, S, Vh.mH]
}

export const svd_lowrank = pythonFunction<signature.torch_svd_lowrank>(
  'torch.svd_lowrank',
  (A: Tensor, q: number | null, niter: number | null, M: Tensor | null) => factorised(A, q ?? 6, niter ?? 2, M),
)

export const pca_lowrank = pythonFunction<signature.torch_pca_lowrank>(
  'torch.pca_lowrank',
  (A: Tensor, q: number | null, center: boolean, niter: number) => {
    const least = Math.min(A.size(-2), A.size(-1))
    if (q !== null && !(q >= 0 && q <= least)) {
      throw new RangeError(`q(=${q}) must be non-negative integer and not greater than min(m, n)=${least}`)
    }
    if (!(niter >= 0)) throw new RangeError(`niter(=${niter}) must be non-negative integer`)
    const centred = center ? A.sub(A.mean([-2], true)) : A
    return factorised(centred, q ?? Math.min(6, least), niter, null)
  },
)
