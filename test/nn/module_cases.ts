// Modules made and called as scripts/reference/module_cases.py does in Python: their initial parameters, outputs,
// gradients and errors.

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import torch, { type DType, nn, type Tensor } from '../../lib/index.js'
import { type Digest, drawsAlike, expectNumbers, filled, fixture } from '../helpers.js'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Fields = Record<string, Json>

/** A tensor's dtype, shape and elements; of a large one every `step`th, and the sum of all elements' sizes. */
interface Shown {
  dtype: string
  shape: number[]
  data: (number | boolean | string)[]
  step?: number
  sum?: number
  /** The beginning of the SHA-256 of its bytes. */
  bits?: string
}

interface ModuleSpec {
  module: string
  args?: Json[]
  options?: Fields
}

export interface Case extends ModuleSpec {
  name?: string
  inputs?: Json[]
  keywords?: Fields
  train: boolean
  grad: boolean
  call: string
  dtype: string
  seed: number
  state?: Record<string, Shown>
  outputs?: Shown[]
  none?: number[]
  input_grads?: (Shown | null)[]
  grads?: Record<string, Shown | null>
  error?: [type: string, message: string]
}

const spaces = { torch, nn, F: nn.functional } as unknown as Record<string, Record<string, unknown>>
const dtypeNamed = (name: string): DType => spaces.torch?.[name] as DType

class Making {
  readonly #dtype: DType
  /** The tensors that have gradients. */
  readonly known: Tensor[] = []
  readonly inputs: unknown[] = []

  constructor(dtype: string) {
    this.#dtype = dtypeNamed(dtype)
  }

  #drawn({ draw, shape, high }: Fields, dtype: DType): Tensor {
    const size = shape as number[]
    const randn = (): Tensor => torch.randn(size, { dtype })
    switch (draw) {
      case 'randn':
        return randn()
      case 'rand':
        return torch.rand(size, { dtype })
      case 'log_softmax':
        return randn().log_softmax(-1)
      case 'softmax':
        return randn().softmax(-1)
      case 'sign':
        return torch.randint(0, 2, size).mul(2).sub(1).to(dtype)
      case 'bits':
        return torch.randint(0, 2, size).to(dtype)
      case 'classes':
        return torch.randint(0, high as number, size)
      case 'mask':
        return torch.randint(0, 3, size).eq(0)
      case 'causal':
        return torch.ones(size, { dtype: torch.bool }).triu(1)
      case 'causal_float':
        return torch.full(size, -Infinity, { dtype }).triu(1)
    }
    throw new Error(`unknown draw ${draw}`)
  }

  #tensor(spec: Fields): Tensor {
    const dtype = spec.dtype === undefined ? this.#dtype : dtypeNamed(spec.dtype as string)
    const made = 'tensor' in spec ? torch.tensor(spec.tensor as number[], { dtype }) : this.#drawn(spec, dtype)
    if (spec.grad ?? ['randn', 'rand', 'log_softmax'].includes(spec.draw as string)) {
      made.requires_grad_()
      this.known.push(made)
    }
    return made
  }

  value(spec: Json): unknown {
    if (Array.isArray(spec)) return spec.map((item) => this.value(item))
    if (typeof spec !== 'object' || spec === null) return spec
    if ('same' in spec) return this.inputs[spec.same as number]
    if ('module' in spec) return this.module(spec as unknown as ModuleSpec)
    if ('function' in spec) return spaces.F?.[spec.function as string] ?? spaces.torch?.[spec.function as string]
    if ('dtype_named' in spec) return dtypeNamed(spec.dtype_named as string)
    return this.#tensor(spec)
  }

  values(fields: Fields): Record<string, unknown> {
    return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, this.value(field)]))
  }

  module({ module, args = [], options = {} }: ModuleSpec): unknown {
    const Class = spaces.nn?.[module] as new (...args: unknown[]) => unknown
    const [values, keywords] = [args.map((arg) => this.value(arg)), this.values(options)]
    return new Class(...values, ...(Object.keys(keywords).length > 0 ? [keywords] : []))
  }
}

/** The beginning of the SHA-256 of a tensor's bytes. */
function bits(tensor: Tensor): string {
  const bytes = tensor.detach().contiguous().view(torch.uint8).to_typed_array({ copy: true })
  return createHash('sha256')
    .update(bytes as Uint8Array)
    .digest('hex')
    .slice(0, 16)
}

const SPECIAL: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }

function expectShown(actual: Tensor, expected: Shown, tolerance: number, what: string): void {
  expect(actual.dtype.toString(), what).toBe(`torch.${expected.dtype}`)
  expect([...actual.shape], what).toEqual(expected.shape)
  const elements = (actual.detach().flatten().tolist() as (number | boolean)[]).map(Number)
  const { step = 1, sum } = expected
  const wanted = expected.data.map((value) => (typeof value === 'string' ? (SPECIAL[value] as number) : Number(value)))
  expectNumbers(
    elements.filter((_, i) => i % step === 0),
    wanted,
    tolerance,
    what,
  )
  if (sum === undefined) return
  const total = elements.reduce((all, element) => all + Math.abs(element), 0)
  expect(Math.abs(total - sum), `${what}: the sum`).toBeLessThanOrEqual(tolerance * (elements.length + sum))
}

