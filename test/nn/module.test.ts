import { describe, expect, expectTypeOf, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'

class Net extends nn.Module {
  readonly hidden: nn.Linear
  override readonly name = 'a field that functions have too'
  override readonly length = 3
  scale: nn.Parameter
  readonly out: nn.Sequential
  #secret = new nn.Linear(9, 9)

  constructor() {
    super()
    this.hidden = new nn.Linear(3, 4)
    this.scale = new nn.Parameter(torch.ones(1))
    this.out = new nn.Sequential(new nn.Tanh(), new nn.Linear(4, 2, { bias: false }))
    this.register_buffer('steps', torch.zeros(1))
    this.register_buffer('cache', torch.zeros(1), { persistent: false })
  }

  forward(x: Tensor, twice = false): Tensor {
    const y: Tensor = this.out(this.hidden(x).mul(this.scale))
    return twice ? y.mul(2) : y
  }

  get secret(): nn.Linear {
    return this.#secret
  }
}

const NAMES = ['scale', 'hidden.weight', 'hidden.bias', 'out.1.weight']

describe('a module', () => {
  test('is called, with the types of its forward', () => {
    const net = new Net()
    const y = net(torch.ones(5, 3))
    expectTypeOf(net).parameter(0).toEqualTypeOf<Tensor>()
    expectTypeOf(y).toEqualTypeOf<Tensor>()
    expect(y.shape.equals([5, 2])).toBe(true)
    expect(net(torch.ones(1, 3), true).tolist()).toEqual(net.forward(torch.ones(1, 3)).mul(2).tolist())
    const states = new nn.LSTM(3, 2)(torch.ones(4, 1, 3))
    expectTypeOf(states).toExtend<[output: Tensor, state: [h_n: Tensor, c_n: Tensor]]>()
  })

  test('is an instance of its class, with fields of any name', () => {
    const net = new Net()
    expect([net instanceof Net, net instanceof nn.Module, typeof net]).toEqual([true, true, 'function'])
    expect([net.name, net.length]).toEqual(['a field that functions have too', 3])
    expect(net.secret).toBeInstanceOf(nn.Linear)
    expect('bind' in net).toBe(false)
  })

  test('finds its parts in its own fields, in their order; #private ones are hidden', () => {
    const net = new Net()
    expect(net.named_parameters().map(([name]) => name)).toEqual(NAMES)
    expect(net.parameters().every((p) => p instanceof nn.Parameter && p.requires_grad && p.is_leaf)).toBe(true)
    expect(net.named_buffers().map(([name]) => name)).toEqual(['steps', 'cache'])
    expect(net.named_children().map(([name]) => name)).toEqual(['hidden', 'out'])
    expect(net.named_modules().map(([name]) => name)).toEqual(['', 'hidden', 'out', 'out.0', 'out.1'])
    expect(net.get_submodule('out.1')).toBe(net.out.at(1))
    expect(net.get_parameter('hidden.bias')).toBe(net.hidden.bias)
    expect(() => net.get_submodule('nothing')).toThrow('Net has no attribute `nothing`')
  })

  test('counts shared parts once, and names them all in its state', () => {
    class Tied extends nn.Module {
      a = new nn.Linear(2, 2)
      b = this.a
    }
    const tied = new Tied()
    expect(tied.parameters()).toHaveLength(2)
    class TiedWeights extends nn.Module {
      encoder = new nn.Linear(2, 2, { bias: false })
      decoder = new nn.Linear(2, 2, { bias: false })
    }
    const weights = new TiedWeights()
    weights.decoder.weight = weights.encoder.weight
    expect(weights.named_parameters().map(([name]) => name)).toEqual(['encoder.weight'])
    expect(Object.keys(weights.state_dict())).toEqual(['encoder.weight', 'decoder.weight'])
  })

  test('refuses parts in plain containers', () => {
    for (const hidden of [
      [new nn.Linear(1, 1)],
      { a: new nn.Linear(1, 1) },
      new Map([['a', new nn.Parameter(torch.ones(1))]]),
    ]) {
      class Bad extends nn.Module {
        parts = hidden
      }
      expect(() => new Bad().parameters()).toThrow(/plain container.*nn\.(Module|Parameter)List/)
    }
  })

  test('without a forward says so', () => {
    class Empty extends nn.Module {}
    expect(() => new Empty()(1)).toThrow(/Module \[Empty\] is missing the required "forward"/)
  })

  test('calls hooks before and after forward', () => {
    const layer = new nn.Identity()
    const before = layer.register_forward_pre_hook((_, [x]) => [(x as Tensor).add(1)])
    const after = layer.register_forward_hook((_, __, y) => (y as Tensor).mul(10))
    expect(layer(torch.ones(1)).item()).toBe(20)
    before.remove()
    after.remove()
    expect(layer(torch.ones(1)).item()).toBe(1)
  })

  test('switches modes, freezes, applies, clears gradients', () => {
    const net = new Net()
    expect(
      net
        .eval()
        .modules()
        .map((module) => module.training),
    ).toEqual([false, false, false, false, false])
    expect(net.train().training).toBe(true)
    net(torch.ones(1, 3)).sum().backward()
    net.zero_grad({ set_to_none: false })
    expect(net.scale.grad?.item()).toBe(0)
    net.zero_grad()
    expect(net.scale.grad).toBeNull()
    expect(
      net
        .requires_grad_(false)
        .parameters()
        .some((p) => p.requires_grad),
    ).toBe(false)
    const seen: string[] = []
    net.apply((module) => seen.push(module.constructor.name))
    expect(seen).toEqual(['Linear', 'Tanh', 'Linear', 'Sequential', 'Net'])
  })

  test('moves to another dtype in place, with its gradients', () => {
    const net = new Net()
    const weight = net.hidden.weight
    net(torch.ones(1, 3)).sum().backward()
    net.double()
    expect(net.hidden.weight).toBe(weight)
    expect([weight.dtype, weight.grad?.dtype, weight.requires_grad]).toEqual([torch.float64, torch.float64, true])
    expect(net(torch.ones(1, 3, { dtype: torch.float64 })).dtype).toBe(torch.float64)
    expect(() => net.to(torch.int64)).toThrow(/floating point/)
    expect(() => net.to({ device: 'cpu', dtyp: torch.float32 } as never)).toThrow(/did you mean 'dtype'/)
  })
})

describe('the state of a module', () => {
  test('holds parameters and persistent buffers by path', () => {
    const net = new Net()
    const state = net.state_dict()
    expect(Object.keys(state)).toEqual(['scale', 'steps', 'hidden.weight', 'hidden.bias', 'out.1.weight'])
    expect(Object.getPrototypeOf(state)).toBeNull()
    expect([state.scale?.requires_grad, '_metadata' in state]).toEqual([false, true])
    state.scale?.fill_(7)
    expect(net.scale.item()).toBe(7)
  })

  test('is copied from one module to another', () => {
    const [a, b] = [new Net(), new Net()]
    expect(String(b.load_state_dict(a.state_dict()))).toBe('<All keys matched successfully>')
    expect(b.hidden.weight.tolist()).toEqual(a.hidden.weight.tolist())
    a.hidden.weight.data.fill_(0)
    expect(b.hidden.weight.tolist()).not.toEqual(a.hidden.weight.tolist())
  })

  test('that does not fit is refused with Python’s words, and nothing changes', () => {
    const net = new Net()
    const before = net.hidden.bias?.tolist()
    const { scale, ...rest } = net.state_dict()
    const wrong = { ...rest, extra: torch.ones(1), 'hidden.weight': torch.ones(1, 1), 'hidden.bias': torch.ones(4) }
    expect(() => net.load_state_dict(wrong)).toThrow(
      /Error\(s\) in loading state_dict for Net:.*Missing key\(s\) in state_dict: "scale".*Unexpected key\(s\) in state_dict: "extra".*size mismatch for hidden\.weight: copying a param with shape torch\.Size\(\[1, 1\]\) from checkpoint, the shape in current model is torch\.Size\(\[4, 3\]\)/s,
    )
    expect(net.hidden.bias?.tolist()).toEqual(before)
    const result = net.load_state_dict({ ...rest, extra: torch.ones(1) }, { strict: false })
    expect([result.missing_keys, result.unexpected_keys]).toEqual([['scale'], ['extra']])
    expect(() => net.load_state_dict({ ...net.state_dict(), scale: 1 as never })).toThrow(
      'While copying the parameter named "scale", expected torch.Tensor',
    )
  })
})

describe('containers', () => {
  test('hold modules and parameters', () => {
    const list = new nn.ModuleList([new nn.Linear(1, 2), new nn.Tanh()])
    list.append(new nn.Linear(2, 1))
    expect([list.length, list.at(-1) instanceof nn.Linear, [...list].length]).toEqual([3, true, 3])
    expect(list.named_parameters().map(([name]) => name)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias'])
    const dict = new nn.ModuleDict({ a: new nn.Linear(1, 1), b: new nn.Tanh() })
    expect([dict.a.in_features, dict.keys()]).toEqual([1, ['a', 'b']])
    expect(() => new nn.ModuleDict({ forward: new nn.Tanh() })).toThrow(/'forward'/)
    const parameters = new nn.ParameterList([torch.ones(2), torch.ones(1)])
    expect([parameters.length, parameters.at(0).requires_grad]).toEqual([2, true])
    expect(() => new nn.Sequential(5 as never)).toThrow(/not a Module/)
  })

  test('a Sequential runs its modules in a row', () => {
    const net = new nn.Sequential({ first: new nn.Linear(2, 3), second: new nn.ReLU() })
    expect(net(torch.ones(4, 2)).shape.equals([4, 3])).toBe(true)
    expect(net.named_children().map(([name]) => name)).toEqual(['first', 'second'])
  })
})

describe('a part that is at several places of a container', () => {
  const layer = new nn.Linear(2, 2)
  const relu = new nn.ReLU()

  test('runs at each of them', () => {
    const net = new nn.Sequential(layer, relu, layer, relu)
    const x = torch.tensor([[1, -2]])
    expect(net.length).toBe(4)
    expect([...net]).toEqual([layer, relu, layer, relu])
    expect(net.at(-2)).toBe(layer)
    expect(net(x).tolist()).toEqual(relu(layer(relu(layer(x)))).tolist())
    expect(new nn.Sequential(layer, layer)(x).tolist()).toEqual(layer(layer(x)).tolist())
    expect(net.append(layer).length).toBe(5)
    expect(net.at(4)).toBe(layer)
  })

  // As in Python: named_children and parameters have each once, state_dict has each name.
  test('is found once, and saved under each name', () => {
    const net = new nn.Sequential(layer, relu, layer, relu)
    expect(net.named_children().map(([name]) => name)).toEqual(['0', '1'])
    expect(net.named_parameters().map(([name]) => name)).toEqual(['0.weight', '0.bias'])
    expect(Object.keys(net.state_dict())).toEqual(['0.weight', '0.bias', '2.weight', '2.bias'])
    expect(new nn.ModuleDict({ a: layer, b: layer }).keys()).toEqual(['a', 'b'])
  })

  test('counts as often in a ParameterList', () => {
    const [p, q] = [new nn.Parameter(torch.ones(1)), new nn.Parameter(torch.zeros(1))]
    const list = new nn.ParameterList([p, p, q])
    expect(list.length).toBe(3)
    expect([...list].map(({ id }) => id)).toEqual([p.id, p.id, q.id])
    expect(list.parameters().map(({ id }) => id)).toEqual([p.id, q.id])
    expect(list.append(p).at(3)).toBe(p)
  })
})

test('a plain tensor is no part, and no Parameter', () => {
  class WithTensor extends nn.Module {
    mask = torch.ones(2)
  }
  expect(Object.keys(new WithTensor().state_dict())).toEqual([])
  const net = new Net()
  // @ts-expect-error a Parameter field takes no plain tensor
  net.scale = torch.ones(1)
  expect(net.named_parameters().map(([name]) => name)).not.toContain('scale')
})

describe('assigning to a part’s name', () => {
  /** As JavaScript assigns: the types refuse most of it. */
  const assign = (module: nn.Module, name: string, value: unknown) => {
    ;(module as unknown as Record<string, unknown>)[name] = value
  }

  test('a tensor that takes the place of a buffer is the buffer', () => {
    const m = new nn.Module()
    m.register_buffer('h', torch.zeros(2))
    m.register_buffer('passing', torch.zeros(2), { persistent: false })
    const ones = torch.ones(2)
    torch.scope(() => {
      assign(m, 'h', ones)
      assign(m, 'passing', torch.full([2], 3))
    })
    expect((m as unknown as { h: Tensor }).h === ones).toBe(true)
    expect(Object.keys(m.state_dict())).toEqual(['h'])
    expect(m.named_buffers().map(([name, buffer]) => [name, buffer.tolist()])).toEqual([
      ['h', [1, 1]],
      ['passing', [3, 3]],
    ])
    m.double()
    expect(m.get_buffer('passing').dtype).toBe(torch.float64)
    assign(m, 'h', null)
    expect(m.buffers().length).toBe(1)
    assign(m, 'h', ones)
    expect(m.buffers().length).toBe(2)
  })

  // Python's own answers: an assignment to the name of a part, and whether it is a TypeError.
  const tensor = (): Tensor => torch.ones(2)
  const parameter = (): nn.Parameter => new nn.Parameter(torch.ones(2))
  const cases: [name: string, value: () => unknown, refused: boolean][] = [
    ['weight', tensor, true],
    ['weight', () => 5, true],
    ['weight', () => new nn.ReLU(), true],
    ['weight', parameter, false],
    ['weight', () => null, false],
    ['bias', tensor, true],
    ['buffer', () => 5, true],
    ['buffer', tensor, false],
    ['buffer', parameter, false],
    ['buffer', () => new nn.ReLU(), false],
    ['child', tensor, true],
    ['child', () => 5, true],
    ['child', parameter, false],
    ['child', () => null, false],
  ]
  test.each(cases)('%s = %o', (name, value, refused) => {
    const m = new nn.Linear(2, 2, { bias: false })
    m.register_buffer('buffer', torch.ones(2))
    m.add_module('child', new nn.ReLU())
    const before = m.state_dict()
    const now = value()
    if (!refused) {
      assign(m, name, now)
      expect((m as unknown as Record<string, unknown>)[name] === now).toBe(true)
    } else {
      expect(() => assign(m, name, now)).toThrow(TypeError)
      expect(() => assign(m, name, now)).toThrow(`'${name}' (nn.`)
      expect(Object.keys(m.state_dict())).toEqual(Object.keys(before))
    }
  })

  test('a name that is taken cannot be registered, as something else or at all', () => {
    const m = new nn.Linear(2, 2)
    expect(() => m.register_buffer('weight', torch.ones(1))).toThrow("attribute 'weight' already exists")
    expect(() => m.register_parameter('in_features', new nn.Parameter(torch.ones(1)))).toThrow('already exists')
    expect(() => m.add_module('forward', new nn.ReLU())).toThrow("attribute 'forward' already exists")
    expect(() => m.register_buffer('b', 5 as unknown as Tensor)).toThrow("'tensor' (position 2) must be Tensor or null")
    expect(() => m.register_parameter('b', torch.ones(1) as nn.Parameter)).toThrow("to parameter 'b': it must be")
    expect(() => m.register_parameter('a.b', null)).toThrow('cannot name a part')
  })

  test('what a field holds when the parts are first asked for is checked from then on', () => {
    class Late extends nn.Module {
      inner: nn.Linear | undefined
      scale = new nn.Parameter(torch.ones(1))
      forward(x: Tensor): Tensor {
        return x
      }
    }
    const m = new Late()
    m.inner = new nn.Linear(1, 1)
    m(torch.ones(1))
    expect(() => assign(m, 'scale', torch.ones(1))).toThrow(TypeError)
    expect(() => assign(m, 'inner', 5)).toThrow("cannot assign 'whole number' as child module 'inner'")
    expect(Object.keys(m.state_dict())).toEqual(['scale', 'inner.weight', 'inner.bias'])
  })

  test('a field that a subclass declares keeps what the base’s constructor put there', () => {
    class Base extends nn.Module {
      constructor() {
        super()
        this.build()
      }
      build(): void {}
    }
    class Net extends Base {
      linear!: nn.Linear
      scale!: nn.Parameter
      override build(): void {
        this.linear = new nn.Linear(2, 1)
        this.scale = new nn.Parameter(torch.ones(1))
      }
      forward(x: Tensor): Tensor {
        return this.linear(x).mul(this.scale)
      }
    }
    expect(new Net()(torch.ones(3, 2)).shape.equals([3, 1])).toBe(true)
    expect(new Net().parameters().length).toBe(3)
    class Reset extends Net {
      override linear: nn.Linear = null as unknown as nn.Linear
    }
    class Replaced extends Net {
      override scale = torch.ones(1) as nn.Parameter
    }
    expect(new Reset().linear).toBe(null)
    expect(() => new Replaced().parameters()).toThrow("write the field with 'declare'")
  })

  test('a part that is deleted is gone, and its name free', () => {
    const m = new nn.Linear(1, 1) as nn.Linear & { weight?: unknown }
    delete (m as { weight?: unknown }).weight
    expect(Object.keys(m.state_dict())).toEqual(['bias'])
    m.register_buffer('weight', torch.ones(1, 1))
    expect(m.parameters().length).toBe(1)
    expect(m.buffers().length).toBe(1)
  })
})
