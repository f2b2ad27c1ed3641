// Lazy modules, as scripts/reference/lazy.py has them in Python.

import { describe, expect, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../../lib/index.js'
import { expectNumbers, fixture } from '../helpers.js'

const { LazyModuleMixin } = nn.modules.lazy
const { before, after, loaded, losses, errors } = fixture('lazy.json')

const network = () =>
  new nn.Sequential(new nn.LazyLinear(4), new nn.Tanh(), new nn.LazyLinear(2, { bias: false }), new nn.LazyLinear(1))

const state = (model: nn.Module) =>
  Object.fromEntries(
    Object.entries(model.state_dict()).map(([name, value]) => [
      name,
      nn.parameter.is_lazy(value) ? null : value.tolist(),
    ]),
  )

/** The part of Python's message after the error's class. */
const message = (name: string): string => errors[name].slice(errors[name].indexOf(': ') + 2)

describe('a lazy module', () => {
  test('becomes an ordinary one at its first forward, with Python’s numbers', () => {
    torch.manual_seed(0)
    const model = network()
    const lazy = () => [...model].map((module) => module instanceof LazyModuleMixin)
    const weight = model[0].weight
    expect([String(model), String(weight), lazy()]).toEqual([before.text, before.weight, before.lazy])
    expect(String(new nn.UninitializedBuffer())).toBe(before.buffer)
    expect(state(model)).toEqual(before.state)
    const output = model(torch.ones(2, 3))
    expect([String(model), lazy()]).toEqual([after.text, after.lazy])
    const made = Object.entries(state(model))
    expect(made.map(([name]) => name)).toEqual(Object.keys(after.state))
    // Some processors draw other last bits.
    for (const [name, values] of made) {
      expectNumbers([values].flat(2) as number[], after.state[name].flat(), 2 ** -23, name)
    }
    expect([...model].map((module) => module.constructor.name)).toEqual(after.classes)
    expectNumbers(output.flatten().tolist(), after.output.flat(), 1e-6)
    expect(model[0].weight).toBe(weight)
    expect([weight instanceof nn.UninitializedParameter, weight instanceof nn.Parameter]).toEqual([false, true])
  })

  test.each(['before', 'after'])('trains with an optimizer that was made %s its first forward', (when) => {
    torch.manual_seed(3)
    const model = network()
    const x = torch.randn(5, 3)
    if (when === 'after') model(x)
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
    const seen: number[] = []
    for (let i = 0; i < 4; i++) {
      if (i % 2 === 0) optimizer.zero_grad()
      else model.zero_grad()
      const loss = model(x).square().mean()
      loss.backward()
      optimizer.step()
      seen.push(loss.item())
    }
    expectNumbers(seen, losses[when], 1e-6)
  })

  test('takes its sizes from a state that it loads, and hands a state without sizes to another lazy one', () => {
    const ones = Object.fromEntries(
      Object.entries(new nn.Linear(3, 4).state_dict()).map(([name, value]) => [name, torch.ones_like(value)]),
    )
    const module = new nn.LazyLinear(4)
    module.load_state_dict(ones)
    const text = String(module)
    module(torch.ones(1, 3))
    expect([text, String(module), module.constructor.name, module.bias?.tolist()]).toEqual(loaded)
    const other = new nn.LazyLinear(4)
    other.load_state_dict(new nn.LazyLinear(4).state_dict())
    expect(other.has_uninitialized_params()).toBe(true)
  })

  test('says what cannot be done before its first forward, as Python', () => {
    expect(() => new nn.LazyLinear(4).weight.shape).toThrow(message('shape'))
    expect(() => new nn.LazyLinear(4).share_memory()).toThrow(message('share_memory'))
    expect(() => new nn.Linear(3, 4).load_state_dict(new nn.LazyLinear(4).state_dict())).toThrow(
      message('lazy_into_full'),
    )
    const full = new nn.Linear(3, 4).state_dict()
    expect(() => new nn.LazyLinear(4, { bias: false }).load_state_dict(full)).toThrow(message('missing'))
    const narrow = new nn.LazyLinear(4)
    narrow.load_state_dict(full)
    expect(() => narrow(torch.ones(1, 5))).toThrow(message('wrong_width'))
    class Half extends LazyModuleMixin(nn.Linear) {}
    expect(() => new Half(1, 1)(torch.ones(1))).toThrow(message('initialize'))
  })

  test('of one’s own class', () => {
    class Scale extends nn.Module {
      declare scale: nn.Parameter
      forward(x: Tensor): Tensor {
        return x.mul(this.scale)
      }
    }
    class LazyScale extends LazyModuleMixin(Scale) {
      constructor() {
        super()
        this.scale = new nn.UninitializedParameter()
        this.register_buffer('mean', new nn.UninitializedBuffer())
      }
      override get cls_to_become() {
        return Scale
      }
      override initialize_parameters(x: Tensor): void {
        for (const tensor of [this.scale, this.get_buffer('mean')])
          if (nn.parameter.is_lazy(tensor)) tensor.materialize([x.size(-1)])
        torch.no_grad(() => this.scale.fill_(2))
      }
    }
    const module = new LazyScale().double()
    expect(() => module.named_buffers().map(([, buffer]) => buffer.sum())).toThrow('uninitialized')
    expect(module(torch.ones(2, { dtype: torch.float64 })).tolist()).toEqual([2, 2])
    expect([module.constructor, module.scale.dtype, module.get_buffer('mean').shape.length]).toEqual([
      Scale,
      torch.float64,
      1,
    ])
    expect(Object.keys(module.state_dict())).toEqual(['scale', 'mean'])
    class Forgetful extends LazyScale {
      override initialize_parameters(): void {}
    }
    expect(() => new Forgetful()(torch.ones(2))).toThrow('module Forgetful has not been fully initialized')
  })
})

describe('an uninitialized tensor', () => {
  test('knows its dtype, device and requires_grad, and refuses the rest', () => {
    const parameter = new nn.UninitializedParameter({ requires_grad: false, dtype: torch.float64 })
    expect([parameter.dtype, String(parameter.device), parameter.requires_grad, parameter.is_leaf]).toEqual([
      torch.float64,
      'cpu',
      false,
      true,
    ])
    parameter.requires_grad = true
    expect([parameter.requires_grad, parameter.grad, parameter.float().dtype]).toEqual([true, null, torch.float32])
    const refused: [string, () => unknown][] = [
      ['a method', () => parameter.sum()],
      ['a function', () => torch.add(1, parameter)],
      ['an index', () => parameter.index(0)],
      ['numel', () => parameter.numel()],
      ['clone', () => parameter.clone()],
      ['backward', () => torch.autograd.backward(parameter)],
    ]
    for (const [what, use] of refused) expect(use, what).toThrow('Attempted to use an uninitialized parameter')
    parameter.materialize([2, 3], { dtype: torch.float32 })
    expect([parameter.constructor, parameter.shape.equals([2, 3]), parameter.dtype, parameter.requires_grad]).toEqual([
      nn.Parameter,
      true,
      torch.float32,
      true,
    ])
  })

  test('is freed like any other', () => {
    const parameter = new nn.UninitializedParameter()
    parameter.dispose()
    expect(parameter.is_disposed).toBe(true)
    expect(() => parameter.materialize([1])).toThrow('disposed')
  })
})

test('skip_init makes a module without values, on the device of its argument', () => {
  const [before, linear] = [torch.get_rng_state(), nn.utils.skip_init(nn.Linear, 3, 4, { bias: false })]
  expect(torch.equal(torch.get_rng_state(), before)).toBe(true)
  expect(linear).toBeInstanceOf(nn.Linear)
  expect(linear.bias).toBeNull()
  expect(linear.weight.device.type).toBe('cpu')
  expect(linear.weight.shape.equals([4, 3])).toBe(true)
  expect(nn.utils.skip_init(nn.Conv2d, 1, 2, 3, { device: 'meta' }).weight.device.type).toBe('meta')
  expect(() => nn.utils.skip_init(Map as never)).toThrow('Expected a Module')
  class Own extends nn.Module {
    linear = new nn.Linear(1, 1)
  }
  expect(() => nn.utils.skip_init(Own as never)).toThrow("Module must support a 'device' arg")
})
