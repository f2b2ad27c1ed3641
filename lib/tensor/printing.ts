// Tensors as Python prints them (torch/_tensor_str.py).

import { get_default_dtype } from '../core/default_dtype.js'
import * as dtypes from '../core/dtype.js'
import { runInMode, type Synchronous } from '../core/modes.js'
import type { Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import * as torch from '../generated/functions.js'
import { type Arguments, type Keywords, read } from '../operators/generated/arguments.js'
import type { Complex } from '../operators/operator.js'
import { type Element, elementsOf } from './elements.js'

interface PrintOptions {
  /** Digits after the point. */
  precision: number
  /** More elements than this are summarized. */
  threshold: number
  /** Elements shown at the beginning and end of each summarized dimension. */
  edgeitems: number
  /** Characters in a line. */
  linewidth: number
  /** Scientific notation: always, never, or (null) where it reads better. */
  sci_mode: boolean | null
}

const DEFAULTS: PrintOptions = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sci_mode: null }
let options = { ...DEFAULTS }

const PROFILES = {
  default: DEFAULTS,
  short: { ...DEFAULTS, precision: 2, edgeitems: 2 },
  full: { ...DEFAULTS, threshold: Number.POSITIVE_INFINITY },
}

type PrintChanges = Keywords<'torch.set_printoptions'>

/**
 * Changes how tensors print. `profile`: 'default', 'short' (2 digits) or 'full' (nothing summarized). As in Python,
 * sci_mode goes back to null where it is not given.
 */
export function set_printoptions(...args: Arguments['torch.set_printoptions']): void {
  const { profile, sci_mode, ...rest } = read('torch.set_printoptions', args)
  if (profile !== null) {
    if (!Object.hasOwn(PROFILES, profile)) {
      throw new RangeError(`profile must be 'default', 'short' or 'full', not '${profile}'`)
    }
    options = { ...PROFILES[profile] }
  }
  const given = Object.entries(rest).filter(([, value]) => value !== null)
  options = { ...options, ...Object.fromEntries(given), sci_mode }
}

export function get_printoptions(): PrintOptions {
  return { ...options }
}

/** Changes how tensors print while `body` runs. */
export function printoptions<T>(changes: PrintChanges, body: () => Synchronous<T>): T {
  const open = () => {
    const before = options
    set_printoptions(changes)
    return () => {
      options = before
    }
  }
  return runInMode('torch.printoptions', open, body)
}

// --- numbers --------------------------------------------------------------------------------------------------

/** JavaScript rounds exact ties up, Python to even. */
function halfToEven(rounded: string, exact: string, digits: number): string {
  const point = exact.indexOf('.')
  const tail = exact.slice(point + 1 + digits).replace(/e.*$/, '')
  if (!/^50*$/.test(tail)) return rounded
  const kept = exact.slice(0, digits === 0 ? point : point + 1 + digits)
  const lastDigit = Number(kept.at(-1))
  return lastDigit % 2 === 0 ? kept + (/e.*$/.exec(rounded)?.[0] ?? '') : rounded
}

/** A number with so many digits behind the point, as Python rounds. */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return nonFinite(value)
  if (Math.abs(value) >= 1e21) return BigInt(value).toString() + (digits > 0 ? `.${'0'.repeat(digits)}` : '')
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  return sign + halfToEven(Math.abs(value).toFixed(digits), Math.abs(value).toFixed(60), digits)
}

function scientific(value: number, digits: number): string {
  if (!Number.isFinite(value)) return nonFinite(value)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const text = halfToEven(Math.abs(value).toExponential(digits), Math.abs(value).toExponential(60), digits)
  return sign + text.replace(/e([+-])(\d)$/, 'e$10$2')
}

