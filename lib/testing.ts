// torch.testing: whether results are close, in Python's words where they are not.

import { strided } from './core/device.js'
import type { DType } from './core/dtype.js'
import * as dtypes from './core/dtype.js'
import { pythonRepr } from './core/python_repr.js'
import { scope } from './core/scope.js'
import { internals, type Tensor } from './core/tensor.js'
import * as aten from './generated/aten.js'
import * as torch from './generated/functions.js'
import { read } from './operators/generated/arguments.js'
import { isComplex, isOptions } from './operators/options.js'
import type { Element } from './tensor/elements.js'

/** Relative and absolute tolerance of each dtype; the others are compared exactly. */
const TOLERANCES = new Map<DType, readonly [rtol: number, atol: number]>([
  [dtypes.float16, [1e-3, 1e-5]],
  [dtypes.bfloat16, [1.6e-2, 1e-5]],
  [dtypes.float32, [1.3e-6, 1e-5]],
  [dtypes.float64, [1e-7, 1e-7]],
  [dtypes.complex32, [1e-3, 1e-5]],
  [dtypes.complex64, [1.3e-6, 1e-5]],
  [dtypes.complex128, [1e-7, 1e-7]],
])

export interface AssertCloseOptions {
  rtol?: number | null | undefined
  atol?: number | null | undefined
  equal_nan?: boolean | undefined
  check_device?: boolean | undefined
  check_dtype?: boolean | undefined
  check_layout?: boolean | undefined
  check_stride?: boolean | undefined
  /** The message, or what makes it from the one that would be given. */
  msg?: string | ((message: string) => string) | null | undefined
}

/** What `assert_close` accepts: tensors, numbers, and arrays and objects of them. */
export type Comparable = Tensor | Element | readonly Comparable[] | { readonly [key: string]: Comparable }

type Options = Required<Omit<AssertCloseOptions, 'msg'>>

class AssertionError extends Error {
  override name = 'AssertionError'
}

/** A mismatch at a place in nested arrays and objects. */
class Mismatch extends AssertionError {
  constructor(message: string, path: readonly (string | number)[]) {
    const place = path.map((key) => `[${typeof key === 'string' ? `'${key}'` : key}]`).join('')
    super(path.length === 0 ? message : `${message}\n\nThe failure occurred for item ${place}`)
  }
}

function tolerances(types: readonly DType[], { rtol, atol }: Options): readonly [rtol: number, atol: number] {
  if ((rtol === null) !== (atol === null)) {
    const missing = rtol === null ? 'rtol' : 'atol'
    throw new RangeError(`Both 'rtol' and 'atol' must be either specified or omitted, but got no ${missing}.`)
  }
  if (rtol !== null && atol !== null) return [rtol as number, atol as number]
  const each = types.map((dtype) => TOLERANCES.get(dtype) ?? [0, 0])
  return [Math.max(...each.map(([r]) => r as number)), Math.max(...each.map(([, a]) => a as number))]
}

/** A float as Python writes it. */
const floatRepr = (value: number) =>
  Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : pythonRepr(value)

function describe(
  what: string,
  extra: string,
  differences: readonly [absolute: string, relative: string],
  places: readonly [string, string] | null,
  [rtol, atol]: readonly [number, number],
): string {
  const exact = rtol === 0 && atol === 0
  const row = (kind: string, i: 0 | 1, tolerance: number) => {
    const allowed = exact ? '' : ` (up to ${pythonRepr(tolerance)} allowed)`
    return places === null
      ? `${kind[0]?.toUpperCase()}${kind.slice(1)} difference: ${differences[i]}${allowed}`
      : `Greatest ${kind} difference: ${differences[i]} at index ${places[i]}${allowed}`
  }
  return `${what} are not ${exact ? 'equal' : 'close'}!\n\n${extra}\n${row('absolute', 0, atol)}\n${row('relative', 1, rtol)}`
}

// --- numbers --------------------------------------------------------------------------------------------------

type Parts = { re: number; im: number }

const partsOf = (value: Element): Parts => (typeof value === 'object' ? value : { re: Number(value), im: 0 })

function numberText(value: Element, floating: boolean): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'object') {
    const sign = value.im < 0 || Object.is(value.im, -0) ? '-' : '+'
    return `(${pythonRepr(value.re)}${sign}${pythonRepr(Math.abs(value.im))}j)`
  }
  return floating && typeof value === 'number'
    ? floatRepr(value)
    : String(typeof value === 'number' ? pythonRepr(value) : value)
}

