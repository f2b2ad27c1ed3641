// Runs a case of PyTorch's operator tests through tstorch's public API.

import torch, { Tensor } from '../../lib/index.js'
import { type Allowed, allowed, difference, elements } from './compare.js'
import type { CallRecord, CaseRecord, ErrorRecord, Ref, ResultRecord, Spread, TensorRecord, Tensors } from './entry.js'
import { isFree, type Part, partOf, wrongFactors } from './factorization.js'

export type Any = Record<string, unknown>
type Fn = (...args: unknown[]) => unknown

/** How Python's operators are written in TypeScript. */
const OPERATORS: Record<string, Fn> = {
  __getitem__: (x, index) => (x as Tensor).index(...(index as never[])),
  __setitem__: (x, index, value) => (x as Tensor).index_set_(index as never[], value as Tensor),
  __radd__: (x, other) => torch.add(other as Tensor, x as Tensor),
  __rsub__: (x, other) => torch.sub(other as Tensor, x as Tensor),
  __rmul__: (x, other) => torch.mul(other as Tensor, x as Tensor),
  __rtruediv__: (x, other) => (x as Tensor).reciprocal().mul(other as Tensor),
  __rmod__: (x, other) => torch.remainder(other as number, x as Tensor),
  __rpow__: (x, other) => torch.pow(other as number, x as Tensor),
  __rmatmul__: (x, other) => torch.matmul(other as Tensor, x as Tensor),
  __rand__: (x, other) => torch.bitwise_and(x as Tensor, other as Tensor),
  __ror__: (x, other) => torch.bitwise_or(x as Tensor, other as Tensor),
  __rxor__: (x, other) => torch.bitwise_xor(x as Tensor, other as Tensor),
}

export function resolve(name: string): Fn {
  const path = name.split('.').slice(1)
  if (path[0] === 'Tensor') {
    const [, member, access] = path as [string, string, string?]
    if (Object.hasOwn(OPERATORS, member)) return OPERATORS[member] as Fn
    if (access === '__get__') {
      if (!(member in Tensor.prototype)) throw new Error(`no Tensor.${member}`)
      return (self) => (self as Any)[member]
    }
    if (!(member in Tensor.prototype)) throw new Error(`no Tensor.${member}`)
    return (self, ...rest) => ((self as Any)[member] as Fn)(...rest)
  }
  let value: unknown = torch
  for (const part of path) {
    value = (value as Any | undefined)?.[part]
  }
  if (typeof value !== 'function') throw new Error(`no ${name}`)
  const found = value as Fn
  return (...args) => found(...args)
}

const NUMBERS: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }

const SPARSE: Record<string, (dense: Tensor) => Tensor> = {
  sparse_coo: (dense) => dense.to_sparse(),
  sparse_csr: (dense) => dense.to_sparse_csr(),
  sparse_csc: (dense) => dense.to_sparse_csc(),
}

/** Where calls run, and the tolerances of their results. */
export interface CheckOptions {
  device?: string
  /** Allowed beside what assert_close allows for the dtype: relative and absolute. */
  tolerance?: number
  seed?: number
  /** Sees, and may change, the numbers that a result or a gradient is about to be compared by. */
  before?: (what: string, actual: ArrayLike<number | bigint>, allow: Allowed) => ArrayLike<number | bigint>
}

/** One run of recorded calls. */
export class Run {
  readonly inputs: Tensor[]
  readonly results: unknown[][] = []

  constructor(
    readonly tensors: Tensors,
    inputs: readonly TensorRecord[] = [],
    readonly options: CheckOptions = {},
  ) {
    this.inputs = inputs.map((record) => this.tensor(record))
  }

  tensor(record: TensorRecord): Tensor {
    const stored = this.tensors[record.tensor] as Tensor
    const { device = 'cpu' } = this.options
    let made = device === 'cpu' ? stored.clone() : stored.to(device)
    const { dtype, strides } = record
    if (dtype === 'torch.complex128' || dtype === 'torch.complex32') made = torch.view_as_complex(made)
    if (strides !== undefined) made = made.as_strided(record.shape, strides)
    if (record.layout !== undefined) made = SPARSE[record.layout]?.(made) as Tensor
    return record.requires_grad ? made.requires_grad_() : made
  }

