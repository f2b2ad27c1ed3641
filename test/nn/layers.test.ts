// Layers with parameters or buffers against scripts/reference/layers.py, which makes the same layers and calls in Python:
// initial values bit for bit on a processor like that of the fixture, all else in float64 within its rounding.

import { describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { type SignatureKey, signatureOf } from '../../lib/operators/arguments.js'
import { type Digest, drawsAlike, expectTensor, filled, fixture, type Values } from '../helpers.js'

type Argument =
  | { randn: number[] }
  | { integers: unknown[] }
  | { keywords: Record<string, Argument> }
  | Argument[]
  | number
  | string
  | null

interface LayerSpec {
  module: string
  args: unknown[]
  options: Record<string, unknown>
  call: Argument[] | null
}
interface Case extends LayerSpec {
  /** Null where a lazy layer has no values yet. */
  initial: Record<string, Values | null>
  /** The class after the first call. */
  becomes: string
  outputs: Values[]
  input_grads: Values[]
  grads: Record<string, Values | null>
  buffers: Record<string, Values>
  evaluated: Values[]
}
interface Failure extends LayerSpec {
  error: string
  message: string
}

interface State {
  module: string
  options: Record<string, unknown>
  changes: Record<string, number[] | null>
  version: number | null
  message: string | null
}

const { families, errors, states, uniform } = fixture<{
  families: Record<string, Case[]>
  errors: Failure[]
  states: State[]
  uniform: Digest
}>('layers.json')
const classes = nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>

function build({ module, args, options }: LayerSpec): nn.Module {
  const keywords = Object.keys(options).length > 0 ? [options] : []
  return new (classes[module] as (typeof classes)[string])(...args, ...keywords)
}

/** An argument of a call; tensors that have a gradient are added to `leaves`. */
function argument(spec: Argument, leaves: Tensor[]): unknown {
  if (Array.isArray(spec)) return spec.map((item) => argument(item, leaves))
  if (typeof spec !== 'object' || spec === null) return spec
  if ('integers' in spec) return torch.tensor(spec.integers as number[], { dtype: torch.int64 })
  if ('randn' in spec) {
    const leaf = torch.randn(spec.randn, { dtype: torch.float64, requires_grad: true })
    leaves.push(leaf)
    return leaf
  }
  return Object.fromEntries(Object.entries(spec.keywords).map(([name, value]) => [name, argument(value, leaves)]))
}

function call(module: nn.Module, spec: Argument[]): { outputs: Tensor[]; leaves: Tensor[] } {
  const leaves: Tensor[] = []
  const output: unknown = module(...spec.map((item) => argument(item, leaves)))
  return { outputs: Array.isArray(output) ? output : [output], leaves }
}

// Sums of up to a few hundred products of numbers about 1, rounded to 53 bits.
const ROUNDING = 1e-12

// Where this processor draws alike, initial values are Python's to the bit; otherwise they are a rounding of float32 away.
const DRAWING = drawsAlike(uniform) ? 0 : 2 ** -23

function expectTensors(actual: readonly Tensor[], expected: readonly Values[], what: string): void {
  expect(actual.length, what).toBe(expected.length)
  expected.forEach((values, i) => {
    expectTensor(actual[i] as Tensor, values, ROUNDING, `${what} ${i}`)
  })
}

describe.each(Object.entries(filled(families)))('%s', (_, cases) => {
  test.each(filled(cases))('$module($args, $options)($call)', (spec) => {
    const calls = spec.call as Argument[]
    torch.manual_seed(0)
    const module = build(spec)
    const initial = module.state_dict()
    expect(Object.keys(initial)).toEqual(Object.keys(spec.initial))
    for (const [name, tensor] of Object.entries(initial)) {
      const expected = spec.initial[name] as Values | null
      if (expected === null) {
        expect(nn.parameter.is_lazy(tensor), name).toBe(true)
        continue
      }
      expectTensor(tensor, expected, DRAWING, name)
      // What follows is computed from the same numbers.
      tensor.copy_(torch.tensor(expected.data as number[]).view(expected.shape))
    }
    module.double()
    call(module, calls)
    expect(module.constructor.name).toBe(spec.becomes)
    const { outputs, leaves } = call(module, calls)
    torch.autograd.backward(
      outputs,
      outputs.map((output) => torch.randn_like(output)),
    )
    expectTensors(outputs, spec.outputs, 'output')
    expectTensors(
      leaves.map((leaf) => leaf.grad as Tensor),
      spec.input_grads,
      "input's gradient",
    )
    const parameters = module.named_parameters()
    expect(parameters.map(([name]) => name)).toEqual(Object.keys(spec.grads))
    for (const [name, { grad }] of parameters) {
      const expected = spec.grads[name] as Values | null
      if (expected === null) expect(grad, name).toBeNull()
      else expectTensor((grad as Tensor).to_dense(), expected, ROUNDING, `${name}'s gradient`)
    }
    const buffers = module.named_buffers()
    expect(buffers.map(([name]) => name)).toEqual(Object.keys(spec.buffers))
    for (const [name, buffer] of buffers) expectTensor(buffer, spec.buffers[name] as Values, ROUNDING, name)
    expectTensors(call(module.eval(), calls).outputs, spec.evaluated, 'output in evaluation')
  })
})

const takesDevice = filled(Object.values(families).flat()).filter(({ module }) =>
  signatureOf(`nn.${module}` as SignatureKey).names.includes('device'),
)

test.each(filled(takesDevice))('$module($args, $options) takes device and dtype', (spec) => {
  const module = build({ ...spec, options: { ...spec.options, device: 'meta', dtype: torch.float64 } })
  const tensors = [...module.parameters(), ...module.buffers()]
  expect(tensors.map(({ device }) => device.type)).toEqual(tensors.map(() => 'meta'))
  const floating = tensors.filter(({ dtype }) => dtype !== torch.int64)
  expect(floating.map(({ dtype }) => dtype)).toEqual(floating.map(() => torch.float64))
  expect(module.named_buffers().filter(([, { dtype }]) => dtype === torch.int64)).toHaveLength(
    tensors.length - floating.length,
  )
})

const KINDS: Record<string, new () => Error> = { ValueError: RangeError, TypeError, RuntimeError: Error }

test.each(filled(errors))('$module($args, $options)($call) throws $error: $message', (spec) => {
  torch.manual_seed(0)
  let thrown: unknown = null
  try {
    const module = build(spec)
    if (spec.call !== null) call(module.double(), spec.call)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(KINDS[spec.error] ?? Error)
  expect((thrown as Error).message).toContain(spec.message)
})

test.each(filled(states))('$module($options) loads a state of version $version with $changes', (spec) => {
  const layer = build({ ...spec, args: [2], call: null })
  const own = Object.entries(layer.state_dict()).filter(([name]) => spec.changes[name] !== null)
  const given = Object.entries(spec.changes).filter(([, value]) => value !== null)
  const state = Object.fromEntries([...own, ...given.map(([name, value]) => [name, torch.tensor(value as number[])])])
  if (spec.version !== null) state._metadata = { '': { version: spec.version } }
  if (spec.version !== null) Object.defineProperty(state, '_metadata', { enumerable: false })
  const load = () => layer.load_state_dict(state)
  if (spec.message === null) expect(String(load())).toBe('<All keys matched successfully>')
  else expect(load).toThrow(spec.message)
})

test('convert_sync_batchnorm replaces batch normalisations, and keeps their parameters and buffers', () => {
  const inner = new nn.BatchNorm2d(4, { momentum: null, bias: false })
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3, 0.5), new nn.Sequential(inner)).eval()
  const state = model.state_dict({ keep_vars: true })
  const converted = nn.SyncBatchNorm.convert_sync_batchnorm(model)
  expect(converted).toBe(model)
  expect(String(converted)).toBe(
    `Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): SyncBatchNorm(3, eps=0.5, momentum=0.1, affine=True, bias=True, track_running_stats=True)
  (2): Sequential(
    (0): SyncBatchNorm(4, eps=1e-05, momentum=None, affine=True, bias=False, track_running_stats=True)
  )
)`,
  )
  const after = converted.state_dict({ keep_vars: true })
  expect(Object.keys(after)).toEqual(Object.keys(state))
  for (const [name, tensor] of Object.entries(after)) expect(tensor, name).toBe(state[name])
  expect(converted.modules().map(({ training }) => training)).toEqual([false, false, false, false, false])
  expect(nn.SyncBatchNorm.convert_sync_batchnorm(inner)).toBeInstanceOf(nn.SyncBatchNorm)
  expect(() => nn.SyncBatchNorm.convert_sync_batchnorm(inner, { process_group: {} })).toThrow('torch.distributed')
})