function scalarMismatch(
  actual: Element,
  expected: Element,
  floating: boolean,
  limits: readonly [number, number],
  what = 'Scalars',
): string {
  const [a, e] = [partsOf(actual), partsOf(expected)]
  const absolute = Math.hypot(a.re - e.re, a.im - e.im)
  const size = Math.hypot(e.re, e.im)
  const relative = size === 0 ? Infinity : absolute / size
  const extra = `Expected ${numberText(expected, floating)} but got ${numberText(actual, floating)}.`
  const text = floating || typeof expected === 'object' ? floatRepr(absolute) : pythonRepr(absolute)
  const shown = Number.isNaN(a.re - e.re) ? 'nan' : text
  return describe(
    what,
    extra,
    [shown, Number.isFinite(relative) ? floatRepr(relative) : pythonRepr(relative)],
    null,
    limits,
  )
}

function compareNumbers(
  actual: Element,
  expected: Element,
  options: Options,
  path: readonly (string | number)[],
): void {
  const dtypeOfNumber = (value: Element) =>
    typeof value === 'object'
      ? dtypes.complex128
      : Number.isInteger(value) || typeof value !== 'number'
        ? dtypes.int64
        : dtypes.float64
  const types = [dtypeOfNumber(actual), dtypeOfNumber(expected)]
  const limits = tolerances(types, options)
  const [a, e] = [partsOf(actual), partsOf(expected)]
  if (a.re === e.re && a.im === e.im) return
  const isNan = (parts: Parts) => Number.isNaN(parts.re) || Number.isNaN(parts.im)
  if (options.equal_nan && isNan(a) && isNan(e)) return
  const difference = Math.hypot(a.re - e.re, a.im - e.im)
  if (Number.isFinite(difference) && difference <= limits[1] + limits[0] * Math.hypot(e.re, e.im)) return
  throw new Mismatch(scalarMismatch(actual, expected, types.includes(dtypes.float64), limits), path)
}

// --- tensors --------------------------------------------------------------------------------------------------

const NUMBERS = (dtype: DType) => dtype.is_floating_point || dtype.is_complex

function tensorMismatch(
  actual: Tensor,
  expected: Tensor,
  matches: Tensor,
  limits: readonly [number, number],
  what: string,
): string {
  const count = matches.numel()
  const wrong = count - Number(matches.sum().item())
  const extra = `Mismatched elements: ${wrong} / ${count} (${((wrong / count) * 100).toFixed(1)}%)`
  const flat = (tensor: Tensor) => (NUMBERS(tensor.dtype) ? tensor : tensor.to(dtypes.int64)).flatten()
  const matching = matches.flatten()
  if (actual.dtype.is_floating_point && actual.dtype.itemsize === 1) {
    const first = (aten.nonzero(matches.logical_not()).tolist() as number[][])[0] as number[]
    return `${what} are not 'equal'!\n\n${extra}\nThe first mismatched element is at index ${tuple(first)}.`
  }
  const absolute = flat(actual).sub(flat(expected)).abs().masked_fill(matching, 0)
  const relative = absolute.div(flat(expected).abs()).masked_fill(matching, 0)
  const greatest = (differences: Tensor): [text: string, place: string] => {
    const [value, index] = differences.max(0)
    const number = value.item() as number
    return [
      value.dtype.is_floating_point ? floatRepr(number) : String(number),
      tuple(placeOf(index.item(), matches.shape)),
    ]
  }
  const [absoluteText, absolutePlace] = greatest(absolute)
  const [relativeText, relativePlace] = greatest(relative)
  return describe(what, extra, [absoluteText, relativeText], [absolutePlace, relativePlace], limits)
}

const tuple = (place: readonly number[]) => `(${place.join(', ')}${place.length === 1 ? ',' : ''})`

/** The place of the i-th element. */
function placeOf(i: number, shape: readonly number[]): number[] {
  const place: number[] = []
  let rest = i
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return place
}

