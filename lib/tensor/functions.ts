// Functions of the namespace torch whose form in Python is not the operator's.

import type * as dtypes from '../core/dtype.js'
import { Size } from '../core/size.js'
import { internals, type Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { split_with_sizes } from '../generated/functions.js'
import { matrix_norm, vector_norm } from '../generated/linalg.js'
import { pythonFunction, refuse } from '../operators/arguments.js'
import { read } from '../operators/generated/arguments.js'
import type * as signature from '../operators/generated/python_functions.js'
import type { Scalar } from '../operators/operator.js'
import { isOptions } from '../operators/options.js'
import { tensor } from './factories.js'

type Optional = Tensor | null
type Tensors = Tensor[] | [readonly Tensor[]]

/** Python's `*tensors`, which may come as one list too. */
const listed = (tensors: Tensors): Tensor[] =>
  (tensors.length === 1 && Array.isArray(tensors[0]) ? tensors[0] : tensors) as Tensor[]

/** Elements of `input` where the condition holds, else of `other`; the indices where it holds when given alone. */
export function where(condition: Tensor): Tensor[]
export function where(condition: Tensor, input: Tensor | Scalar, other: Tensor | Scalar): Tensor
export function where(
  condition: Tensor,
  options: { input: Tensor | Scalar; other: Tensor | Scalar; out?: Tensor | undefined },
): Tensor
export function where(
  condition: Tensor,
  input: Tensor | Scalar,
  other: Tensor | Scalar,
  options: { out?: Tensor | undefined },
): Tensor
export function where(condition: Tensor, ...rest: unknown[]): Tensor | Tensor[] {
  const [input, other] = rest
  // Without a tensor, the two numbers decide the dtype.
  const number = (value: number) => tensor(value, { device: 'cpu' })
  if (typeof input === 'number' && typeof other === 'number') {
    return aten.where(condition, number(input), number(other), ...(rest.slice(2) as [{ out: Tensor }]))
  }
  // Which of its forms this is, native code sees.
  return aten.where(condition, ...(rest as [input: Tensor, other: Tensor, options: { out: Tensor }]))
}

/**
 * Sums of products, in Einstein's notation: `torch.einsum('bij,bjk->bik', a, b)`, where the operands may be one array;
 * or with a list of numbers after each operand: `torch.einsum(a, [0, 1], b, [1, 2], [0, 2])`.
 */
export function einsum(equation: string, ...operands: Tensors): Tensor
export function einsum(operand: Tensor, sublist: readonly (number | '...')[], ...rest: unknown[]): Tensor
export function einsum(...args: unknown[]): Tensor {
  if (args.length < 2) {
    throw new RangeError(
      'einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list',
    )
  }
  if (typeof args[0] === 'string') return aten.einsum(args[0], listed(args.slice(1) as Tensors))
  const letters = (list: unknown) => (list as (number | '...')[]).map(letterOf).join('')
  const inputs = args.filter((_, i) => i % 2 === 1).map(letters)
  const output = args.length % 2 === 1 ? `->${letters(args.at(-1))}` : ''
  const operands = args.filter((_, i) => i % 2 === 0 && i + 1 < args.length)
  return aten.einsum(inputs.join(',') + output, operands as Tensor[])
}

function letterOf(subscript: number | '...'): string {
  if (subscript === '...') return subscript
  if (subscript >= 0 && subscript < 26) return String.fromCharCode(65 + subscript)
  if (subscript >= 26 && subscript < 52) return String.fromCharCode(97 + subscript - 26)
  throw new RangeError('einsum(): subscript in subscript list is not within the valid range [0, 52)')
}

/** The shape that shapes broadcast to. */
export function broadcast_shapes(...shapes: (number | readonly number[])[]): Size {
  const lists = shapes.map((shape) => (typeof shape === 'number' ? [shape] : shape))
  const dims = Math.max(0, ...lists.map((list) => list.length))
  const result = new Array<number>(dims).fill(1)
  for (const list of lists) {
    list.forEach((size, i) => {
      const place = dims - list.length + i
      if (size < 0) throw new Error(`Trying to create tensor with negative dimension (${size}): (${size})`)
      if (size === 1 || result[place] === size) return
      if (result[place] !== 1) {
        throw new Error(
          'Shape mismatch: objects cannot be broadcast to a single shape. ' +
            `Attempting to broadcast a dimension of length ${size} at ${i}! Mismatching argument had shape ` +
            `(${list.join(', ')}); but expected shape should be broadcastable to [${result.join(', ')}]`,
        )
      }
      result[place] = size
    })
  }
  return Size.of_sizes(result)
}

/** The tensors, expanded to the shape that they broadcast to. */
export function broadcast_tensors(...tensors: Tensors): Tensor[] {
  return aten.broadcast_tensors(listed(tensors))
}

/** The tensors as blocks on the diagonal of a matrix. */
export function block_diag(...tensors: Tensors): Tensor {
  return aten.block_diag(listed(tensors))
}

/** All combinations of the elements of 1-D tensors, one in each row. */
export function cartesian_prod(...tensors: Tensors): Tensor {
  return aten.cartesian_prod(listed(tensors))
}

/** The product of matrices, in the order that needs the fewest multiplications. */
export function chain_matmul(...matrices: Tensors | [...Tensor[], { out?: Tensor | undefined }]): Tensor {
  const options = isOptions(matrices.at(-1)) ? (matrices.pop() as { out: Tensor }) : null
  const list = listed(matrices as Tensors)
  return options === null ? aten.chain_matmul(list) : aten.chain_matmul(list, options)
}

/** Grids of coordinates from 1-D tensors. */
export function meshgrid(
  ...tensors: Tensors | [...Tensor[], MeshgridOptions] | [readonly Tensor[], MeshgridOptions]
): Tensor[] {
  const options = isOptions(tensors.at(-1)) ? (tensors.pop() as MeshgridOptions) : {}
  return aten.meshgrid(listed(tensors as Tensors), options as { indexing: string })
}

interface MeshgridOptions {
  /** 'ij' for matrices, 'xy' for coordinates. */
  indexing?: 'ij' | 'xy' | undefined
}

const atLeast = (operator: AtLeastOperator): AtLeast =>
  ((...tensors: Tensors) => {
    if (tensors.length === 1 && internals.isTensor(tensors[0])) return operator(tensors[0])
    return operator(listed(tensors))
  }) as AtLeast

interface AtLeastOperator {
  (input: Tensor): Tensor
  (tensors: readonly Tensor[]): Tensor[]
}

interface AtLeast {
  (tensor: Tensor): Tensor
  (...tensors: Tensor[]): Tensor[]
  (tensors: readonly Tensor[]): Tensor[]
}

export const atleast_1d = atLeast(aten.atleast_1d)
export const atleast_2d = atLeast(aten.atleast_2d)
export const atleast_3d = atLeast(aten.atleast_3d)

/** The places of elements that are not 0: (n, dims); or, with as_tuple, a vector for each dimension. */
export function nonzero(input: Tensor, options?: { as_tuple?: false; out?: Tensor | undefined }): Tensor
export function nonzero(input: Tensor, options: { as_tuple: true }): Tensor[]
export function nonzero(options: { input: Tensor; as_tuple?: boolean; out?: Tensor | undefined }): Tensor | Tensor[]
export function nonzero(...args: unknown[]): Tensor | Tensor[] {
  const { input, out, as_tuple } = read('torch.nonzero', args)
  if (as_tuple) return aten.nonzero_numpy(input)
  return out === null ? aten.nonzero(input) : aten.nonzero(input, { out })
}

const COMPUTE_MODES = ['use_mm_for_euclid_dist_if_necessary', 'use_mm_for_euclid_dist', 'donot_use_mm_for_euclid_dist']

export const cdist = pythonFunction<signature.torch_cdist>(
  'torch.cdist',
  (x1: Tensor, x2: Tensor, p: number, compute_mode: string) => {
    const mode = COMPUTE_MODES.indexOf(compute_mode)
    if (mode === -1) throw new RangeError(`${compute_mode} is not a valid value for compute_mode`)
    return aten.cdist(x1, x2, p, mode === 0 ? null : mode)
  },
)

export const norm = pythonFunction<signature.torch_norm>(
  'torch.norm',
  (
    input: Tensor,
    p: number | 'fro' | 'nuc' | null,
    dim: number | readonly number[] | null,
    keepdim: boolean,
    out: Optional,
    dtype: dtypes.DType | null,
  ) => {
    const options = out === null ? { dtype } : { dtype, out }
    const dims = typeof dim === 'number' ? [dim] : dim
    if (typeof p !== 'string') return vector_norm(input, p ?? 2, dims, keepdim, options)
    if (p === 'fro' && (dims === null || dims.length <= 2)) {
      return vector_norm(input, 2, dims, keepdim, options)
    }
    const all = dims ?? Array.from({ length: input.dim() }, (_, i) => i)
    return matrix_norm(input, p, all, keepdim, options)
  },
)

export const split = pythonFunction<signature.torch_split>(
  'torch.split',
  (input: Tensor, sizes: number | readonly number[], dim: number) =>
    typeof sizes === 'number' ? aten.split(input, sizes, dim) : split_with_sizes(input, sizes, dim),
)

export const tensordot = pythonFunction<TensordotFunction>(
  'torch.tensordot',
  (a: Tensor, b: Tensor, dims: number | Tensor | readonly [readonly number[], readonly number[]], out: Optional) => {
    let pairs: readonly [readonly number[], readonly number[]]
    const last = (count: number): readonly [number[], number[]] => {
      if (count < 0) throw new Error(`tensordot expects dims >= 0, but got dims=${count}`)
      return [Array.from({ length: count }, (_, i) => i - count), Array.from({ length: count }, (_, i) => i)]
    }
    if (internals.isTensor(dims)) {
      const lists = dims.tolist()
      pairs = dims.numel() > 1 ? (lists as [number[], number[]]) : last(Number(dims.item()))
    } else if (typeof dims === 'number') {
      if (dims > Math.min(a.dim(), b.dim())) {
        throw new Error(`tensordot expects dims < ndim_a or ndim_b, but got dims=${dims}`)
      }
      pairs = last(dims)
    } else if (Array.isArray(dims)) {
      pairs = dims as unknown as typeof pairs
    } else {
      throw new Error(
        `tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, but got dims=${dims}`,
      )
    }
    return out === null ? aten.tensordot(a, b, pairs[0], pairs[1]) : aten.tensordot(a, b, pairs[0], pairs[1], { out })
  },
)

interface TensordotFunction {
  /** `dims`: how many last dimensions of a meet first ones of b; or the two lists of dimensions. */
  (
    a: Tensor,
    b: Tensor,
    dims?: number | Tensor | readonly (readonly number[])[],
    options?: { out?: Tensor | null | undefined },
  ): Tensor
  (
    a: Tensor,
    b: Tensor,
    options: { dims?: number | Tensor | readonly (readonly number[])[]; out?: Tensor | null | undefined },
  ): Tensor
}

export const unravel_index = pythonFunction<signature.torch_unravel_index>(
  'torch.unravel_index',
  (indices: Tensor, shape: number | readonly (number | bigint)[]) => {
    const { dtype, device } = indices
    if (dtype.is_complex || dtype.is_floating_point || dtype.name === 'bool') {
      throw new TypeError(`expected 'indices' to be integer dtype, but got ${dtype}`)
    }
    if (typeof shape !== 'number' && !Array.isArray(shape)) {
      throw new TypeError(`expected 'shape' to be int or sequence of ints, but got ${typeof shape}`)
    }
    const sizes = typeof shape === 'number' ? [shape] : shape
    for (const size of sizes) {
      if (typeof size !== 'bigint' && !Number.isInteger(size)) {
        throw new TypeError(`expected 'shape' sequence to only contain ints, but got ${size}`)
      }
      if (size < 0) throw new RangeError(`'shape' cannot have negative values, but got (${sizes.join(', ')})`)
    }
    // How many elements one step along each dimension passes.
    const exact = sizes.map(BigInt)
    const steps = exact.map((_, i) => exact.slice(i + 1).reduce((product, size) => product * size, 1n))
    return indices.unsqueeze(-1).floor_divide(tensor(steps, { device })).remainder(tensor(exact, { device })).unbind(-1)
  },
)

export const stft = pythonFunction<signature.torch_stft>(
  'torch.stft',
  (
    input: Tensor,
    n_fft: number,
    hop_length: number | null,
    win_length: number | null,
    window: Optional,
    center: boolean,
    pad_mode: string,
    normalized: boolean,
    onesided: boolean | null,
    return_complex: boolean | null,
    align_to_window: boolean | null,
  ) => {
    if (center && align_to_window !== null) {
      throw new Error('stft align_to_window should only be set when center = false')
    }
    let signal = input
    if (center) {
      // Reflection needs three dimensions.
      const shape = [...input.shape]
      const extended = [...new Array<number>(3 - shape.length).fill(1), ...shape]
      const width = Math.floor(n_fft / 2)
      const padded = aten.pad(input.view(extended), [width, width], pad_mode)
      signal = padded.view([...padded.shape].slice(-shape.length))
    }
    return aten.stft(
      signal,
      n_fft,
      hop_length,
      win_length,
      window,
      normalized,
      onesided,
      return_complex,
      align_to_window,
    )
  },
)

export interface UniqueOptions {
  sorted?: boolean | undefined
  return_inverse?: boolean | undefined
  return_counts?: boolean | undefined
  dim?: number | null | undefined
}

/** The distinct elements; with return_inverse the position of each element among them, with return_counts their counts. */
interface Unique<O> {
  (input: Tensor, options?: O & { return_inverse?: false; return_counts?: false }): Tensor
  (input: Tensor, options: O & { return_inverse: true; return_counts: true }): [Tensor, Tensor, Tensor]
  (input: Tensor, options: O & ({ return_inverse: true } | { return_counts: true })): [Tensor, Tensor]
  (input: Tensor, options: O): Tensor | Tensor[]
}

function chosenOf(results: readonly Tensor[], return_inverse: boolean, return_counts: boolean): Tensor | Tensor[] {
  const [output, inverse, counts] = results as [Tensor, Tensor, Tensor]
  if (!return_inverse && !return_counts) return output
  return [output, ...(return_inverse ? [inverse] : []), ...(return_counts ? [counts] : [])]
}

export const unique: Unique<UniqueOptions> & ((input: Tensor, sorted: boolean, ...rest: unknown[]) => Tensor) =
  pythonFunction(
    'torch.unique',
    (input: Tensor, sorted: boolean, return_inverse: boolean, return_counts: boolean, dim: number | null) => {
      const options = { sorted, return_inverse, return_counts }
      const results = dim === null ? aten._unique2(input, options) : aten.unique_dim(input, dim, options)
      return chosenOf([...results], return_inverse, return_counts)
    },
  )

/** The elements without those that repeat the one before. */
export const unique_consecutive: Unique<Omit<UniqueOptions, 'sorted'>> = pythonFunction(
  'torch.unique_consecutive',
  (input: Tensor, return_inverse: boolean, return_counts: boolean, dim: number | null) => {
    const results = aten.unique_consecutive(input, { return_inverse, return_counts, dim })
    return chosenOf([...results], return_inverse, return_counts)
  },
)

/** torch.lu: the compact LU factorisation and its pivots, with get_infos also whether each factorisation succeeded. */
export function lu(A: Tensor, options?: { pivot?: boolean; get_infos?: false }): [LU: Tensor, pivots: Tensor]
export function lu(
  A: Tensor,
  options: { pivot?: boolean; get_infos: true },
): [LU: Tensor, pivots: Tensor, infos: Tensor]
export function lu(A: Tensor, pivot: boolean, get_infos?: boolean): Tensor[]
export function lu(options: { A: Tensor; pivot?: boolean; get_infos?: boolean }): Tensor[]
export function lu(...args: unknown[]): Tensor[] {
  const values = read('torch.lu', args)
  refuse('torch.lu', values, 'out')
  const results = [...aten._lu_with_info(values.A, values.pivot, !values.get_infos)]
  return values.get_infos ? results : results.slice(0, 2)
}