function leaves(result: unknown): Tensor[] {
  if (result instanceof torch.Tensor) return [result]
  return result === null ? [] : [...(result as Iterable<unknown>)].flatMap(leaves)
}

/** The last digit of a number about 1. */
const LAST_DIGIT: Readonly<Record<string, number>> = {
  float64: 2 ** -52,
  float32: 2 ** -23,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
}

/** Gives a module the fixture's initial values, from which what follows is computed. */
function begin(module: nn.Module, { state = {} }: Case): void {
  const own = module.state_dict()
  for (const [name, { bits: drawn, data, shape }] of Object.entries(state)) {
    if (drawn === undefined) continue
    const values = torch.tensor(data as number[], { dtype: torch.float64 }).view(shape)
    own[name]?.copy_(values)
  }
}

/** Makes and calls the module of a case; `alike`: whether initial values must have Python's bits. */
function run(
  spec: Case,
  alike: boolean,
): { making: Making; module: nn.Module; state: Record<string, Tensor>; result: unknown } {
  torch.manual_seed(spec.seed)
  const making = new Making(spec.dtype)
  const module = making.module(spec) as nn.Module
  module.train(spec.train)
  const state = Object.fromEntries(Object.entries(module.state_dict()).map(([name, t]) => [name, t.clone()]))
  if (!alike) begin(module, spec)
  module.to(dtypeNamed(spec.dtype))
  for (const item of spec.inputs ?? []) making.inputs.push(making.value(item))
  const keywords = making.values(spec.keywords ?? {})
  const args = [...making.inputs, ...(Object.keys(keywords).length > 0 ? [keywords] : [])]
  const call = spec.call === 'forward' ? module : (module as unknown as Record<string, nn.Module>)[spec.call]
  const invoke = () => Reflect.apply(call as (...args: unknown[]) => unknown, module, args)
  const result = spec.grad ? invoke() : torch.no_grad(invoke as () => Tensor)
  return { making, module, state, result }
}

const TYPES: Record<string, string> = { TypeError: 'TypeError', ValueError: 'RangeError', IndexError: 'RangeError' }

/** What rounding makes of a module's sums and products, by dtype: some of its last digits, and some of half precision's. */
export const PRECISION: Readonly<Record<string, number>> = {
  float64: 1e-12,
  float32: 2e-5,
  float16: 2 ** -8,
  bfloat16: 2 ** -5,
}

export function checkCase(spec: Case, alike: boolean): void {
  if (spec.error !== undefined) {
    const [type, message] = spec.error
    expect(() => run(spec, alike)).toThrow(message)
    const wanted = TYPES[type]
    if (wanted === undefined) return
    try {
      run(spec, alike)
    } catch (error) {
      expect((error as Error).name).toBe(wanted)
    }
    return
  }
  const tolerance = PRECISION[spec.dtype] as number
  const { making, module, state, result } = run(spec, alike)
  expect(Object.keys(state)).toEqual(Object.keys(spec.state ?? {}))
  for (const [name, tensor] of Object.entries(state)) {
    const wanted = spec.state?.[name] as Shown
    if (wanted.bits === undefined) expectShown(tensor, wanted, PRECISION.float32 as number, name)
    else if (alike) expect(bits(tensor), name).toBe(wanted.bits)
    else expectShown(tensor, wanted, LAST_DIGIT[wanted.dtype] as number, name)
  }
  const outputs = leaves(result)
  const wanted = spec.outputs as Shown[]
  expect(outputs).toHaveLength(wanted.length)
  for (const i of spec.none ?? []) expect((result as unknown[])[i]).toBeNull()
  wanted.forEach((shown, i) => {
    expectShown(outputs[i] as Tensor, shown, tolerance, `output ${i}`)
  })
  const differentiable = outputs.filter((output) => output.requires_grad)
  expect(differentiable.length > 0).toBe(spec.input_grads !== undefined)
  if (spec.input_grads === undefined) return
  const cotangents = differentiable.map(({ shape, dtype }) => torch.randn(shape, { dtype }))
  torch.autograd.backward(differentiable, cotangents)
  expectGradients(making.known, spec.input_grads, tolerance)
  const parameters = module.named_parameters()
  expect(parameters.map(([name]) => name)).toEqual(Object.keys(spec.grads ?? {}))
  expectGradients(
    parameters.map(([, parameter]) => parameter),
    Object.values(spec.grads ?? {}),
    tolerance,
  )
}

function expectGradients(tensors: readonly Tensor[], wanted: readonly (Shown | null)[], tolerance: number): void {
  expect(tensors).toHaveLength(wanted.length)
  wanted.forEach((shown, i) => {
    const { grad } = tensors[i] as Tensor
    if (shown === null) expect(grad, `gradient ${i}`).toBeNull()
    else expectShown(grad as Tensor, shown, tolerance, `gradient ${i}`)
  })
}

const titleOf = ({ module, args = [], options = {}, inputs = [], keywords = {}, name = '' }: Case): string =>
  [module, name, ...[args, options, inputs, keywords].map((part) => JSON.stringify(part))].join(' ').slice(0, 160)

/** A test for each case of a fixture. */
export function testCases(file: string): void {
  const { cases, uniform } = fixture<{ cases: Case[]; uniform: Digest }>(file)
  const alike = drawsAlike(uniform)
  test.each(filled(cases).map((spec) => [titleOf(spec), spec] as const))('%s', (_, spec) => checkCase(spec, alike))
}