function compareValues(
  actual: Tensor,
  expected: Tensor,
  limits: readonly [number, number],
  equal_nan: boolean,
  path: readonly (string | number)[],
  what?: string,
): void {
  const bytes = actual.dtype.is_floating_point && actual.dtype.itemsize === 1
  if (bytes && (limits[0] !== 0 || limits[1] !== 0)) {
    throw new Mismatch(
      `Rtol=${pythonRepr(limits[0])} and atol=${pythonRepr(limits[1])} are not supported for bitwise comparison of low ` +
        'dimensional floats. Please use rtol=0.0 and atol=0.0.',
      path,
    )
  }
  const matches = torch.isclose(actual, expected, limits[0], limits[1], equal_nan)
  if (matches.all().item<boolean>()) return
  const message =
    actual.dim() === 0
      ? scalarMismatch(actual.item<Element>(), expected.item<Element>(), actual.dtype.is_floating_point, limits, what)
      : tensorMismatch(actual, expected, matches, limits, what ?? 'Tensor-likes')
  throw new Mismatch(message, path)
}

type SparseParts = Record<string, (tensor: Tensor) => Tensor>

/** What sparse tensors are made of; a COO tensor need not be coalesced. */
const COO: SparseParts = { indices: aten._indices, values: aten._values }
const BY_ROWS: SparseParts = {
  crow_indices: (tensor) => tensor.crow_indices(),
  col_indices: (tensor) => tensor.col_indices(),
  values: (tensor) => tensor.values(),
}
const BY_COLUMNS: SparseParts = {
  ccol_indices: (tensor) => tensor.ccol_indices(),
  row_indices: (tensor) => tensor.row_indices(),
  values: (tensor) => tensor.values(),
}

/** The parts of sparse tensors, one after the other. */
function compareSparse(
  actual: Tensor,
  expected: Tensor,
  limits: readonly [number, number],
  equal_nan: boolean,
  path: readonly (string | number)[],
): void {
  const layout = actual.layout.name
  const coo = layout === 'sparse_coo'
  const name = coo ? 'COO' : layout.slice('sparse_'.length).toUpperCase()
  const differ = (what: string, a: unknown, e: unknown) => {
    if (a !== e)
      throw new Mismatch(`The number of ${what} in sparse ${name} tensors does not match: ${a} != ${e}`, path)
  }
  if (coo) differ('sparse dimensions', actual.sparse_dim(), expected.sparse_dim())
  differ('specified values', aten._nnz(actual), aten._nnz(expected))
  const byRows = layout === 'sparse_csr' || layout === 'sparse_bsr'
  const parts = coo ? COO : byRows ? BY_ROWS : BY_COLUMNS
  for (const [part, of] of Object.entries(parts)) {
    const title = `Sparse ${name} ${part}`
    if (part === 'values') compareValues(of(actual), of(expected), limits, equal_nan, path, title)
    else compareValues(of(actual), of(expected), [0, 0], false, path, title)
  }
}

function compareTensors(actual: Tensor, expected: Tensor, options: Options, path: readonly (string | number)[]): void {
  const limits = tolerances([actual.dtype, expected.dtype], options)
  const differ = (attribute: string, a: unknown, e: unknown) => {
    throw new Mismatch(`The values for attribute '${attribute}' do not match: ${a} != ${e}.`, path)
  }
  if (!actual.shape.equals(expected.shape)) differ('shape', actual.shape, expected.shape)
  if (actual.layout !== expected.layout) {
    if (options.check_layout) differ('layout', actual.layout, expected.layout)
  } else if (
    options.check_stride &&
    actual.layout.name === 'strided' &&
    actual.stride().join() !== expected.stride().join()
  ) {
    differ('stride()', tuple(actual.stride()), tuple(expected.stride()))
  }
  if (options.check_device && actual.device !== expected.device) differ('device', actual.device, expected.device)
  if (options.check_dtype && actual.dtype !== expected.dtype) differ('dtype', actual.dtype, expected.dtype)
  if ([actual, expected].some(({ device }) => device.type === 'meta')) return
  let [a, e] = [actual.detach(), expected.detach()]
  if (a.device !== e.device) [a, e] = [a.cpu(), e.cpu()]
  if (a.dtype !== e.dtype) {
    const wide = ({ dtype }: Tensor) => (dtype.name.startsWith('uint') && dtype.itemsize > 1 ? dtypes.int64 : dtype)
    const common = torch.promote_types(wide(a), wide(e))
    ;[a, e] = [a.to(common), e.to(common)]
  }
  const strided = (tensor: Tensor) => (tensor.layout.name === 'strided' ? tensor : tensor.to_dense())
  if (a.layout !== e.layout) [a, e] = [strided(a), strided(e)]
  const compare = a.layout.name === 'strided' ? compareValues : compareSparse
  compare(a, e, limits, options.equal_nan ?? false, path)
}

