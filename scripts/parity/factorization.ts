// Factors that are not determined, element by element: the columns of U and V and eigenvectors have a sign or a phase
// of their own, and equal values share a space. They are judged by what makes them factors.

import type { Tensor } from '../../lib/index.js'
import { elements } from './compare.js'

/** A matrix of complex numbers, row by row. */
class Matrix {
  constructor(
    readonly rows: number,
    readonly columns: number,
    readonly re: ArrayLike<number> = new Float64Array(rows * columns),
    readonly im: ArrayLike<number> = new Float64Array(rows * columns),
  ) {}

  static make(rows: number, columns: number, at: (row: number, column: number) => [re: number, im: number]): Matrix {
    const [re, im] = [new Float64Array(rows * columns), new Float64Array(rows * columns)]
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) [re[i * columns + j], im[i * columns + j]] = at(i, j) as [number, number]
    }
    return new Matrix(rows, columns, re, im)
  }

  at(row: number, column: number): [re: number, im: number] {
    const place = row * this.columns + column
    return [this.re[place] as number, this.im[place] as number]
  }

  times(other: Matrix): Matrix {
    return Matrix.make(this.rows, other.columns, (i, j) => {
      let [re, im] = [0, 0]
      for (let k = 0; k < Math.min(this.columns, other.rows); k++) {
        const [a, b] = this.at(i, k)
        const [c, d] = other.at(k, j)
        re += a * c - b * d
        im += a * d + b * c
      }
      return [re, im]
    })
  }

  get adjoint(): Matrix {
    return Matrix.make(this.columns, this.rows, (i, j) => {
      const [re, im] = this.at(j, i)
      return [re, -im]
    })
  }

  /** The largest number, or the largest distance from another's. */
  size(from?: Matrix): number {
    let size = 0
    for (let i = 0; i < this.re.length; i++) {
      const distance = Math.hypot(
        (this.re[i] as number) - ((from?.re[i] as number) ?? 0),
        (this.im[i] as number) - ((from?.im[i] as number) ?? 0),
      )
      // No number is the farthest.
      if (!(distance <= size)) size = distance
    }
    return size
  }
}

/** A part of a factorization: its elements, complex ones by turns, and its shape. */
export interface Part {
  values: ArrayLike<number | bigint>
  shape: readonly number[]
  complex: boolean
}

export const partOf = (tensor: Tensor): Part => ({
  values: elements(tensor),
  shape: [...tensor.shape],
  complex: tensor.dtype.is_complex,
})

/** The matrices of a batch; of a batch of vectors, those with the vectors in their diagonals. */
function matrices({ values, shape, complex }: Part, diagonal = false): Matrix[] {
  const [rows, columns] = (diagonal ? [1, shape.at(-1)] : shape.slice(-2)) as [number, number]
  const count = rows * columns === 0 ? 0 : values.length / (complex ? 2 : 1) / (rows * columns)
  const number = (place: number): [number, number] =>
    complex ? [Number(values[2 * place]), Number(values[2 * place + 1])] : [Number(values[place]), 0]
  return Array.from({ length: count }, (_, b) =>
    diagonal
      ? Matrix.make(columns, columns, (i, j) => (i === j ? number(b * columns + i) : [0, 0]))
      : Matrix.make(rows, columns, (i, j) => number((b * rows + i) * columns + j)),
  )
}

type Verdict = [what: string, error: number, size: number]

const identity = (n: number) => Matrix.make(n, n, (i, j) => [i === j ? 1 : 0, 0])

const orthonormal = (what: string, columns: Matrix): Verdict => [
  `${what} is not orthonormal`,
  columns.adjoint.times(columns).size(identity(columns.columns)),
  0,
]

/** How far two products of factors are apart. */
const same = (actual: Matrix, expected: Matrix): Verdict => [
  'the product is another',
  actual.size(expected),
  expected.size(),
]

interface Factorization {
  /** The result that holds the diagonal of a factor, singular values or eigenvalues. It is determined. */
  diagonal?: number
  check(actual: Matrix[], expected: Matrix[], argument: Matrix): Verdict[]
}

const svd = (last: (v: Matrix) => Matrix): Factorization => {
  const product = ([u, s, v]: Matrix[]) => (u as Matrix).times(s as Matrix).times(last(v as Matrix))
  return {
    diagonal: 1,
    check: (actual, expected) => [
      orthonormal('U', actual[0] as Matrix),
      orthonormal('V', last(actual[2] as Matrix).adjoint),
      same(product(actual), product(expected)),
    ],
  }
}
const svdOfV = svd((v) => v.adjoint)

const eigh: Factorization = {
  diagonal: 0,
  check(actual, expected) {
    const product = ([w, q]: Matrix[]) => (q as Matrix).times(w as Matrix).times((q as Matrix).adjoint)
    return [orthonormal('Q', actual[1] as Matrix), same(product(actual), product(expected))]
  },
}

const eig: Factorization = {
  diagonal: 0,
  check([w, v], _, argument) {
    const { rows, columns } = v as Matrix
    const length = (j: number) =>
      Math.hypot(...Array.from({ length: rows }, (_, i) => Math.hypot(...(v as Matrix).at(i, j))))
    const lengths = Array.from({ length: columns }, (_, j) => Math.abs(length(j) - 1))
    return [
      ['A V is not V diag(w)', argument.times(v as Matrix).size((v as Matrix).times(w as Matrix)), argument.size()],
      ['an eigenvector has another length than 1', Math.max(...lengths), 0],
    ]
  },
}

const qr: Factorization = {
  check(actual, expected) {
    const [q, r] = actual as [Matrix, Matrix]
    const below = Matrix.make(r.rows, r.columns, (i, j) => (i > j ? r.at(i, j) : [0, 0]))
    return [
      orthonormal('Q', q),
      ['R is not upper triangular', below.size(), 0],
      same(q.times(r), (expected[0] as Matrix).times(expected[1] as Matrix)),
    ]
  },
}

const FACTORIZATIONS: Record<string, Factorization> = {
  'torch.svd': svdOfV,
  'torch.linalg.svd': svd((v) => v),
  'torch.svd_lowrank': svdOfV,
  'torch.pca_lowrank': svdOfV,
  'torch.linalg.eigh': eigh,
  'torch.linalg.eig': eig,
  'torch.qr': qr,
  'torch.linalg.qr': qr,
}

/** Whether the elements of a function's result may be others than another processor's. */
export const isFree = (name: string, result: number): boolean =>
  Object.hasOwn(FACTORIZATIONS, name) && FACTORIZATIONS[name]?.diagonal !== result

/** What factors fail to be, or null. `argument`: what was factored. */
export function wrongFactors(
  name: string,
  actual: Part[],
  expected: Part[],
  argument: Part,
  allow: (size: number) => number,
): string | null {
  const { diagonal, check } = FACTORIZATIONS[name] as Factorization
  const batch = (parts: Part[]) => parts.map((part, i) => matrices(part, i === diagonal))
  const [found, wanted, factored] = [batch(actual), batch(expected), matrices(argument)]
  for (const [b] of (found[0] as Matrix[]).entries()) {
    const at = (parts: Matrix[][]) => parts.map((part) => part[b] as Matrix)
    for (const [what, error, size] of check(at(found), at(wanted), factored[b] as Matrix)) {
      if (!(error <= allow(size))) return `${what}, by ${error}`
    }
  }
  return null
}
