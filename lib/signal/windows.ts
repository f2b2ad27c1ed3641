// torch.signal.windows: window functions. M is the number of points; a window that is not `sym` is periodic.

import { get_default_dtype } from '../core/default_dtype.js'
import type { DeviceLike, Layout } from '../core/device.js'
import * as dtypes from '../core/dtype.js'
import type { Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import * as torch from '../generated/functions.js'
import { pythonFunction } from '../operators/arguments.js'
import type * as signature from '../operators/generated/python_functions.js'

/** What all windows take last. */
type Common = [
  sym: boolean,
  dtype: dtypes.DType | null,
  layout: Layout | null,
  device: DeviceLike | null,
  requires_grad: boolean,
]

function checked(name: string, M: number, [, dtype, layout, device]: Common) {
  if (!(M >= 0)) throw new RangeError(`${name} requires non-negative window length, got M=${M}`)
  if (layout !== null && layout.name !== 'strided') {
    throw new RangeError(`${name} is implemented for strided tensors only, got: ${layout}`)
  }
  const type = dtype ?? get_default_dtype()
  if (type !== dtypes.float32 && type !== dtypes.float64) {
    throw new RangeError(`${name} expects float32 or float64 dtypes, got: ${type}`)
  }
  return { dtype: type, device }
}

type TensorOptions = ReturnType<typeof checked>

/** The window of `points(first, last)`, which has the M points that a window is made of. */
function window(
  name: string,
  M: number,
  common: Common,
  make: (options: TensorOptions, points: (start: number, end: number) => Tensor) => Tensor,
  one = true,
): Tensor {
  const options = checked(name, M, common)
  const result = () => {
    if (M === 0) return torch.empty([0], options)
    if (M === 1 && one) return torch.ones([1], options)
    return make(options, (start, end) => torch.linspace(start, end, M, options))
  }
  const made = result()
  return common[4] ? made.requires_grad_() : made
}

/** How many steps the window's period has. */
const steps = (M: number, sym: boolean) => (sym ? M - 1 : M)

function cosines(name: string, M: number, a: readonly number[], common: Common): Tensor {
  if (!Array.isArray(a)) throw new TypeError('Coefficients must be a list/tuple')
  if (a.length === 0) throw new RangeError('Coefficients cannot be empty')
  return window(name, M, common, (options, points) => {
    const angle = (2 * Math.PI) / steps(M, common[0])
    const k = points(0, (M - 1) * angle)
    const signed = a.map((weight, i) => (i % 2 === 0 ? weight : -weight))
    const weights = torch.stack(signed.map((weight) => aten.full([], weight, options)))
    const i = torch.arange(a.length, options)
    return weights.unsqueeze(-1).mul(i.unsqueeze(-1).mul(k).cos()).sum(0)
  })
}

export const general_cosine = pythonFunction<signature.signal_windows_general_cosine>(
  'signal.windows.general_cosine',
  (M: number, a: readonly number[], ...common: Common) => cosines('general_cosine', M, a, common),
)
export const general_hamming = pythonFunction<signature.signal_windows_general_hamming>(
  'signal.windows.general_hamming',
  (M: number, alpha: number, ...common: Common) => cosines('general_hamming', M, [alpha, 1 - alpha], common),
)
export const hamming = pythonFunction<signature.signal_windows_hamming>(
  'signal.windows.hamming',
  (M: number, ...common: Common) => cosines('hamming', M, [0.54, 1 - 0.54], common),
)
export const hann = pythonFunction<signature.signal_windows_hann>(
  'signal.windows.hann',
  (M: number, ...common: Common) => cosines('hann', M, [0.5, 0.5], common),
)
export const blackman = pythonFunction<signature.signal_windows_blackman>(
  'signal.windows.blackman',
  (M: number, ...common: Common) => cosines('blackman', M, [0.42, 0.5, 0.08], common),
)
export const nuttall = pythonFunction<signature.signal_windows_nuttall>(
  'signal.windows.nuttall',
  (M: number, ...common: Common) => cosines('nuttall', M, [0.3635819, 0.4891775, 0.1365995, 0.0106411], common),
)

export const bartlett = pythonFunction<signature.signal_windows_bartlett>(
  'signal.windows.bartlett',
  (M: number, ...common: Common) =>
    window('bartlett', M, common, (_, points) => {
      const k = points(-1, -1 + (M - 1) * (2 / steps(M, common[0])))
      return k.abs().neg().add(1)
    }),
)

export const cosine = pythonFunction<signature.signal_windows_cosine>(
  'signal.windows.cosine',
  (M: number, ...common: Common) =>
    window(
      'cosine',
      M,
      common,
      (_, points) => {
        const angle = Math.PI / (!common[0] && M > 1 ? M + 1 : M)
        return points(0.5 * angle, (0.5 + (M - 1)) * angle).sin()
      },
      false,
    ),
)

/** The place of a window's centre. */
const centre = (M: number, sym: boolean) => (!sym && M > 1 ? M : M - 1) / 2

export const exponential = pythonFunction<signature.signal_windows_exponential>(
  'signal.windows.exponential',
  (M: number, given: number | null, tau: number, ...common: Common) => {
    checked('exponential', M, common)
    if (!(tau > 0)) throw new RangeError(`Tau must be positive, got: ${tau} instead.`)
    if (common[0] && given !== null) throw new RangeError('Center must be None for symmetric windows')
    const middle = given ?? centre(M, common[0])
    return window(
      'exponential',
      M,
      common,
      (_, points) =>
        points(-middle / tau, (-middle + (M - 1)) / tau)
          .abs()
          .neg()
          .exp(),
      false,
    )
  },
)

export const gaussian = pythonFunction<signature.signal_windows_gaussian>(
  'signal.windows.gaussian',
  (M: number, std: number, ...common: Common) => {
    checked('gaussian', M, common)
    if (!(std > 0)) throw new RangeError(`Standard deviation must be positive, got: ${std} instead.`)
    const start = -centre(M, common[0])
    const scale = 1 / (std * Math.SQRT2)
    return window(
      'gaussian',
      M,
      common,
      (_, points) =>
        points(start * scale, (start + (M - 1)) * scale)
          .pow(2)
          .neg()
          .exp(),
      false,
    )
  },
)

export const kaiser = pythonFunction<signature.signal_windows_kaiser>(
  'signal.windows.kaiser',
  (M: number, beta: number, ...common: Common) => {
    checked('kaiser', M, common)
    if (!(beta >= 0)) throw new RangeError(`beta must be non-negative, got: ${beta} instead.`)
    return window('kaiser', M, common, (options) => {
      // beta is rounded to the window's dtype, so that the square root below is of no negative number.
      const b = aten.full([], beta, options)
      const step = b.mul(2).div(steps(M, common[0]))
      const end = b.minimum(b.neg().add(step.mul(M - 1)))
      const k = torch.linspace(b.neg(), end, M, options)
      return b.mul(b).sub(k.pow(2)).sqrt().i0().div(b.i0())
    })
  },
)