  find([call, result]: Ref): unknown {
    return call === -1 ? this.inputs[result] : this.results[call]?.[result]
  }

  value(recorded: unknown): unknown {
    if (Array.isArray(recorded)) return recorded.map((item) => this.value(item))
    if (typeof recorded !== 'object' || recorded === null) return recorded
    const record = recorded as Any
    if ('ref' in record) return this.find(record.ref as Ref)
    if ('tensor' in record) return this.tensor(recorded as TensorRecord)
    if ('float' in record) return typeof record.float === 'string' ? NUMBERS[record.float] : record.float
    if ('int' in record) return BigInt(record.int as string)
    if ('complex' in record) {
      const [re, im] = record.complex as unknown[]
      return { re: this.value(re), im: this.value(im) }
    }
    if ('dtype_named' in record) return (torch as unknown as Any)[record.dtype_named as string]
    if ('constant' in record) return (torch as unknown as Any)[record.constant as string]
    if ('slice' in record) {
      const [start, stop, step] = (record.slice as unknown[]).map((bound) => this.value(bound) as number | null)
      return torch.slice(start as number | null, stop as number | null, step as number | null)
    }
    if ('pairwise_distance' in record) {
      const [p, eps, keepdim] = record.pairwise_distance as [number, number, boolean]
      return (x: Tensor, y: Tensor) => torch.nn.functional.pairwise_distance(x, y, p, eps, keepdim)
    }
    if ('linear_cross_entropy_options' in record) {
      const fields = Object.entries(record.linear_cross_entropy_options as Any)
      return new torch.nn.LinearCrossEntropyOptions(
        Object.fromEntries(fields.map(([name, field]) => [name, this.value(field)])),
      )
    }
    return this.other(record)
  }

  /** The value of a record that is no argument of an operator. */
  protected other(record: Any): unknown {
    throw new Error(`cannot read ${JSON.stringify(record)}`)
  }

  arguments({ args, kwargs }: Omit<CallRecord, 'fn'>): unknown[] {
    const values = args.map((arg) => this.value(arg))
    if (kwargs === undefined || Object.keys(kwargs).length === 0) return values
    return [...values, Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [key, this.value(value)]))]
  }

  call(record: CallRecord): unknown {
    torch.manual_seed(this.options.seed ?? 0)
    const result = resolve(record.fn)(...this.arguments(record))
    this.results.push(flat(result))
    return result
  }

  /** How the numbers of a result or a gradient differ, or null; and both sides of the comparison. */
  compare(what: string, actual: Tensor, expected: Tensor, { dtype, spread }: Numbers): Compared {
    const allow = allowed(dtype, Number(spread ?? 0), this.options.tolerance)
    const { values, ...form } = partOf(dense(actual))
    const found = { ...form, values: this.options.before?.(what, values, allow) ?? values }
    const wanted = { ...form, values: elements(expected) }
    return { wrong: difference(found.values, wanted.values, allow), found, wanted }
  }
}

/** What a record says of numbers. */
export interface Numbers {
  dtype: string
  spread?: Spread | undefined
}

export interface Compared {
  wrong: string | null
  found?: Part
  wanted?: Part
}

const dense = (tensor: Tensor) => (tensor.layout === torch.strided ? tensor : tensor.to_dense())

/** A result's parts in Python's order. */
export function flat(result: unknown): unknown[] {
  if (Array.isArray(result)) return result.flatMap(flat)
  const named =
    typeof result === 'object' && result !== null && !(result instanceof Tensor) && Symbol.iterator in result
  return named ? [...(result as Iterable<unknown>)].flatMap(flat) : [result]
}

