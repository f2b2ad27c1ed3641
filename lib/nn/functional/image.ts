// torch.nn.functional: resampling, and the moves between images and columns.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import * as nn from '../../generated/nn_functional.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'
import { repeated, type Sizes } from './sizes.js'

export const pad = pythonFunction<signature.nn_functional_pad>(
  'nn.functional.pad',
  (input: Tensor, widths: readonly number[], mode: string, value: number | null) =>
    aten.pad(input, widths, mode, value),
)

export const unfold = pythonFunction<signature.nn_functional_unfold>(
  'nn.functional.unfold',
  (input: Tensor, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) =>
    nn.im2col(input, repeated(kernel, 2), repeated(dilation, 2), repeated(padding, 2), repeated(stride, 2)),
)

export const fold = pythonFunction<signature.nn_functional_fold>(
  'nn.functional.fold',
  (input: Tensor, output: Sizes, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) =>
    nn.col2im(
      input,
      repeated(output, 2),
      repeated(kernel, 2),
      repeated(dilation, 2),
      repeated(padding, 2),
      repeated(stride, 2),
    ),
)

const ALIGN_CORNERS =
  'Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify ' +
  'align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.'

function alignedCorners(align_corners: boolean | null): boolean {
  if (align_corners === null) warn(ALIGN_CORNERS)
  return align_corners ?? false
}

/** The place of a choice among its names. */
function choice(what: string, names: readonly string[], chosen: string): number {
  const place = names.indexOf(chosen)
  if (place !== -1) return place
  const list = `${names
    .slice(0, -1)
    .map((name) => `'${name}'`)
    .join(', ')}${names.length > 2 && what === 'padding_mode' ? ',' : ''} or '${names.at(-1)}'`
  throw new RangeError(`nn.functional.grid_sample(): expected ${what} to be ${list}, but got: '${chosen}'`)
}

export const grid_sample = pythonFunction<signature.nn_functional_grid_sample>(
  'nn.functional.grid_sample',
  (input: Tensor, grid: Tensor, mode: string, padding_mode: string, align_corners: boolean | null) => {
    const interpolation = choice('mode', ['bilinear', 'nearest', 'bicubic'], mode)
    const padding = choice('padding_mode', ['zeros', 'border', 'reflection'], padding_mode)
    return torch.grid_sampler(input, grid, interpolation, padding, alignedCorners(align_corners))
  },
)

export const affine_grid = pythonFunction<signature.nn_functional_affine_grid>(
  'nn.functional.affine_grid',
  (theta: Tensor, size: readonly number[], align_corners: boolean | null) => {
    const aligned = alignedCorners(align_corners)
    const shown = `[${size.join(', ')}]`
    if (!theta.dtype.is_floating_point) {
      throw new RangeError(`Expected theta to have floating point type, but got ${theta.dtype}`)
    }
    const dims = size.length - 2
    if (dims !== 2 && dims !== 3) {
      throw new Error(
        'affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. ' +
          `Got size ${shown}.`,
      )
    }
    if (!theta.shape.slice(-2).every((length, i) => length === dims + i) || theta.dim() !== 3) {
      throw new RangeError(
        `Expected a batch of ${dims}D affine matrices of shape Nx${dims}x${dims + 1} for size ${shown}. ` +
          `Got ${theta.shape}.`,
      )
    }
    if (!(aligned && Math.min(...size.slice(2)) === 1) && Math.min(...size) <= 0) {
      throw new RangeError(`Expected non-zero, positive output size. Got ${shown}`)
    }
    return torch.affine_grid_generator(theta, size, aligned)
  },
)

type Interpolate = (
  input: Tensor,
  sizes: readonly number[] | null,
  aligned: boolean,
  factors: readonly number[] | null,
) => Tensor

/** Of each mode that interpolates: the number of spatial dimensions, and the operators. */
const INTERPOLATING: Record<string, { dims: number; plain?: Interpolate; antialiased?: Interpolate }> = {
  linear: { dims: 1, plain: nn.upsample_linear1d },
  bilinear: { dims: 2, plain: nn.upsample_bilinear2d, antialiased: aten._upsample_bilinear2d_aa },
  bicubic: { dims: 2, plain: nn.upsample_bicubic2d, antialiased: aten._upsample_bicubic2d_aa },
  trilinear: { dims: 3, plain: nn.upsample_trilinear3d },
  lanczos: { dims: 2, antialiased: aten._upsample_lanczos2d_aa },
}

type Copy = (input: Tensor, sizes: readonly number[] | null, factors: readonly number[] | null) => Tensor

/** Of each mode that copies: the operators of one, two and three spatial dimensions. */
const COPYING: Record<string, readonly Copy[]> = {
  nearest: [nn.upsample_nearest1d, nn.upsample_nearest2d, nn.upsample_nearest3d],
  'nearest-exact': [aten._upsample_nearest_exact1d, aten._upsample_nearest_exact2d, aten._upsample_nearest_exact3d],
  // Its sizes are always known.
  area: [nn.adaptive_avg_pool1d, aten.adaptive_avg_pool2d, aten.adaptive_avg_pool3d].map(
    (average) => (input, sizes) => average(input, sizes as readonly number[]),
  ),
}