test('a layer of one’s own extends the classes of nn.modules', () => {
  class AnyNorm extends nn.modules.batchnorm._BatchNorm {
    override _check_input_dim(input: Tensor): void {
      if (input.dim() < 2) throw new RangeError('too few dimensions')
    }
  }
  const layer = new AnyNorm(3, { affine: false })
  expect(layer(torch.ones(2, 3, 1, 1, 1, 2)).shape).toEqual(torch.Size.of_sizes([2, 3, 1, 1, 1, 2]))
  expect(() => layer(torch.ones(3))).toThrow('too few dimensions')
  expect(String(layer)).toMatch(/^AnyNorm\(3, eps=1e-05/)
  expect(new nn.BatchNorm2d(1)).toBeInstanceOf(nn.modules.batchnorm._NormBase)
  expect(new nn.InstanceNorm2d(1)).toBeInstanceOf(nn.modules.instancenorm._InstanceNorm)
})

test('from_pretrained makes an embedding over given rows', () => {
  const rows = torch.randn(4, 3)
  for (const made of [
    nn.Embedding.from_pretrained(rows, { padding_idx: -1, max_norm: 2 }),
    nn.EmbeddingBag.from_pretrained(rows, { padding_idx: -1, max_norm: 2, mode: 'max' }),
  ]) {
    rows.mul_(2)
    expect(torch.equal(made.weight, rows)).toBe(true)
    expect(made.weight.requires_grad).toBe(false)
    const { num_embeddings, embedding_dim, padding_idx, max_norm } = made
    expect([num_embeddings, embedding_dim, padding_idx, max_norm]).toEqual([4, 3, 3, 2])
  }
  expect(nn.Embedding.from_pretrained(rows, false).weight.requires_grad).toBe(true)
  expect(nn.EmbeddingBag.from_pretrained(rows, { freeze: false, mode: 'sum' }).mode).toBe('sum')
  class Words extends nn.Embedding {}
  expect(Words.from_pretrained({ embeddings: rows })).toBeInstanceOf(Words)
  for (const { from_pretrained } of [nn.Embedding, nn.EmbeddingBag])
    expect(() => from_pretrained(rows.view(2, 2, 3))).toThrow('Embeddings parameter is expected to be 2-dimensional')
  expect(() => new nn.Embedding(3, 3, { _weight: rows })).toThrow('Shape of weight does not match num_embeddings')
})

test('a convolution with weights in another order in memory starts with the same values', () => {
  torch.manual_seed(1)
  const { weight } = new nn.Conv2d(3, 4, 3, { bias: false })
  const layer = new nn.Conv2d(3, 4, 3, { bias: false }).to({ memory_format: torch.channels_last })
  expect(layer.weight.is_contiguous()).toBe(false)
  torch.manual_seed(1)
  layer.reset_parameters()
  expect(torch.equal(layer.weight, weight)).toBe(true)
})

test('a convolution of one’s own computes with other weights', () => {
  class Scaled extends nn.Conv2d {
    override forward(input: Tensor): Tensor {
      const { stride, padding, dilation, groups } = this
      return nn.functional.conv2d(input, this.weight.mul(2), this.bias, stride, padding, dilation, groups)
    }
  }
  for (const padding of ['same', 1] as const) {
    const layer = new Scaled(2, 2, 3, { padding, padding_mode: 'zeros' })
    const input = torch.randn(1, 2, 4, 4)
    const expected = layer._conv_forward(input, layer.weight.mul(2), layer.bias)
    expect(torch.equal(layer(input), expected)).toBe(true)
    expect(layer).toBeInstanceOf(nn.modules.conv._ConvNd)
  }
  expect(new nn.ConvTranspose1d(1, 1, 1)).toBeInstanceOf(nn.modules.conv._ConvTransposeNd)
})
