// torch.nn.utils and torch.func, as scripts/reference/nn_utils.py has them in Python.

import { describe, expect, expectTypeOf, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../../lib/index.js'
import { expectTensor, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'

const { utils } = nn
const reference = fixture('nn_utils.json')

type State = Record<string, Values>

function expectTensors(
  found: Record<string, Tensor> | readonly [string, Tensor][],
  expected: State,
  tolerance = FEW_ULPS,
): void {
  const entries = Array.isArray(found) ? (found as [string, Tensor][]) : Object.entries(found as Record<string, Tensor>)
  expect(entries.map(([name]) => name)).toEqual(Object.keys(filled(expected)))
  for (const [name, tensor] of entries) expectTensor(tensor, expected[name] as Values, tolerance, name)
}

const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

test('parameters as a vector, and back', () => {
  torch.manual_seed(0)
  const layer = new nn.Linear(3, 2)
  const vector = utils.parameters_to_vector(new Set(layer.parameters()))
  vector.mul(torch.arange(8).float()).sum().backward()
  expectTensor(vector, reference.vectors.vector, FEW_ULPS)
  expectTensor(layer.weight.grad as Tensor, reference.vectors.gradient, FEW_ULPS)
  const given = torch.arange(10).float()
  utils.vector_to_parameters(given, layer.parameters())
  given.index_set_([0], 100)
  expectTensors(layer.state_dict(), reference.vectors.state)
  expect(() => utils.vector_to_parameters(torch.ones(3), layer.parameters())).toThrow()
  expect(() => utils.parameters_to_vector([1] as never)).toThrow(/must be an iterable of Tensors/)
  expect(() => utils.parameters_to_vector(torch.ones(2) as never)).toThrow(/must be an iterable of Tensors, not Tensor/)
  const meta = torch.ones([2], { device: 'meta' })
  expect(() => utils.parameters_to_vector([layer.weight, meta])).toThrow(
    'Found two parameters on different devices, this is currently not supported.',
  )
})

interface Clipping {
  norm_type: number | string
  max_norm: number
  total: Values
  grads: Values[]
}

test('get_total_norm, clip_grads_with_norm_ and clip_grad_norm_ equal PyTorch’s', () => {
  for (const { norm_type, max_norm, total, grads } of filled(reference.clipping.cases as Clipping[])) {
    const p = Number(String(norm_type).replace('inf', 'Infinity'))
    for (const inOne of [false, true]) {
      torch.manual_seed(1)
      const params = [[3, 2], [4], [2], [5]].map((shape, i) =>
        torch.zeros(shape, { dtype: i === 1 ? torch.float64 : torch.float32, requires_grad: true }),
      )
      for (const each of params.slice(0, 3)) each.grad = torch.randn_like(each)
      const norm = inOne
        ? utils.clip_grad_norm_(params, max_norm, p, true)
        : utils.get_total_norm(
            params.flatMap(({ grad }) => grad ?? []),
            { norm_type: p },
          )
      if (!inOne) utils.clip_grads_with_norm_(params, max_norm, norm)
      expectTensor(norm, total, FEW_ULPS, `${p}`)
      grads.forEach((grad, i) => {
        expectTensor(params[i]?.grad as Tensor, grad, FEW_ULPS, `${p} ${max_norm}`)
      })
      expect(params[3]?.grad).toBeNull()
    }
  }
  expectTensor(utils.get_total_norm([]), reference.clipping.empty, FEW_ULPS)
  const nan = [torch.tensor([Number.NaN])]
  const messages = [2, 0.5].map((p) => messageOf(() => utils.get_total_norm(nan, p, { error_if_nonfinite: true })))
  expect(messages).toEqual(reference.clipping.messages)
  const parameter = new nn.Parameter(torch.ones(1))
  parameter.grad = nan[0] as Tensor
  expect(messageOf(() => utils.clip_grad_norm_(parameter, 1, 2, true))).toBe(messages[0])
  expect(utils.clip_grad_norm([new nn.Parameter(torch.ones(1))], 1).item()).toBe(0)
})

interface NormCase {
  options: Record<string, never>
  steps: [
    { state: State; weight: Values },
    { gradients: State },
    { state: State; weight: Values },
    { state: State; hooks: number },
  ]
}

describe.each([
  ['weight', utils.weight_norm, utils.remove_weight_norm],
  ['spectral', utils.spectral_norm, utils.remove_spectral_norm],
] as const)('the older %s_norm', (name, apply, remove) => {
  test.each(filled(reference.norms[name] as NormCase[]))('$options', ({ options, steps }) => {
    const [applied, trained, evaluated, removed] = steps
    torch.manual_seed(2)
    const layer = apply(new nn.Linear(3, 2), options) as nn.Linear
    expectTensors(layer.state_dict(), applied.state, FEW_ULPS)
    expectTensor(layer.weight, applied.weight, FEW_ULPS)
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 })
    const x = torch.ones(4, 3)
    for (let step = 0; step < 2; step++) {
      optimizer.zero_grad()
      torch.scope(() => {
        layer(x).square().sum().backward()
      })
      optimizer.step()
    }
    expectTensors(
      layer.named_parameters().map(([path, { grad }]) => [path, grad as Tensor]),
      trained.gradients,
      1e-5,
    )
    layer.eval()
    layer(x)
    expectTensors(layer.state_dict(), evaluated.state, 1e-5)
    expectTensor(layer.weight, evaluated.weight, 1e-5)
    expect(remove(layer)).toBe(layer)
    expectTensors(layer.state_dict(), removed.state, 1e-5)
    expect(layer._forward_pre_hooks.size).toBe(removed.hooks)
    expect(layer.weight).toBeInstanceOf(nn.Parameter)
  })
})