export function compareResult(what: string, actual: unknown, expected: ResultRecord, run: Run, free = false): Compared {
  const wrong = wrongKind(actual, expected, run)
  if (wrong !== null || 'value' in expected || expected.tensor === undefined) return { wrong }
  const { dtype, spread } = expected
  // Where signs differ, kernels lie far apart, and that says nothing.
  const numbers = free ? { dtype } : { dtype, spread }
  return run.compare(what, actual as Tensor, run.tensors[expected.tensor] as Tensor, numbers)
}

function wrongKind(actual: unknown, expected: ResultRecord, run: Run): string | null {
  if ('value' in expected) {
    const value = run.value(expected.value)
    if (Array.isArray(actual)) return 'a list'
    const equal =
      Object.is(actual, value) ||
      (typeof actual === 'number' && Math.abs(actual - (value as number)) <= 1e-6) ||
      (typeof actual === 'object' && JSON.stringify(actual) === JSON.stringify(value)) ||
      String(actual) === String(value)
    return equal ? null : `${String(actual)}, expected ${String(value)}`
  }
  if (!(actual instanceof Tensor)) return `${String(actual)}, expected a tensor`
  if (actual.dtype.toString() !== expected.dtype) return `dtype ${actual.dtype}, expected ${expected.dtype}`
  if (!actual.shape.equals(expected.shape)) return `shape ${actual.shape}, expected [${expected.shape}]`
  if (expected.tensor === undefined) return null
  const layout = expected.layout ?? 'strided'
  if (actual.layout.toString() !== (layout.startsWith('torch.') ? layout : `torch.${layout}`))
    return `layout ${actual.layout}, expected ${expected.layout}`
  return null
}

/** What is wrong with all results together: factors that are not determined may be others. */
function wrongResults(run: Run, record: CaseRecord, call: CallRecord, compared: readonly Compared[]): string | null {
  const name = record.factors ?? call.fn
  const wrong = compared.map(({ wrong }, i) => (wrong === null ? null : `result ${i}: ${wrong}`))
  const first = wrong.find((message) => message !== null) ?? null
  const determined = wrong.find((message, i) => message !== null && !isFree(name, i)) ?? null
  const [found, wanted] = [compared.map(({ found }) => found), compared.map(({ wanted }) => wanted)]
  const present = (parts: (Part | undefined)[]): parts is Part[] => parts.every((part) => part?.values.length)
  if (first === null || determined !== null || !present(found) || !present(wanted)) return first
  const argument = run.value(call.args[0])
  if (!(argument instanceof Tensor)) return first
  const allow = allowed(`torch.${record.dtype}`, 0, run.options.tolerance)
  const failed = wrongFactors(name, found, wanted, partOf(argument), allow)
  return failed === null ? null : `${first}; ${failed}`
}

function wrongGradients(run: Run, record: CaseRecord): string | null {
  const { outputs = [], cotangents = [], gradients = [] } = record
  const given = cotangents.map((cotangent) => run.tensor(cotangent))
  const found = torch.autograd.grad(outputs.map((ref) => run.find(ref)) as Tensor[], run.inputs, {
    grad_outputs: given,
    allow_unused: true,
  })
  for (const [i, expected] of gradients.entries()) {
    const gradient = found[i] as Tensor | null
    if (expected === null || gradient === null) {
      if ((expected === null) !== (gradient === null)) return `gradient ${i} is ${gradient}, expected ${expected}`
      continue
    }
    const { dtype, shape } = gradient
    if (dtype.toString() !== expected.dtype) return `gradient ${i}: dtype ${dtype}, not ${expected.dtype}`
    if (!shape.equals(expected.shape)) return `gradient ${i}: shape ${shape}, not [${expected.shape}]`
    const { wrong } = run.compare(`gradient ${i}`, gradient, run.tensor(expected), expected)
    if (wrong !== null) return `gradient ${i}: ${wrong}`
  }
  return null
}

