// MultiheadAttention and the Transformer family against scripts/reference/transformer.py, which makes the same modules and
// calls in Python: initial values bit for bit on a processor that draws as the fixture's, all else in float64 within its
// rounding, which operators compute, and what is refused.

import { describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectSampled, expectTensor, filled, fixture, type Sampled, type Values } from '../helpers.js'

type Argument = Record<string, unknown> | boolean
interface ModuleSpec {
  module: string
  args: unknown[]
  options: Record<string, unknown>
}
interface CallSpec extends ModuleSpec {
  call: Argument[]
  keywords: Record<string, Argument>
  /** Whether the path of one operator is allowed. */
  fast: boolean
  /** Whether all parts have a hook. */
  hook: boolean
}
interface Case extends CallSpec {
  family: string
  /** The first time that the module occurs. */
  initial?: Record<string, Sampled>
  trained: (Values | null)[]
  input_grads: Values[]
  grads: Record<string, Sampled | null>
  evaluated: (Values | null)[]
  /** The operators that computed in evaluation, and how often. */
  ran: Record<string, number>
}
interface Refusal extends CallSpec {
  evaluation: boolean
  error: string
  message: string
}

const entries = fixture<{ cases: (Case | (Refusal & { family: 'error' }))[] }>('transformer.json').cases
const cases = entries.filter((entry): entry is Case => entry.family !== 'error')
const refusals = entries.filter((entry): entry is Refusal & { family: 'error' } => entry.family === 'error')
const classes = nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>
const WATCHED = [
  '_native_multi_head_attention',
  '_transformer_encoder_layer_fwd',
  '_nested_tensor_from_mask',
  'scaled_dot_product_attention',
]

function build(spec: unknown): unknown {
  if (typeof spec !== 'object' || spec === null) return spec
  if ('function' in spec) return (torch as unknown as Record<string, unknown>)[spec.function as string]
  const { module, args, options } = spec as ModuleSpec
  const named = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, build(value)]))
  return new (classes[module] as (typeof classes)[string])(...args.map(build), named)
}

const SPECIAL: Record<string, number> = { '-inf': -Infinity }
const numbers = (data: unknown): unknown =>
  Array.isArray(data) ? data.map(numbers) : (SPECIAL[data as string] ?? data)

function argument(spec: Argument, before: unknown[], leaves: Tensor[]): unknown {
  if (typeof spec !== 'object') return spec
  const dtype = torch.float64
  if ('same' in spec) return before[spec.same as number]
  if ('bools' in spec) return torch.tensor(spec.bools as boolean[])
  if ('integers' in spec) return torch.tensor(spec.integers as number[], { dtype: torch.int64 })
  if ('floats' in spec) return torch.tensor(numbers(spec.floats) as number[], { dtype })
  if ('causal' in spec) return nn.Transformer.generate_square_subsequent_mask(spec.causal as number, { dtype })
  const leaf = torch.randn(spec.randn as number[], { dtype })
  leaves.push(leaf)
  return leaf
}

/** A module with weights that both sides draw, not with those that it starts with. */
function weighted(module: nn.Module, hook: boolean): nn.Module {
  module.double()
  torch.manual_seed(1)
  torch.no_grad(() => {
    for (const parameter of module.parameters()) {
      parameter.copy_(torch.randn(parameter.shape, { dtype: torch.float64 }))
    }
  })
  if (hook) for (const part of module.modules()) part.register_forward_hook(() => undefined)
  return module
}

function call(module: nn.Module, spec: CallSpec, requires_grad: boolean) {
  torch.manual_seed(2)
  const leaves: Tensor[] = []
  const args: unknown[] = []
  for (const item of spec.call) args.push(argument(item, args, leaves))
  const keywords = Object.fromEntries(
    Object.entries(spec.keywords).map(([name, value]) => [name, argument(value, args, leaves)]),
  )
  for (const leaf of leaves) leaf.requires_grad_(requires_grad)
  torch.backends.mha.set_fastpath_enabled(spec.fast)
  try {
    const output: Tensor | (Tensor | null)[] = module(...args, keywords)
    return { outputs: Array.isArray(output) ? output : [output], leaves }
  } finally {
    torch.backends.mha.set_fastpath_enabled(true)
  }
}

// Sums of some tens of products of numbers about 1, in up to four layers, rounded to 53 bits.
const ROUNDING = 1e-10
// A uniform number is rounded once more or less where a kernel fuses its product and sum: in float32, sizes below 2.
const DRAWING = 2 ** -22

function expectOutputs(actual: readonly (Tensor | null)[], expected: readonly (Values | null)[], what: string): void {
  expect(actual.length, what).toBe(expected.length)
  expected.forEach((values, i) => {
    if (values === null) expect(actual[i], `${what} ${i}`).toBeNull()
    else expectTensor(actual[i] as Tensor, values, ROUNDING, `${what} ${i}`)
  })
}

