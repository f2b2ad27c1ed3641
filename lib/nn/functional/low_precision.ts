// torch.nn.functional: products of matrices in groups, and of scaled ones in low precision.

import { bfloat16, type DType } from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'
import { ntuple, type Sizes } from './sizes.js'

/** What one scaling factor belongs to: the whole matrix, a row, or a block. */
export const ScalingType = Object.freeze({
  TensorWise: 0,
  RowWise: 1,
  BlockWise1x16: 2,
  BlockWise1x32: 3,
  BlockWise1x128: 4,
  BlockWise128x128: 5,
})
export type ScalingType = (typeof ScalingType)[keyof typeof ScalingType]

/** How scaling factors lie in memory. */
export const SwizzleType = Object.freeze({ NO_SWIZZLE: 0, SWIZZLE_32_4_4: 1 })
export type SwizzleType = (typeof SwizzleType)[keyof typeof SwizzleType]

export const grouped_mm = pythonFunction<signature.nn_functional_grouped_mm>(
  'nn.functional.grouped_mm',
  (mat_a: Tensor, mat_b: Tensor, offs: Tensor | null, bias: Tensor | null, out_dtype: DType | null) =>
    aten._grouped_mm(mat_a, mat_b, offs, bias, out_dtype),
)

type Factors = Tensor | readonly Tensor[]

const listOf = (factors: Factors): readonly Tensor[] => (Array.isArray(factors) ? factors : [factors as Tensor])
const kindsOf = (kinds: Sizes | null): readonly number[] => (kinds === null ? [] : ntuple(kinds, 1))

/** The results are of bfloat16 unless another dtype is said. */
export const scaled_mm = pythonFunction<signature.nn_functional_scaled_mm>(
  'nn.functional.scaled_mm',
  (
    mat_a: Tensor,
    mat_b: Tensor,
    scale_a: Factors,
    recipe_a: Sizes,
    scale_b: Factors,
    recipe_b: Sizes,
    swizzle_a: Sizes | null,
    swizzle_b: Sizes | null,
    bias: Tensor | null,
    output_dtype: DType | null,
    contraction_dim: readonly number[],
    use_fast_accum: boolean,
  ) =>
    aten._scaled_mm_v2(
      mat_a,
      mat_b,
      listOf(scale_a),
      kindsOf(recipe_a),
      kindsOf(swizzle_a),
      listOf(scale_b),
      kindsOf(recipe_b),
      kindsOf(swizzle_b),
      bias,
      output_dtype ?? bfloat16,
      contraction_dim,
      use_fast_accum,
    ),
)

/** The results are of bfloat16 unless another dtype is said. */
export const scaled_grouped_mm = pythonFunction<signature.nn_functional_scaled_grouped_mm>(
  'nn.functional.scaled_grouped_mm',
  (
    mat_a: Tensor,
    mat_b: Tensor,
    scale_a: Factors,
    recipe_a: Sizes,
    scale_b: Factors,
    recipe_b: Sizes,
    swizzle_a: Sizes | null,
    swizzle_b: Sizes | null,
    bias: Tensor | null,
    offs: Tensor | null,
    output_dtype: DType | null,
    contraction_dim: readonly number[],
    use_fast_accum: boolean,
  ) =>
    aten._scaled_grouped_mm_v2(
      mat_a,
      mat_b,
      listOf(scale_a),
      kindsOf(recipe_a),
      kindsOf(swizzle_a),
      listOf(scale_b),
      kindsOf(recipe_b),
      kindsOf(swizzle_b),
      offs,
      bias,
      output_dtype ?? bfloat16,
      contraction_dim,
      use_fast_accum,
    ),
)