interface Resampling {
  size: Sizes | null
  scale_factor: Sizes | null
  mode: string
  align_corners: boolean | null
  recompute_scale_factor: boolean | null
  antialias: boolean
}

/** The output's sizes, or the factors that give them. */
function outputOf(input: Tensor, options: Resampling): { sizes: number[] | null; factors: number[] | null } {
  const { size, scale_factor, mode } = options
  const dims = input.dim() - 2
  if (size !== null && scale_factor !== null) {
    throw new RangeError('only one of size or scale_factor should be defined')
  }
  const given = size ?? scale_factor
  if (given === null) throw new RangeError('either size or scale_factor should be defined')
  if (typeof given !== 'number' && given.length !== dims) {
    const [what, form, letters] =
      size !== null
        ? ['output size of', 'output size', '(o1, o2, ...,oK)']
        : ['scale_factor of shape', 'scale_factor', '(s1, s2, ...,sK)']
    throw new RangeError(
      `Input and ${size !== null ? 'output' : 'scale_factor'} must have the same number of spatial dimensions, but got ` +
        `input with spatial dimensions of [${input.shape.slice(2).join(', ')}] and ${what} ${pythonRepr(given)}. ` +
        `Please provide input tensor in (N, C, d1, d2, ...,dK) format and ${form} in ${letters} format.`,
    )
  }
  if (options.recompute_scale_factor && size !== null) {
    throw new RangeError('recompute_scale_factor is not meaningful with an explicit size.')
  }
  const each = repeated(given, Math.max(dims, 0))
  if (size !== null) return { sizes: each, factors: null }
  if (!options.recompute_scale_factor && mode !== 'area') return { sizes: null, factors: each }
  return { sizes: each.map((factor, i) => Math.trunc(input.size(i + 2) * factor)), factors: null }
}

function resample(input: Tensor, options: Resampling): Tensor {
  const { mode, antialias } = options
  const copying = Object.hasOwn(COPYING, mode) ? COPYING[mode] : undefined
  if (copying !== undefined && options.align_corners !== null) {
    throw new RangeError(
      'align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear',
    )
  }
  const aligned = options.align_corners ?? false
  const { sizes, factors } = outputOf(input, options)
  const dims = input.dim() - 2
  if (antialias && !(['bilinear', 'bicubic', 'lanczos'].includes(mode) && dims === 2)) {
    throw new RangeError(
      'Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input',
    )
  }
  const copy = copying?.[dims - 1]
  if (copy !== undefined) return copy(input, sizes, factors)
  const interpolating = Object.hasOwn(INTERPOLATING, mode) ? INTERPOLATING[mode] : undefined
  const wanted = interpolating?.dims
  if (interpolating === undefined || wanted !== dims) {
    if (wanted !== undefined && mode.endsWith('linear') && dims >= 1 && dims <= 3) {
      throw new Error(`Got ${dims + 2}D input, but ${mode} mode needs ${wanted + 2}D input`)
    }
    throw new Error(
      `Input Error: Only 3D, 4D and 5D input Tensors supported (got ${input.dim()}D) for the modes: nearest | linear | ` +
        `bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got ${mode})`,
    )
  }
  if (mode === 'lanczos') {
    if (aligned) throw new RangeError('Lanczos mode does not support align_corners=True')
    if (!antialias) throw new RangeError('Lanczos mode requires antialias=True')
  }
  const operator = (antialias ? interpolating.antialiased : interpolating.plain) as Interpolate
  return operator(input, sizes, aligned, factors)
}

export const interpolate = pythonFunction<signature.nn_functional_interpolate>(
  'nn.functional.interpolate',
  (
    input: Tensor,
    size: Sizes | null,
    scale_factor: Sizes | null,
    mode: string,
    align_corners: boolean | null,
    recompute_scale_factor: boolean | null,
    antialias: boolean,
  ) => resample(input, { size, scale_factor, mode, align_corners, recompute_scale_factor, antialias }),
)

const upsampling =
  (mode: string, align_corners: boolean | null) => (input: Tensor, size: Sizes | null, scale_factor: Sizes | null) =>
    resample(input, { size, scale_factor, mode, align_corners, recompute_scale_factor: null, antialias: false })

export const upsample = pythonFunction<signature.nn_functional_upsample>(
  'nn.functional.upsample',
  (input: Tensor, size: Sizes | null, scale_factor: Sizes | null, mode: string, align_corners: boolean | null) =>
    upsampling(mode, align_corners)(input, size, scale_factor),
)
export const upsample_nearest = pythonFunction<signature.nn_functional_upsample_nearest>(
  'nn.functional.upsample_nearest',
  upsampling('nearest', null),
)
export const upsample_bilinear = pythonFunction<signature.nn_functional_upsample_bilinear>(
  'nn.functional.upsample_bilinear',
  upsampling('bilinear', true),
)