const text = ({ module, args, options, call, keywords, fast, hook }: CallSpec): string =>
  JSON.stringify([module, args, options, call, keywords, fast, hook])

describe.each(['attention', 'encoders', 'decoders', 'transformers'])('%s', (family) => {
  const own = filled(cases.filter((entry) => entry.family === family))

  test.each(own.filter(({ initial }) => initial !== undefined).map((spec) => [text(spec), spec] as const))(
    'starts with Python’s values: %s',
    (_, spec) => {
      torch.manual_seed(0)
      const state = (build(spec) as nn.Module).state_dict()
      const initial = filled(spec.initial as Record<string, Sampled>)
      expect(Object.keys(state)).toEqual(Object.keys(initial))
      for (const [name, expected] of Object.entries(initial)) {
        expectSampled(state[name] as Tensor, expected, DRAWING, name)
      }
    },
  )

  test.each(own.map((spec) => [text(spec), spec] as const))('%s', (_, spec) => {
    const module = weighted(build(spec) as nn.Module, spec.hook)
    const { outputs, leaves } = call(module, spec, true)
    expectOutputs(outputs, spec.trained, 'output')
    const shown = outputs.filter((output): output is Tensor => output !== null)
    torch.autograd.backward(
      shown,
      shown.map((output) => torch.randn_like(output)),
    )
    expect(leaves.length).toBe(spec.input_grads.length)
    spec.input_grads.forEach((values, i) => {
      expectTensor((leaves[i] as Tensor).grad as Tensor, values, ROUNDING, `gradient of input ${i}`)
    })
    const parameters = module.named_parameters()
    expect(parameters.map(([name]) => name)).toEqual(Object.keys(spec.grads))
    for (const [name, { grad }] of parameters) {
      const expected = spec.grads[name] as Sampled | null
      if (expected === null) expect(grad, name).toBeNull()
      else expectSampled(grad as Tensor, expected, ROUNDING, `gradient of ${name}`)
    }

    module.eval()
    let evaluated: (Tensor | null)[] = []
    const profile = torch.profiler.profile(() => {
      torch.no_grad(() => {
        evaluated = call(module, spec, false).outputs
      })
    })
    expectOutputs(evaluated, spec.evaluated, 'output in evaluation')
    const counts = new Map([...profile.key_averages()].map(({ key, count }) => [key, count]))
    const ran = WATCHED.filter((name) => counts.has(`aten::${name}`))
    expect(Object.fromEntries(ran.map((name) => [name, counts.get(`aten::${name}`)]))).toEqual(spec.ran)
  })
})

/** What Python's ValueError and IndexError are here; other errors are Errors. */
const ERRORS: Record<string, new (message: string) => Error> = { ValueError: RangeError, IndexError: RangeError }

test.each(filled(refusals).map((spec) => [spec.message, spec.evaluation, text(spec), spec] as const))(
  'is refused: %s (evaluation: %s) %s',
  (message, evaluation, _, spec) => {
    const refused = () => {
      const module = build(spec) as nn.Module
      if (spec.call === undefined) return
      weighted(module, spec.hook).train(!evaluation)
      if (evaluation) torch.no_grad(() => call(module, spec, false))
      else call(module, spec, false)
    }
    expect(refused).toThrow(ERRORS[spec.error] ?? Error)
    expect(refused).toThrow(message)
  },
)

test('Transformer’s stacks are copies of one layer, which start alike and learn apart', () => {
  const layer = new nn.TransformerEncoderLayer(4, 2, { dim_feedforward: 5 })
  const stack = new nn.TransformerEncoder(layer, 2)
  const [first, second] = [...stack.layers] as [nn.TransformerEncoderLayer, nn.TransformerEncoderLayer]
  expect(first).not.toBe(layer)
  for (const [name, parameter] of layer.named_parameters()) {
    for (const copy of [first, second]) {
      expect(torch.equal(copy.get_parameter(name), parameter), name).toBe(true)
      expect(copy.get_parameter(name) === parameter, name).toBe(false)
    }
  }
  torch.no_grad(() => void first.linear1.weight.fill_(0))
  expect(torch.equal(second.linear1.weight, layer.linear1.weight)).toBe(true)
  expect(second.activation).toBe(nn.functional.relu)
})

test('generate_square_subsequent_mask has -∞ above its diagonal', () => {
  const mask = nn.Transformer.generate_square_subsequent_mask(3)
  expect(mask.tolist()).toEqual([
    [0, -Infinity, -Infinity],
    [0, 0, -Infinity],
    [0, 0, 0],
  ])
  expect(mask.dtype).toBe(torch.float32)
  const half = nn.Transformer.generate_square_subsequent_mask(2, { dtype: torch.float64 })
  expect(half.dtype).toBe(torch.float64)
})
