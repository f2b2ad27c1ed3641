// torch.nn.utils.parametrize and parametrizations, as scripts/reference/parametrize.py has them in Python.

import { describe, expect, expectTypeOf, test } from 'vitest'
import torch, { type DType, nn, optim, type Tensor } from '../../lib/index.js'
import { expectTensor, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'

const { parametrize, parametrizations } = nn.utils
const reference = fixture('parametrize.json')

class Symmetric extends nn.Module {
  forward(X: Tensor): Tensor {
    return X.triu().add(X.triu(1).transpose(-1, -2))
  }
}

class Doubled extends nn.Module {
  forward(X: Tensor): Tensor {
    return X.mul(2)
  }

  right_inverse(A: Tensor): Tensor {
    return A.div(2)
  }
}

class Split extends nn.Module {
  forward(size: Tensor, sign: Tensor): Tensor {
    return size.mul(sign)
  }

  right_inverse(X: Tensor): Tensor[] {
    return [X.abs(), X.sign()]
  }
}

class Returns extends nn.Module {
  #change: (...args: Tensor[]) => unknown
  declare right_inverse: (X: Tensor) => unknown

  constructor({ change = (X: Tensor): unknown => X, inverse = undefined as ((X: Tensor) => unknown) | undefined }) {
    super()
    this.#change = change as (...args: Tensor[]) => unknown
    if (inverse !== undefined) this.right_inverse = inverse
  }

  forward(...args: Tensor[]): unknown {
    return this.#change(...args)
  }
}

class Weighted extends nn.Module {
  weight: nn.Parameter
  declare scale: Tensor

  constructor(shape: number[], dtype: DType | null = null) {
    super()
    this.weight = new nn.Parameter(torch.randn(shape, { dtype }))
    this.register_buffer('scale', torch.arange(3).float())
  }
}

interface Report {
  text: string
  state: [name: string, shape: number[]][]
  gradients?: Record<string, Values>
}

function expectReport(module: nn.Module, { text, state }: Report): void {
  expect(String(module)).toBe(text)
  expect(Object.entries(module.state_dict()).map(([name, tensor]) => [name, [...tensor.shape]])).toEqual(state)
}

function expectGradients(
  module: nn.Module & { weight: Tensor },
  expected: Record<string, Values>,
  tolerance: number,
): void {
  module.zero_grad()
  const { weight } = module
  const scale = torch.arange(weight.numel()).to(weight.dtype).view_as(weight)
  weight.mul(scale).sum().abs().backward()
  const found = module.named_parameters().filter(([, parameter]) => parameter.grad !== null)
  expect(found.map(([name]) => name)).toEqual(Object.keys(filled(expected)))
  for (const [name, { grad }] of found) expectTensor(grad as Tensor, expected[name] as Values, tolerance, name)
}

const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

describe('register_parametrization', () => {
  test('computes a parameter of another, which learns, prints and is saved as in Python', () => {
    const [first, stepped, doubled, assigned, removed, restored] = reference.symmetric
    torch.manual_seed(0)
    const layer = new nn.Linear(3, 3)
    const given = layer.weight
    const made = parametrize.register_parametrization(layer, 'weight', new Symmetric())
    expect(made).toBe(layer)
    expectTypeOf(made.parametrizations.weight).toEqualTypeOf<nn.utils.parametrize.ParametrizationList>()
    expect(made.parametrizations.weight.original).toBe(given)
    expect([layer instanceof nn.Linear, parametrize.type_before_parametrizations(layer)]).toEqual([true, nn.Linear])
    expectReport(layer, first)
    expectTensor(layer.weight, first.weight, FEW_ULPS)
    expectGradients(layer, first.gradients, FEW_ULPS)
    const optimizer = new optim.SGD(layer.parameters(), { lr: 0.1 })
    layer(torch.ones(2, 3)).square().sum().backward()
    optimizer.step()
    expectTensor(layer.weight, stepped.weight, FEW_ULPS)

    parametrize.register_parametrization(layer, 'weight', new Doubled())
    const twice = parametrize.register_parametrization({
      module: layer,
      tensor_name: 'bias',
      parametrization: new Doubled(),
    })
    expectReport(layer, doubled)
    expectTensor(layer.weight, doubled.weight, FEW_ULPS)
    expectTensor(layer.bias as Tensor, doubled.bias, FEW_ULPS)
    layer.bias = torch.ones(3) as nn.Parameter
    expectTensor(twice.parametrizations.bias.original, assigned.original, FEW_ULPS)
    expectTensor(layer.bias as Tensor, assigned.bias, FEW_ULPS)

    parametrize.remove_parametrizations(layer, 'weight')
    expectReport(layer, removed)
    expectTensor(layer.weight, removed.weight, FEW_ULPS)
    expect(layer.weight).toBe(given)
    expect(parametrize.is_parametrized(layer, 'weight')).toBe(false)
    parametrize.remove_parametrizations(layer, 'bias', false)
    expectReport(layer, restored)
    expectTensor(layer.bias as Tensor, restored.bias, FEW_ULPS)
    expect([parametrize.is_parametrized(layer), layer.constructor]).toEqual([false, nn.Linear])
  })

  test('takes several originals, and buffers, and is transferred', () => {
    const [first, assigned, transferred, removed] = reference.several
    torch.manual_seed(1)
    const module = new Weighted([2, 3])
    const { weight } = parametrize.register_parametrization(module, 'weight', new Split()).parametrizations
    parametrize.register_parametrization(module, 'scale', new Doubled())
    expectReport(module, first)
    expectTensor(module.weight, first.weight, FEW_ULPS)
    expectTensor(module.scale, first.scale, FEW_ULPS)
    expectGradients(module, first.gradients, FEW_ULPS)
    const value: Tensor = torch.tensor([
      [-1, 2, 0],
      [4, -5, 6],
    ])
    module.weight = value as nn.Parameter
    expectTensor(weight.original0, assigned.original0, FEW_ULPS)
    expectTensor(weight.original1, assigned.original1, FEW_ULPS)
    const other = new nn.Linear(3, 2)
    expect(parametrize.transfer_parametrizations_and_params(module, other, 'weight')).toBe(other)
    expectReport(other, transferred)
    expectTensor(other.weight, transferred.weight, FEW_ULPS)
    parametrize.remove_parametrizations({ module, tensor_name: 'weight' })
    parametrize.remove_parametrizations(module, 'scale')
    expectReport(module, removed)
    expectTensor(module.weight, removed.weight, FEW_ULPS)
    expectTensor(module.scale, removed.scale, FEW_ULPS)
  })

  test('leaves other modules of the class, and modules parametrized alike, as they are', () => {
    const [one, two, plain] = [new nn.Linear(2, 2), new nn.Linear(2, 2), new nn.Linear(2, 2)]
    for (const layer of [one, two]) parametrize.register_parametrization(layer, 'weight', new Doubled())
    expect(Object.getPrototypeOf(one)).toBe(Object.getPrototypeOf(two))
    parametrize.remove_parametrizations(one, 'weight')
    expect([one, two, plain].map((layer) => parametrize.is_parametrized(layer))).toEqual([false, true, false])
    expect(two.weight.requires_grad).toBe(true)
    expect(one.parameters()).toHaveLength(2)
  })

  test('reads each tensor once inside cached, also where a scope would free it', () => {
    let count = 0
    const layer = new nn.Linear(2, 2)
    const counting = new Returns({
      change: (X) => {
        count++
        return X.mul(2)
      },
    })
    parametrize.register_parametrization(layer, 'weight', counting)
    count = 0
    const weights = parametrize.cached(() => {
      const first = torch.scope(() => {
        void layer.weight
        return parametrize.cached(() => layer.weight)
      })
      return [first, layer.weight]
    })
    expect([count, weights[0] === weights[1]]).toEqual([1, true])
    {
      using _ = parametrize.cached()
      void [layer.weight, layer.weight]
    }
    expect(count).toBe(2)
    void [layer.weight, layer.weight]
    expect(count).toBe(4)
    expect(() => parametrize.cached((async () => 1) as never)).toThrow(/synchronous/)
  })
})

test('messages are Python’s', () => {
  const { float16 } = torch
  const half = (X: Tensor) => X.to(float16)
  const row = (X: Tensor) => X.index(0)
  const linear = () => new nn.Linear(2, 3)
  const registering = (parametrization: nn.Module, name = 'weight') =>
    messageOf(() => parametrize.register_parametrization(linear(), name, parametrization))
  const again = (parametrization: nn.Module) => {
    const layer = parametrize.register_parametrization(linear(), 'weight', new Doubled())
    return messageOf(() => parametrize.register_parametrization(layer, 'weight', parametrization))
  }
  const symmetric = parametrize.register_parametrization(new nn.Linear(3, 3), 'weight', new Symmetric())
  const split = parametrize.register_parametrization(linear(), 'weight', new Split())
  const found = {
    'no such tensor': registering(new Doubled(), 'wait'),
    dtype: registering(new Returns({ change: half })),
    shape: registering(new Returns({ change: row })),
    "inverse's dtype": registering(new Returns({ inverse: half })),
    "second's dtype": again(new Returns({ change: half })),
    "second's shape": again(new Returns({ change: row })),
    "second inverse's dtype": again(new Returns({ inverse: half })),
    "second inverse's shape": again(new Returns({ inverse: row })),
    'no inverse': messageOf(() => {
      symmetric.weight = torch.ones(3, 3) as nn.Parameter
    }),
    'several, left': messageOf(() => parametrize.remove_parametrizations(split, 'weight', false)),
    'not parametrized': messageOf(() => parametrize.remove_parametrizations(linear(), 'weight')),
    'orthogonal vector': messageOf(() => parametrizations.orthogonal(linear(), 'bias')),
    'orthogonal name': messageOf(() => parametrizations.orthogonal(linear(), 'wait')),
    'orthogonal map': messageOf(() => parametrizations.orthogonal(linear(), 'weight', 'Cayley' as never)),
    'orthogonal complex': messageOf(() =>
      parametrizations.orthogonal(new Weighted([2, 2], torch.complex64), 'weight', 'householder'),
    ),
    'orthogonal shape': messageOf(() => {
      parametrizations.orthogonal(linear()).weight = torch.ones(2, 2) as nn.Parameter
    }),
    'spectral dim': messageOf(() => parametrizations.spectral_norm(linear(), { dim: 2 })),
    'spectral iterations': messageOf(() => parametrizations.spectral_norm(linear(), { n_power_iterations: 0 })),
    'spectral name': messageOf(() => parametrizations.spectral_norm(linear(), 'wait')),
  }
  expect(found).toEqual(reference.messages)
  const wrong = new Returns({ inverse: (X) => [X, 1] })
  expect(registering(wrong)).toBe(
    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element 1 of the sequence with " +
      'type whole number.',
  )
  expect(registering(new Returns({ change: () => 1 }))).toBe(
    'A parametrization must return a tensor. Got whole number.',
  )
})

describe('parametrizations', () => {
  test('orthogonal', () => {
    for (const { shape, map, trivialization, ...expected } of filled(reference.orthogonal.cases as OrthogonalCase[])) {
      torch.manual_seed(2)
      const what = `${shape} ${map} ${trivialization}`
      const module = new Weighted(shape, torch.float64)
      parametrizations.orthogonal(module, 'weight', map, { use_trivialization: trivialization })
      expectReport(module, expected)
      expectTensor(module.weight, expected.weight, 1e-12, what)
      expectGradients(module, expected.gradients, 1e-12)
      const value = torch
        .eye(Math.max(...shape), { dtype: torch.float64 })
        .index(`:${shape.at(-2)}, :${shape.at(-1)}`)
        .expand(shape)
      const assign = () => {
        module.weight = value as nn.Parameter
      }
      if (expected.assigned !== undefined) {
        assign()
        expectTensor(module.weight, expected.assigned, 1e-12, what)
      } else expect(messageOf(assign)).toBe(expected.message)
    }
    torch.manual_seed(3)
    const unitary = parametrizations.orthogonal(new Weighted([3, 3], torch.complex128))
    expectTensor(torch.view_as_real(unitary.weight), reference.orthogonal.unitary, 1e-12)
  })

  test('spectral_norm', () => {
    for (const { shape, options, ...expected } of filled(reference.spectral as SpectralCase[])) {
      torch.manual_seed(4)
      const module = parametrizations.spectral_norm(new Weighted(shape), options)
      expectReport(module, expected)
      expectTensor(module.weight, expected.weight, FEW_ULPS, `${shape}`)
      expectGradients(module, expected.gradients, 1e-5)
      module.eval()
      for (const weight of expected.evaluated) expectTensor(module.weight, weight, FEW_ULPS, `${shape}`)
    }
  })

  test('weight_norm', () => {
    for (const { dim, ...expected } of filled(reference.weight_norm as (Report & WeightCase)[])) {
      torch.manual_seed(5)
      const module = parametrizations.weight_norm(new nn.Linear(3, 2), { dim })
      torch.no_grad(() => {
        module.parametrizations.weight.original0.mul_(2)
      })
      expectReport(module, expected)
      expectTensor(module.weight, expected.weight, FEW_ULPS)
      expectGradients(module, expected.gradients, FEW_ULPS)
    }
  })

  test.each([true, false])('of a recurrent layer, fused %s', (fused) => {
    const before = torch.backends.tstorch.fused
    torch.backends.tstorch.fused = fused
    try {
      torch.manual_seed(6)
      const module = new nn.LSTM(3, 4)
      parametrizations.orthogonal(module, 'weight_hh_l0')
      parametrizations.weight_norm(module, 'weight_ih_l0')
      const x = torch.randn(5, 2, 3)
      const [output] = parametrize.cached(() => module(x))
      output.sum().backward()
      expectReport(module, reference.recurrent)
      expectTensor(output, reference.recurrent.output, 1e-5)
      const found = module.named_parameters()
      expect(found.map(([name]) => name)).toEqual(Object.keys(reference.recurrent.gradients))
      for (const [name, { grad }] of found) {
        expectTensor(grad as Tensor, reference.recurrent.gradients[name], 1e-5, name)
      }
    } finally {
      torch.backends.tstorch.fused = before
    }
  })
})

interface WeightCase {
  dim: number | null
  weight: Values
  gradients: Record<string, Values>
}

interface OrthogonalCase extends Report {
  shape: number[]
  map: 'matrix_exp' | 'cayley' | 'householder' | null
  trivialization: boolean
  weight: Values
  gradients: Record<string, Values>
  assigned?: Values
  message?: string
}

interface SpectralCase extends Report {
  shape: number[]
  options: { n_power_iterations?: number; dim?: number; eps?: number }
  weight: Values
  gradients: Record<string, Values>
  evaluated: Values[]
}
