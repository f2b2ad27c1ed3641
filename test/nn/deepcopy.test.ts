// torch.deepcopy: what is copied, what stays one, what is refused (Python's copy.deepcopy).

import { describe, expect, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../../lib/index.js'

class Net extends nn.Module {
  a = new nn.Linear(3, 3)
  b = new nn.Linear(3, 3)
  rnn = new nn.LSTM(3, 4, { num_layers: 2 })
  seq = new nn.Sequential(new nn.Linear(3, 3), new nn.BatchNorm1d(3))
  config = { sizes: [1, 2] }
  passing = new nn.Buffer(torch.ones(2), { persistent: false })

  constructor() {
    super()
    this.b.weight = this.a.weight
  }

  forward(x: Tensor): Tensor {
    const [out] = this.rnn(this.seq(this.b(this.a(x))).unsqueeze(0))
    return out
  }
}

describe('a module', () => {
  test('is copied with its parts, aliases and settings, and computes the same', () => {
    const net = new Net().eval()
    const copy = torch.deepcopy(net)
    expect(copy).toBeInstanceOf(Net)
    expect(String(copy)).toBe(String(net))
    expect(copy.training).toBe(false)
    expect(Object.keys(copy.state_dict())).toEqual(Object.keys(net.state_dict()))
    expect(copy.a.weight === copy.b.weight).toBe(true)
    expect(copy.a.weight === net.a.weight).toBe(false)
    expect(copy.passing.persistent).toBe(false)
    expect(copy.config).toEqual({ sizes: [1, 2] })
    expect(copy.config.sizes).not.toBe(net.config.sizes)
    const x = torch.randn(2, 3)
    const before = net(x)
    expect(torch.equal(copy(x), before)).toBe(true)
    torch.no_grad(() => void copy.a.weight.fill_(0))
    expect(torch.equal(net(x), before)).toBe(true)
  })

  test('that is trained goes on apart from the other; gradients are not copied, as in Python', () => {
    const net = new Net()
    net(torch.randn(2, 3)).sum().backward()
    const copy = torch.deepcopy(net)
    expect(net.a.weight.grad === null).toBe(false)
    expect(copy.parameters().every(({ grad, requires_grad }) => grad === null && requires_grad)).toBe(true)
    copy(torch.randn(2, 3)).sum().backward()
    expect(copy.a.weight.grad === null).toBe(false)
  })

  test('has its hooks in the copy', () => {
    const linear = new nn.Linear(2, 2)
    const seen: nn.Module[] = []
    linear.register_forward_hook((module) => void seen.push(module))
    linear.register_state_dict_post_hook((_module, state) => void Object.assign(state, { extra: 1 }))
    const copy = torch.deepcopy(linear)
    copy(torch.ones(1, 2))
    expect(seen[0] === copy && seen.length === 1).toBe(true)
    expect(Object.keys(copy.state_dict())).toContain('extra')
  })

  test('that is lazy or parametrized', () => {
    const lazy = torch.deepcopy(new nn.LazyLinear(3))
    expect(lazy(torch.ones(1, 4)).shape.equals([1, 3])).toBe(true)
    const normed = nn.utils.parametrizations.weight_norm(new nn.Linear(2, 2))
    const copy = torch.deepcopy(normed)
    expect(String(copy)).toBe(String(normed))
    expect(torch.equal(copy.weight, normed.weight)).toBe(true)
  })

  test('lives on when the scope in which it was copied ends', () => {
    const linear = new nn.Linear(2, 2)
    const copies: nn.Linear[] = []
    torch.scope(() => void copies.push(torch.deepcopy(linear)))
    expect(copies[0]?.(torch.ones(1, 2)).shape.equals([1, 2])).toBe(true)
  })
})

test('every optimizer follows the parameters that are copied with it', () => {
  for (const [name, Optimizer] of Object.entries(optim)) {
    if (typeof Optimizer !== 'function' || name === 'Optimizer') continue
    const Made = Optimizer as unknown as new (params: Tensor[]) => optim.Optimizer
    const model = new nn.Linear(3, 3, { bias: false })
    const optimizer = new Made(model.parameters())
    const step = (m: nn.Linear, o: optim.Optimizer) => {
      const closure = () => {
        o.zero_grad()
        const loss = m(torch.ones(2, 3)).pow(2).sum()
        loss.backward()
        return loss
      }
      if (o instanceof optim.LBFGS) {
        o.step(closure)
        return
      }
      closure()
      if (o instanceof optim.SparseAdam) m.weight.grad = (m.weight.grad as Tensor).to_sparse()
      o.step()
    }
    step(model, optimizer)
    const [other, follower] = torch.deepcopy([model, optimizer] as const)
    expect(follower.param_groups[0].params[0] === other.weight, name).toBe(true)
    const start = model.weight.detach().clone()
    step(other, follower)
    expect(torch.equal(model.weight, start), name).toBe(true)
    step(model, optimizer)
    expect(torch.equal(model.weight, other.weight), name).toBe(true)
  }
})

test('a scheduler follows the optimizer that is copied with it', () => {
  const optimizer = new optim.SGD([torch.ones(1, { requires_grad: true })], { lr: 1 })
  const scheduler = new optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
  const copy = torch.deepcopy({ optimizer, scheduler })
  expect(copy.scheduler.optimizer === copy.optimizer).toBe(true)
  copy.optimizer.step()
  copy.scheduler.step()
  expect([optimizer.param_groups[0].lr, copy.optimizer.param_groups[0].lr]).toEqual([1, 0.5])
})

describe('values', () => {
  test('tensors: data, strides, requires_grad and the gradient', () => {
    const x = torch.arange(6).view(2, 3).double().t().requires_grad_()
    x.sum().backward()
    const copy = torch.deepcopy(x)
    expect(copy.stride()).toEqual(x.stride())
    expect(copy.requires_grad && torch.equal(copy, x)).toBe(true)
    expect(copy.grad === x.grad).toBe(false)
    expect(torch.equal(copy.grad as Tensor, x.grad as Tensor)).toBe(true)
    expect(() => torch.deepcopy(x.mul(2))).toThrow('Only Tensors created explicitly by the user (graph leaves)')
  })

  test('containers and objects, also in circles; what is held twice is one', () => {
    class Point {
      constructor(readonly x: Tensor) {}
      twice(): Tensor {
        return this.x.mul(2)
      }
    }
    const x = torch.ones(1)
    const given = {
      list: [x, x],
      map: new Map([['p', new Point(x)]]),
      set: new Set([1]),
      numbers: new Float32Array([1, 2]),
    }
    const circle = Object.assign(given, { self: null as unknown })
    circle.self = circle
    const copy = torch.deepcopy(circle)
    expect(copy.self === copy).toBe(true)
    expect(copy.list[0] === copy.list[1]).toBe(true)
    expect(copy.list[0] === x).toBe(false)
    expect(copy.map.get('p')).toBeInstanceOf(Point)
    expect(copy.map.get('p')?.x === copy.list[0]).toBe(true)
    expect(copy.map.get('p')?.twice().item()).toBe(2)
    expect([...copy.set, ...copy.numbers]).toEqual([1, 1, 2])
    expect(copy.numbers.buffer).not.toBe(given.numbers.buffer)
  })

  test('a class of its own way, a memo, a generator; what never changes', () => {
    class Own {
      __deepcopy__(memo: Map<unknown, unknown>): string {
        return `copied with ${memo.size}`
      }
    }
    expect(torch.deepcopy(new Own() as unknown)).toBe('copied with 0')
    const [x, y] = [torch.ones(1), torch.zeros(1)]
    expect(torch.deepcopy([x], new Map([[x, y]]))[0] === y).toBe(true)
    const generator = new torch.Generator().manual_seed(3)
    const copy = torch.deepcopy(generator)
    expect(torch.equal(torch.rand(3, { generator }), torch.rand(3, { generator: copy }))).toBe(true)
    const constants = [torch.float32, torch.ones(1).shape, 'a', 1n, null, Math.sin]
    expect(torch.deepcopy(constants).every((value, i) => Object.is(value, constants[i]))).toBe(true)
    expect(() => torch.deepcopy(1, {} as never)).toThrow(TypeError)
  })
})