/** The method, or the in-place method, with the same arguments. */
function wrongVariant({ tensors, options }: Run, record: CaseRecord, name: string, inPlace: boolean): string | null {
  const run = new Run(tensors, record.inputs, options)
  return torch.no_grad(() => {
    torch.manual_seed(0)
    const args = run.arguments(record.calls[0] as CallRecord)
    const place = record.self ?? 0
    const self = args[place] as Tensor
    const rest = args.filter((_, i) => i !== place)
    const receiver = inPlace ? self.detach().clone() : self.detach()
    const method = (
      Object.hasOwn(OPERATORS, name)
        ? (...rest: unknown[]) => (OPERATORS[name] as Fn)(receiver, ...rest)
        : (receiver as unknown as Any)[name]
    ) as Fn | undefined
    if (method === undefined) return `no Tensor.${name}`
    const result = method.call(receiver, ...rest)
    if (inPlace && result !== receiver) return `Tensor.${name} did not return its receiver`
    const { wrong } = compareResult(`Tensor.${name}`, flat(result)[0], record.results[0] as ResultRecord, run)
    return wrong === null ? null : `Tensor.${name}: ${wrong}`
  })
}

/** What is wrong, or null. */
export function checkCase(record: CaseRecord, tensors: Tensors, options: CheckOptions = {}): string | null {
  return torch.scope(() => {
    try {
      const run = new Run(tensors, record.inputs, options)
      const plain = record.calls.slice(0, record.process ?? record.calls.length)
      let result: unknown
      for (const call of plain) result = run.call(call)
      // A function of the test suite's own makes several calls, or picks from the results of one.
      const parts = flat(result)
      const sources = record.results.map((expected) => ('from' in expected ? expected.from : undefined))
      const picked =
        sources.some((from, i) => from !== undefined && from.join() !== `${plain.length - 1},${i}`) ||
        (sources.length < parts.length && sources.every((from) => from !== undefined))
      if (!picked && parts.length !== record.results.length)
        return `${parts.length} results, expected ${record.results.length}`
      const last = plain.at(-1) as CallRecord
      const compared = record.results.map((expected, i) => {
        const source = sources[i]
        const actual = picked && source !== undefined ? run.find(source) : parts[i]
        return compareResult(`result ${i}`, actual, expected, run, isFree(last.fn, i))
      })
      const wrong = wrongResults(run, record, last, compared)
      if (wrong !== null) return wrong
      for (const call of record.calls.slice(plain.length)) run.call(call)
      if (record.outputs !== undefined) {
        const wrong = wrongGradients(run, record)
        if (wrong !== null) return wrong
      }
      if (record.method !== undefined) {
        const wrong = wrongVariant(run, record, record.method, false)
        if (wrong !== null) return wrong
      }
      if (record.inplace !== undefined) return wrongVariant(run, record, record.inplace, true)
      return null
    } catch (error) {
      return `threw ${(error as Error).message}`
    }
  })
}

/** A message with JavaScript's words: it has no None, and writes a float that is whole without its .0. */
const inJavaScript = (message: string) => message.replaceAll('NoneType', 'null').replace(/(\d)\.0\b/g, '$1')

/** Whether the call fails with the message that PyTorch's test expects. */
export function checkError(record: ErrorRecord, tensors: Tensors): string | null {
  return torch.scope(() => {
    const run = new Run(tensors)
    return wrongError(record, () => {
      for (const call of record.calls) run.call(call)
    })
  })
}

/** What is wrong with the error that `fail` throws, or null. */
export function wrongError(
  { error, pattern }: Pick<ErrorRecord, 'error' | 'pattern'>,
  fail: () => void,
): string | null {
  try {
    fail()
  } catch (thrown) {
    const { message } = thrown as Error
    if (message.includes(error) || message.includes(inJavaScript(error))) return null
    try {
      if (new RegExp(pattern, 's').test(message)) return null
    } catch {
      // A pattern that only Python reads.
    }
    return `error sample: the message is "${message.slice(0, 300)}", expected "${error.slice(0, 300)}"`
  }
  return `error sample: no error, expected "${error.slice(0, 300)}"`
}