// --- structures -----------------------------------------------------------------------------------------------

const isNumber = (value: unknown): value is Element =>
  ['number', 'bigint', 'boolean'].includes(typeof value) || (isComplex(value) && !isOptions(value))

function compare(actual: Comparable, expected: Comparable, options: Options, path: readonly (string | number)[]): void {
  if (internals.isTensor(actual) && internals.isTensor(expected)) {
    compareTensors(actual, expected, options, path)
  } else if (Array.isArray(actual) && Array.isArray(expected)) {
    if (actual.length !== expected.length) {
      throw new Mismatch(`The length of the sequences mismatch: ${actual.length} != ${expected.length}`, path)
    }
    actual.forEach((item, i) => {
      compare(item, expected[i], options, [...path, i])
    })
  } else if (isNumber(actual) && isNumber(expected)) {
    compareNumbers(actual, expected, options, path)
  } else if (isOptions(actual) && isOptions(expected)) {
    const [ours, theirs] = [Object.keys(actual), Object.keys(expected)]
    const missing = theirs.filter((key) => !ours.includes(key)).sort()
    const additional = ours.filter((key) => !theirs.includes(key)).sort()
    if (missing.length + additional.length > 0) {
      const list = (keys: string[]) => `[${keys.map((key) => `'${key}'`).join(', ')}]`
      throw new Mismatch(
        'The keys of the mappings do not match:\n' +
          `Missing keys in the actual mapping: ${list(missing)}\nAdditional keys in the actual mapping: ${list(additional)}`,
        path,
      )
    }
    for (const key of ours.sort()) {
      compare(actual[key] as Comparable, expected[key] as Comparable, options, [...path, key])
    }
  } else {
    const kind = (value: unknown) =>
      internals.isTensor(value) ? 'Tensor' : Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
    throw new TypeError(`No comparison pair was able to handle inputs of type ${kind(actual)} and ${kind(expected)}.`)
  }
}

/**
 * Whether |actual - expected| <= atol + rtol |expected| holds everywhere, and shapes, dtypes, devices and layouts are
 * equal. Arrays and objects are compared item by item. Without tolerances those of the dtype hold (float32: 1.3e-6 and
 * 1e-5).
 * @throws {AssertionError} that says how much differs, how far at most, and where.
 */
export function assert_close(actual: Comparable, expected: Comparable, options?: AssertCloseOptions): void
export function assert_close(options: AssertCloseOptions & { actual: Comparable; expected: Comparable }): void
export function assert_close(...args: unknown[]): void {
  const { msg, ...settings } = read('testing.assert_close', args)
  const [actual, expected] = [settings.actual, settings.expected] as [Comparable, Comparable]
  try {
    compare(actual, expected, settings, [])
  } catch (error) {
    if (!(error instanceof Mismatch) || msg === null) throw error
    throw new AssertionError(typeof msg === 'function' ? msg(error.message) : msg)
  }
}

/**
 * Whether two tensors are equal, for the `toEqual` of vitest and Jest: same dtype, device, layout, shape and elements, a
 * NaN being equal to a NaN. Without it they compare what a tensor is to JavaScript, of which no two are equal:
 *
 *     expect.addEqualityTesters([torch.testing.equality_tester])
 *
 * @returns undefined where neither is a tensor: then the next tester decides.
 */
export function equality_tester(a: unknown, b: unknown): boolean | undefined {
  if (!internals.isTensor(a) || !internals.isTensor(b)) {
    return internals.isTensor(a) || internals.isTensor(b) ? false : undefined
  }
  const alike = a.dtype === b.dtype && a.device === b.device && a.layout === b.layout && a.shape.equals(b.shape)
  if (!alike) return false
  return scope(() => {
    const [x, y] = [a.detach(), b.detach()].map((tensor) => (a.layout === strided ? tensor : tensor.to_dense())) as [
      Tensor,
      Tensor,
    ]
    if (torch.equal(x, y)) return true
    const mayBeNaN = x.dtype.is_floating_point || x.dtype.is_complex
    return mayBeNaN && x.eq(y).logical_or(x.isnan().logical_and(y.isnan())).all().item<boolean>()
  })
}