const nonFinite = (value: number): string => (Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf')

/** How the numbers of one tensor are written, all to one width. */
class Formatter {
  readonly #floating: boolean
  #integral = true
  #scientific = false
  width = 1

  constructor(values: readonly Element[], floating: boolean) {
    this.#floating = floating
    if (!floating) {
      for (const value of values) this.width = Math.max(this.width, plain(value).length)
      return
    }
    const numbers = (values as number[]).filter((value) => Number.isFinite(value) && value !== 0)
    if (numbers.length === 0) return
    let least = Number.POSITIVE_INFINITY
    let greatest = 0
    for (const value of numbers) {
      least = Math.min(least, Math.abs(value))
      greatest = Math.max(greatest, Math.abs(value))
    }
    this.#integral = numbers.every(Number.isInteger)
    this.#scientific = options.sci_mode ?? (greatest / least > 1000 || greatest > 1e8 || least < 1e-4)
    for (const value of numbers) {
      const text = this.#scientific
        ? scientific(value, options.precision)
        : this.#integral
          ? `${fixed(value, 0)}.`
          : fixed(value, options.precision)
      this.width = Math.max(this.width, text.length)
    }
  }

  format(value: Element): string {
    return this.#text(value).padStart(this.width)
  }

  #text(value: Element): string {
    if (!this.#floating) return plain(value)
    const number = value as number
    if (this.#scientific) return scientific(number, options.precision)
    if (!this.#integral) return fixed(number, options.precision)
    return fixed(number, 0) + (Number.isFinite(number) ? '.' : '')
  }
}

const plain = (value: Element): string => (typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value))

/** Formats the elements of one tensor, complex ones as two numbers. */
class ElementFormatter {
  readonly #real: Formatter
  readonly #imaginary: Formatter | null

  constructor(tensor: Tensor) {
    const values = elementsOf(tensor)
    if (tensor.dtype.is_complex) {
      this.#real = new Formatter(
        (values as Complex[]).map(({ re }) => re),
        true,
      )
      this.#imaginary = new Formatter(
        (values as Complex[]).map(({ im }) => im),
        true,
      )
    } else {
      this.#real = new Formatter(values, tensor.dtype.is_floating_point)
      this.#imaginary = null
    }
  }

  get width(): number {
    return this.#real.width + (this.#imaginary === null ? 0 : this.#imaginary.width + 1)
  }

  format(value: Element): string {
    if (this.#imaginary === null) return this.#real.format(value)
    const { re, im } = value as Complex
    const imaginary = `${this.#imaginary.format(im)}j`.trimStart()
    const negative = im < 0 || Object.is(im, -0)
    return this.#real.format(re) + (negative ? imaginary : `+${imaginary}`)
  }
}

// --- layout ---------------------------------------------------------------------------------------------------

const select = (tensor: Tensor, i: number): Tensor => tensor.select(0, i)
const narrow = (tensor: Tensor, start: number, length: number): Tensor => tensor.narrow(0, start, length)

/** The elements that are shown of a summarized tensor. */
function summarized(tensor: Tensor): Tensor {
  const dim = tensor.dim()
  if (dim === 0) return tensor
  const size = tensor.size(0)
  const edge = options.edgeitems
  const long = size > 2 * edge
  if (dim === 1) {
    return long ? torch.cat([narrow(tensor, 0, edge), narrow(tensor, size - edge, edge)]) : tensor
  }
  if (edge === 0) return narrow(tensor, 0, 0).flatten()
  return torch.stack(shownIndices(size, true).flatMap((i) => (i === null ? [] : [summarized(select(tensor, i))])))
}

/** The indices that are shown, null standing for the gap. */
function shownIndices(size: number, summarize: boolean): (number | null)[] {
  const edge = options.edgeitems
  if (!summarize || size <= 2 * edge) return Array.from({ length: size }, (_, i) => i)
  const head = Array.from({ length: edge }, (_, i) => i)
  return [...head, null, ...head.map((i) => size - edge + i)]
}

function body(tensor: Tensor, indent: number, summarize: boolean, formatter: ElementFormatter): string {
  const dim = tensor.dim()
  if (dim === 0) return formatter.format(elementsOf(tensor)[0] as Element)
  if (dim === 1) {
    const shown = summarize && options.edgeitems === 0 ? [] : shownIndices(tensor.size(0), summarize)
    const values = elementsOf(shown.includes(null) ? summarized(tensor) : tensor)
    let next = 0
    const texts = shown.map((i) => (i === null ? ' ...' : formatter.format(values[next++] as Element)))
    const perLine = Math.max(1, Math.floor((options.linewidth - indent) / (formatter.width + 2)))
    const lines: string[] = summarize && options.edgeitems === 0 ? ['...'] : []
    for (let i = 0; i < texts.length; i += perLine) lines.push(texts.slice(i, i + perLine).join(', '))
    return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`
  }
  const parts = shownIndices(tensor.size(0), summarize).map((i) =>
    i === null ? '...' : body(select(tensor, i), indent + 1, summarize, formatter),
  )
  return `[${parts.join(`,${'\n'.repeat(dim - 1)}${' '.repeat(indent + 1)}`)}]`
}

function withSuffixes(text: string, suffixes: readonly string[], indent: number, newline: boolean): string {
  let result = text
  let lineLength = text.length - text.lastIndexOf('\n') + 1
  suffixes.forEach((suffix, i) => {
    if ((newline && i === 0) || lineLength + suffix.length + 2 > options.linewidth) {
      result += `,\n${' '.repeat(indent)}${suffix}`
      lineLength = indent + suffix.length
    } else {
      result += `, ${suffix}`
      lineLength += suffix.length + 2
    }
  })
  return `${result})`
}

const tuple = (sizes: readonly number[]): string => `(${sizes.join(', ')}${sizes.length === 1 ? ',' : ''})`
const PREFIX = 'tensor('
const INDENT = PREFIX.length

/** The elements of a strided tensor. */
function contents(tensor: Tensor, indent: number): string {
  if (tensor.numel() === 0) return '[]'
  const values = tensor.detach()
  const summarize = values.numel() > options.threshold
  const formatter = new ElementFormatter(summarize ? summarized(values) : values)
  return body(values, indent, summarize, formatter)
}

/** What indices and values a sparse tensor is made of, by the names that they print under. */
function sparseParts(tensor: Tensor): [name: string, part: Tensor][] {
  const layout = tensor.layout.name
  if (layout === 'sparse_coo') {
    return [
      ['indices', aten._indices(tensor)],
      ['values', aten._values(tensor)],
    ]
  }
  const byRows = layout === 'sparse_csr' || layout === 'sparse_bsr'
  const compressed: [string, Tensor][] = byRows
    ? [
        ['crow_indices', tensor.crow_indices()],
        ['col_indices', tensor.col_indices()],
      ]
    : [
        ['ccol_indices', tensor.ccol_indices()],
        ['row_indices', tensor.row_indices()],
      ]
  return [...compressed, ['values', tensor.values()]]
}

function sparseContents(tensor: Tensor): string {
  return sparseParts(tensor)
    .map(([name, part]) => {
      const prefix = `${name}=${PREFIX}`
      const size = part.numel() === 0 ? `, size=${tuple(part.shape)}` : ''
      return `${prefix}${contents(part, INDENT + prefix.length)}${size})`
    })
    .join(`,\n${' '.repeat(INDENT)}`)
}

/** What Python's `print(tensor)` prints. */
export function tensorString(tensor: Tensor): string {
  const { dtype } = tensor
  const standard = get_default_dtype()
  const complex = standard === dtypes.float64 ? dtypes.complex128 : dtypes.complex64
  const plainDtype = [standard, complex, dtypes.int64, dtypes.bool].includes(dtype)
  const isMeta = tensor.device.type === 'meta'
  const strided = tensor.layout.name === 'strided'
  const sparse = !strided && tensor.layout.name.startsWith('sparse_')
  const size = `size=${tuple(tensor.shape)}`
  const suffixes: string[] = []
  if (!tensor.is_cpu) suffixes.push(`device='${tensor.device}'`)
  let text = '...'
  if (sparse) {
    suffixes.push(size, `nnz=${aten._nnz(tensor)}`)
    if (!plainDtype) suffixes.push(`dtype=${dtype}`)
    text = sparseContents(tensor)
  } else if (isMeta || tensor.numel() === 0) {
    if (isMeta || tensor.dim() !== 1) suffixes.push(size)
    if (dtype !== standard) suffixes.push(`dtype=${dtype}`)
    if (!isMeta) text = '[]'
  } else {
    if (options.edgeitems === 0) suffixes.push(size)
    if (!plainDtype) suffixes.push(`dtype=${dtype}`)
    text = contents(strided ? tensor : tensor.to_dense(), INDENT)
  }
  if (!strided) suffixes.push(`layout=${tensor.layout}`)
  const gradFn = tensor.grad_fn
  if (gradFn !== null) suffixes.push(`grad_fn=${gradFn}`)
  else if (tensor.requires_grad) suffixes.push('requires_grad=True')
  return withSuffixes(PREFIX + text, suffixes, INDENT, tensor.layout.name === 'sparse_coo')
}