test('messages of the older norms are Python’s', () => {
  const linear = () => new nn.Linear(3, 2)
  const [weighted, spectral] = [utils.weight_norm(linear()), utils.spectral_norm(linear())]
  expect({
    'weight twice': messageOf(() => utils.weight_norm(weighted)),
    'spectral twice': messageOf(() => utils.spectral_norm(spectral)),
    'weight absent': messageOf(() => utils.remove_weight_norm(linear())),
    'spectral absent': messageOf(() => utils.remove_spectral_norm(linear())),
    'spectral iterations': messageOf(() => utils.spectral_norm(linear(), { n_power_iterations: 0 })),
  }).toEqual(reference.norms.messages)
})

test('what older versions saved is loaded', () => {
  const expected = reference.loaded
  torch.manual_seed(6)
  const older = utils.weight_norm(new nn.Linear(3, 2))
  const newer = utils.parametrizations.weight_norm(new nn.Linear(3, 2))
  torch.no_grad(() => {
    ;(older as unknown as { weight_g: Tensor }).weight_g.mul_(2)
  })
  expect(String(newer.load_state_dict(older.state_dict()))).toBe(expected.weight)
  expectTensor(newer.weight, expected.weights, FEW_ULPS)
  const [module, other] = [utils.spectral_norm(new nn.Linear(3, 2)), utils.spectral_norm(new nn.Linear(3, 2))]
  module(torch.ones(1, 3))
  const saved = module.state_dict()
  expect((saved as unknown as { _metadata: object })._metadata).toEqual(expected.metadata)
  const { weight_v: _, ...oldest } = saved
  const withWeight: Record<string, Tensor> = { ...oldest, weight: module.weight.detach() }
  expect(String(other.load_state_dict(withWeight))).toBe(expected.spectral)
  expectTensors(other.state_dict(), expected.state, 1e-5)
  expect(other.load_state_dict(oldest, false).missing_keys).toEqual(expected.missing)
  expect(messageOf(() => other.load_state_dict(oldest))).toBe(expected.messages)
  const norms: Record<string, (layer: nn.ConvTranspose2d) => nn.ConvTranspose2d> = {
    spectral_norm: (layer) => utils.spectral_norm(layer),
    parametrizations: (layer) => utils.parametrizations.spectral_norm(layer),
  }
  for (const [name, norm] of Object.entries(norms)) {
    torch.manual_seed(7)
    const transposed = norm(new nn.ConvTranspose2d(2, 3, 2))
    transposed(torch.ones(1, 2, 2, 2))
    expectTensors(transposed.state_dict(), expected[name], 1e-5)
  }
})

test('weights of convolutions in other memory formats', () => {
  const layers = [
    new nn.Conv2d(2, 3, 2),
    new nn.ConvTranspose2d(2, 3, 2),
    new nn.Conv3d(2, 1, 2),
    new nn.Conv2d(1, 1, 1),
  ]
  const net = new nn.Sequential(...layers, new nn.Linear(2, 2))
  const before = layers.map(({ weight }) => weight.tolist())
  utils.convert_conv2d_weight_memory_format(net, torch.channels_last)
  utils.convert_conv3d_weight_memory_format({ module: net, memory_format: torch.channels_last_3d })
  expect([...net].map((layer) => [...(layer as nn.Linear).weight.stride()])).toEqual(reference.formats)
  expect(layers.map(({ weight }) => weight.tolist())).toEqual(before)
})

test('fusion of weights', () => {
  const given = (reference.fusion.given as Values[]).map(({ data, shape }) =>
    torch.tensor(data as number[], { dtype: torch.float64 }).view(shape),
  ) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
  const [weight, bias, mean, variance, scale, shift, linear] = given
  const found = {
    conv: utils.fuse_conv_bn_weights(weight, bias, mean, variance, 1e-5, scale, shift),
    without: utils.fuse_conv_bn_weights(weight, null, mean, variance, 1e-5, null, null),
    transposed: utils.fuse_conv_bn_weights(weight.transpose(0, 1), bias, mean, variance, 1e-3, scale, shift, true),
    linear: utils.fuse_linear_bn_weights(linear, bias, mean, variance, 1e-5, scale, shift),
  }
  for (const [name, parts] of Object.entries(found)) {
    for (const [i, part] of parts.entries()) {
      expectTensor(part, reference.fusion[name][i], 1e-12, name)
      expect([part instanceof nn.Parameter, part.requires_grad]).toEqual([true, false])
    }
  }
})

interface Fused {
  case: [
    layer: string,
    args: number[],
    options: object,
    norm: string,
    size: number[],
    settings: object,
    fusing: { transpose?: boolean },
  ]
  text: string
  state: State
  output: Values
  requires: boolean[]
  training: boolean
  next: number
}

describe('fusion', () => {
  const classes = nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>
  test.each(filled(reference.fused.cases as Fused[]))('$case', (expected) => {
    const [name, args, options, norm, size, settings, fusing] = expected.case
    torch.manual_seed(8)
    const layer = new (classes[name] as (typeof classes)[string])(...args, options)
    const bn = new (classes[norm] as (typeof classes)[string])(args[1], settings)
    const x = torch.randn(size)
    for (let step = 0; step < 2; step++) bn(layer(x)).square().sum().backward()
    const before = layer.eval().state_dict()
    bn.eval()
    const made = (
      name === 'Linear'
        ? utils.fuse_linear_bn_eval(layer as nn.Linear, bn)
        : utils.fuse_conv_bn_eval(layer as nn.Conv2d, bn, fusing)
    ) as nn.Module
    expect([String(made), made.training]).toEqual([expected.text, expected.training])
    expectTensors(made.state_dict(), expected.state, 1e-5)
    expectTensor(made(x), expected.output, 1e-5)
    expect(made(x).allclose(bn(layer(x)), { atol: 1e-5 })).toBe(true)
    expect(made.parameters().map(({ requires_grad }) => requires_grad)).toEqual(expected.requires)
    expect(torch.rand(1).item()).toBe(expected.next)
    expect(Object.entries(layer.state_dict()).every(([key, tensor]) => tensor.equal(before[key] as Tensor))).toBe(true)
  })

  test('refuses what cannot be fused, with Python’s messages', () => {
    const [conv, bn] = [new nn.Conv2d(1, 2, 1), new nn.BatchNorm2d(2)]
    expect({
      training: messageOf(() => utils.fuse_conv_bn_eval(conv, bn)),
      statistics: messageOf(() =>
        utils.fuse_conv_bn_eval(conv.eval(), new nn.BatchNorm2d(2, { track_running_stats: false }).eval()),
      ),
      features: messageOf(() => utils.fuse_linear_bn_eval(new nn.Linear(2, 3).eval(), bn.eval())),
    }).toEqual(reference.fused.messages)
    expect(() => utils.fuse_conv_bn_eval(new nn.Linear(1, 2).eval() as never, bn)).toThrow('cannot be a Linear')
    expect(() => utils.fuse_linear_bn_eval(new nn.Linear(2, 2).eval(), conv)).toThrow(/must be a BatchNorm, not Conv2d/)
  })
})

class Counting extends nn.Module {
  first: nn.Linear
  second: nn.Linear
  declare count: Tensor

  constructor() {
    super()
    this.first = new nn.Linear(2, 2)
    this.second = new nn.Linear(2, 2, false)
    this.second.weight = this.first.weight
    this.register_buffer('count', torch.zeros([]))
  }

  forward(x: Tensor, { scale = 1 }: { scale?: number } = {}): Tensor {
    this.count = this.count.add(1)
    return this.second(this.first(x)).mul(scale).add(this.count)
  }
}

describe('functional_call', () => {
  test('calls a module with other tensors, through which gradients flow', () => {
    const expected = reference.calls
    torch.manual_seed(4)
    const module = new Counting()
    expectTensors(module.state_dict(), expected.before)
    const own = module.parameters()
    const call = torch.func.functional_call
    const x = torch.randn(3, 2)
    const weight = torch.randn([2, 2], { requires_grad: true })
    const bias = torch.randn(2)
    const given = { 'first.weight': weight, count: torch.ones([]) }
    const output = call(module, given, x)
    expectTypeOf(output).toEqualTypeOf<Tensor>()
    output.sum().backward()
    expectTensor(output, expected.output, FEW_ULPS)
    expectTensor(given.count, expected.count, FEW_ULPS)
    expectTensor(weight.grad as Tensor, expected.gradient, FEW_ULPS)
    expect(module.first.weight.grad === null).toBe(expected.requires)
    expectTensors(module.state_dict(), expected.after)
    const dicts = call(module, [{ 'first.bias': bias }, { 'second.weight': weight }], [x], {
      kwargs: { scale: 2 },
    })
    expectTensor(dicts, expected.dicts, FEW_ULPS)
    const untied = call(module, { 'first.weight': weight }, x, { tie_weights: false })
    expectTensor(untied, expected.untied, FEW_ULPS)
    expect({
      tied: messageOf(() => call(module, { 'first.weight': weight, 'second.weight': bias }, x)),
      strict: messageOf(() => call(module, { 'first.weight': weight, wait: bias }, x, { strict: true })),
      repeated: messageOf(() => call(module, [{ 'first.bias': bias }, { 'first.bias': bias }], x)),
      'no module': messageOf(() => call(module, { 'third.weight': weight }, x)),
      'a module': messageOf(() => call(module, { first: weight }, x)),
    }).toEqual(expected.messages)
    expect(messageOf(() => call(module, { 'first.weight': 1 as never }, x))).toMatch(
      'is not an instance of torch.Tensor',
    )
    // Whatever was thrown, the module has its own again.
    expect(module.parameters().every((parameter, i) => parameter === own[i])).toBe(true)
    expect(messageOf(() => call(module, { 'first.weight': torch.ones(5, 5) }, x))).toMatch(/shapes/)
    expect(module.first.weight).toBe(own[0])
    // The count, which is not among what is given, goes on.
    const inArgs = call(module, [{ 'first.bias': bias, 'second.weight': weight }], [x, { scale: 2 }])
    expect(inArgs.sub(dicts).allclose(module.count.sub(1))).toBe(true)
    const older = utils.stateless.functional_call(module, { 'first.weight': weight }, x, { tie_weights: false })
    expectTypeOf(older).toEqualTypeOf<Tensor>()
    expect(older.sub(untied).allclose(module.count.sub(2))).toBe(true)
  })

  test('of a parametrized module takes the original, or the value', () => {
    const layer = utils.parametrizations.weight_norm(new nn.Linear(2, 2))
    const { original0 } = layer.parametrizations.weight
    const x = torch.ones(1, 2)
    const before = layer(x)
    const doubled = torch.func.functional_call(
      layer,
      { 'parametrizations.weight.original0': original0.mul(2), bias: torch.zeros(2) },
      x,
    )
    expect(doubled.allclose(before.sub(layer.bias as Tensor).mul(2))).toBe(true)
    expect(layer.parametrizations.weight.original0).toBe(original0)
    const value = torch.func.functional_call(layer, { weight: torch.ones(2, 2), bias: torch.zeros(2) }, x)
    expect(value.allclose(torch.full([1, 2], 2))).toBe(true)
    expect(layer(x).allclose(before)).toBe(true)
  })

  test('stack_module_state', () => {
    torch.manual_seed(5)
    const models = [new Counting(), new Counting(), new Counting()]
    const [parameters, buffers] = torch.func.stack_module_state(models)
    expectTensors(parameters, reference.stacked.parameters)
    expectTensors(buffers, reference.stacked.buffers)
    expect(Object.values(parameters).map((each) => [each.is_leaf, each.requires_grad])).toEqual(reference.stacked.leaf)
    expect(() => torch.func.stack_module_state([])).toThrow('Expected at least one model, got 0.')
    expect(() => torch.func.stack_module_state([...models, new Counting().eval()])).toThrow('same training/eval mode')
    expect(() => torch.func.stack_module_state([...models, new nn.Linear(2, 2)])).toThrow('of the same class')
    models[0]?.first.weight.requires_grad_(false)
    expect(() => torch.func.stack_module_state(models)).toThrow('first.weight from each model')
  })

  test('a layer of a class of its own stays one, with its hooks', () => {
    class Own extends nn.Conv2d {}
    const own = new Own(1, 2, 1, { bias: false }).eval()
    const seen: unknown[] = []
    own.register_forward_hook((module) => void seen.push(module))
    const bn = new nn.BatchNorm2d(2).eval()
    torch.no_grad(() => void bn.running_mean?.fill_(0.5))
    const fused = utils.fuse_conv_bn_eval(own, bn)
    expect(fused).toBeInstanceOf(Own)
    const x = torch.ones(1, 1, 2, 2)
    const expected = bn(own(x))
    expect(torch.allclose(fused(x), expected)).toBe(true)
    expect(seen[0] === own && seen[1] === fused).toBe(true)
    expect(own.bias).toBeNull()
  })
})
