import { describe, expect, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../../lib/index.js'
import { expectNumbers, expectTensor, FEW_ULPS, filled, fixture, PRECISIONS, type Values } from '../helpers.js'

interface Result {
  params: Values[]
  state: Record<string, Record<string, Values>>
  param_groups: Record<string, unknown>[]
  text: string
}

type Case = { optimizer: 'SGD' | 'Adam' | 'AdamW'; options: Record<string, unknown> } & Record<string, Result>

interface SparseCase {
  options: optim.SGDOptions
  params: Values[]
  buffer: Values | null
}

const { cases, sparse } = fixture<{ cases: Record<string, Case>; sparse: SparseCase[] }>('optimizers.json')

/** What scripts/reference/basics.py's optimize does. */
function optimize(name: 'SGD' | 'Adam' | 'AdamW', options: object, dtype: torch.DType) {
  torch.manual_seed(5)
  const a = torch.randn(3, 4).to(dtype).requires_grad_()
  const b = torch.randn(4, 2).to(dtype).t().detach().requires_grad_()
  const c = torch.randn(2).to(dtype).requires_grad_()
  const optimizer = new optim[name]([a, b, c], options)
  for (let step = 0; step < 6; step++) {
    optimizer.zero_grad()
    let loss = a.sin().matmul(b.t().exp()).pow(2).sum().mul(0.1)
    if (step >= 2) loss = loss.add(c.sub(1).pow(2).sum())
    loss.backward()
    optimizer.step()
  }
  return { params: [a, b, c], optimizer }
}

describe.each(Object.entries(filled(cases)))('%s', (_, { optimizer: name, options, ...results }) => {
  test.each(PRECISIONS)('equals PyTorch in %s', (precision, dtype, tolerance) => {
    const expected = results[precision] as Result
    const { params, optimizer } = optimize(name, options, dtype)
    expect(params.length).toBe(expected.params.length)
    params.forEach((param, i) => {
      expectTensor(param, expected.params[i] as Values, tolerance, `parameter ${i}`)
    })
    const { state, param_groups } = optimizer.state_dict()
    expect(Object.keys(state)).toEqual(Object.keys(expected.state))
    for (const [number, entry] of Object.entries(expected.state)) {
      const actual = state[Number(number)] as Record<string, Tensor>
      expect(Object.keys(actual).sort()).toEqual(Object.keys(entry).sort())
      for (const [key, values] of Object.entries(entry)) {
        expectTensor(actual[key] as Tensor, values, tolerance, `${key} of ${number}`)
      }
    }
    expect(param_groups).toEqual(expected.param_groups)
    expect(optimizer.toString()).toBe(expected.text)
  })
})

test.each(filled(sparse) as SparseCase[])('SGD takes sparse gradients: $options', ({ options, params, buffer }) => {
  torch.manual_seed(0)
  const embedding = new nn.Embedding(4, 2, { sparse: true })
  const linear = new nn.Linear(2, 1)
  const all = [...embedding.parameters(), ...linear.parameters()]
  const optimizer = new optim.SGD(all, options)
  for (let i = 0; i < 3; i++) {
    optimizer.zero_grad()
    linear(embedding(torch.LongTensor([1, 1, 3])))
      .sum()
      .backward()
    expect(embedding.weight.grad?.is_sparse).toBe(true)
    optimizer.step()
  }
  params.forEach((expected, i) => {
    expectTensor(all[i] as Tensor, expected, FEW_ULPS, `parameter ${i}`)
  })
  const own = optimizer.state_dict().state[0]?.momentum_buffer
  expect(own === undefined).toBe(buffer === null)
  if (own && buffer) expectTensor(own.to_dense(), buffer, FEW_ULPS, 'momentum_buffer')
  const copy = new optim.SGD(all, options)
  copy.load_state_dict(optimizer.state_dict())
  expect(Object.keys(copy.state_dict().state)).toEqual(Object.keys(optimizer.state_dict().state))
})

test('Adam and weight decay refuse sparse gradients, as Python does', () => {
  const embedding = new nn.Embedding(4, 2, { sparse: true })
  embedding(torch.LongTensor([1]))
    .sum()
    .backward()
  expect(() => new optim.Adam(embedding.parameters()).step()).toThrow('does not support sparse gradients')
  const decaying = new optim.SGD(embedding.parameters(), { lr: 0.1, weight_decay: 0.1 })
  expect(() => decaying.step()).toThrow('add(sparse, dense) is not supported')
})

test('a loaded state continues like the original', () => {
  const { params, optimizer } = optimize('Adam', { lr: 0.05, amsgrad: true }, torch.float64)
  const copies = params.map((param) => param.detach().clone().requires_grad_())
  const loaded = new optim.Adam(copies)
  loaded.load_state_dict(optimizer.state_dict())
  for (const list of [params, copies]) {
    for (const param of list) param.grad = torch.ones_like(param)
  }
  optimizer.step()
  loaded.step()
  params.forEach((param, i) => {
    expect((copies[i] as Tensor).tolist()).toEqual(param.tolist())
  })
})

test('groups have settings of their own', () => {
  const a = torch.zeros(1, { requires_grad: true })
  const b = torch.zeros(1, { requires_grad: true })
  const optimizer = new optim.SGD([{ params: [a] }, { params: b, lr: 10 }], { lr: 1 })
  a.add(b).backward()
  optimizer.step()
  expect([a.item(), b.item()]).toEqual([-1, -10])
  optimizer.add_param_group({ params: [torch.zeros(1, { requires_grad: true })] })
  expect(optimizer.param_groups.map((group) => group.lr)).toEqual([1, 10, 1])
})

test('a step counts as a change: an older graph that needs the former value says so', () => {
  for (const make of [optim.SGD, optim.Adam]) {
    const w = torch.ones(3, { requires_grad: true })
    const loss = w.mul(w).sum()
    w.grad = torch.ones(3)
    new make([w], 0.1).step()
    expect(() => loss.backward(), make.name).toThrow(/modified by an inplace operation/)
  }
})

test('a parameter without gradient is left alone', () => {
  const w = torch.ones(2, { requires_grad: true })
  const optimizer = new optim.Adam([w], 0.1)
  optimizer.step()
  expect(w.tolist()).toEqual([1, 1])
  expect(optimizer.state_dict().state).toEqual({})
})

test('closures are called and their result returned', () => {
  const w = torch.ones(1, { requires_grad: true })
  const optimizer = new optim.SGD([w], 0.5)
  const loss = optimizer.step(() => {
    optimizer.zero_grad()
    const value = w.mul(2).sum()
    value.backward()
    return value.item()
  })
  expect([loss, w.item()]).toEqual([2, 0])
})

test('complex parameters are optimized as pairs of real ones', () => {
  for (const make of [optim.SGD, optim.Adam]) {
    const w = torch.tensor([{ re: 1, im: -1 }]).requires_grad_()
    const pair = torch.tensor([1, -1]).requires_grad_()
    w.abs().pow(2).sum().backward()
    pair.pow(2).sum().backward()
    new make([w], 0.1).step()
    new make([pair], 0.1).step()
    const parts = torch.view_as_real(w.detach()).flatten()
    expectNumbers(parts.tolist() as number[], pair.tolist() as number[], 1e-6)
  }
})

const leaf = () => torch.ones(2, { requires_grad: true })
test.each([
  ['no parameters', () => new optim.SGD([]), /empty parameter list/],
  ['a tensor instead of a list', () => new optim.SGD(leaf() as never), /iterable of Tensors/],
  ['something else than tensors', () => new optim.SGD([1] as never), /must be an object|only optimize Tensors/],
  ['a negative learning rate', () => new optim.SGD([leaf()], -1), /Invalid learning rate: -1/],
  ['a learning rate that is no number', () => new optim.Adam([leaf()], Number.NaN), /Invalid learning rate: NaN/],
  ['a wrong beta', () => new optim.Adam([leaf()], { betas: [0.9, 1] }), /Invalid beta parameter at index 1: 1/],
  ['nesterov without momentum', () => new optim.SGD([leaf()], { nesterov: true }), /Nesterov/],
  ['an unknown option', () => new optim.SGD([leaf()], { momentun: 0.9 } as never), /did you mean 'momentum'\?/],
  ['a single beta', () => new optim.Adam([leaf()], { betas: [0.9] as number[] }), /betas/],
  ['a tensor that was computed', () => new optim.SGD([leaf().mul(2)]), /non-leaf/],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message)
})

test('refuses a state that does not fit, and changes nothing', () => {
  const [small, large] = [leaf(), torch.ones(3, { requires_grad: true })]
  const source = new optim.SGD([large], { lr: 0.5, momentum: 0.9 })
  large.sum().backward()
  source.step()
  const target = new optim.SGD([small], { lr: 0.1, momentum: 0.9 })
  expect(() => target.load_state_dict(source.state_dict())).toThrow(/momentum_buffer.*\[3\].*\[2\]/)
  expect(() => target.load_state_dict({ state: {}, param_groups: [] })).toThrow(/number of parameter groups/)
  expect(target.param_groups[0]?.lr).toBe(0.1)
})

test.each(['SGD', 'Adam', 'AdamW'] as const)('%s takes a tensor as its learning rate, and follows it', (name) => {
  const train = (lr: number | Tensor, change: (optimizer: optim.SGD | optim.Adam) => void) => {
    torch.manual_seed(2)
    const params = [torch.randn(3, 4).requires_grad_(), torch.randn(4, 2).t().requires_grad_(false)]
    const [a] = params as [Tensor, Tensor]
    const complex = torch.randn(2, { dtype: torch.complex64 }).requires_grad_()
    const optimizer = new optim[name]([a, complex], lr, { weight_decay: 0.1 })
    for (let step = 0; step < 6; step++) {
      if (step === 3) change(optimizer)
      optimizer.zero_grad()
      a.sin().sum().add(complex.abs().pow(2).sum()).backward()
      optimizer.step()
    }
    return [a, complex]
  }
  const lr = torch.tensor(0.1, { dtype: torch.float64 })
  const followed = train(lr, () => lr.fill_(0.01))
  const expected = train(0.1, (optimizer) => {
    for (const group of optimizer.param_groups) group.lr = 0.01
  })
  followed.forEach((param, i) => {
    expect(
      param
        .sub(expected[i] as Tensor)
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-7)
  })
  expect(() => new optim[name]([torch.ones(1)], torch.ones(2))).toThrow('Tensor lr must be 1-element')
})

describe('parameter groups', () => {
  const leaf = () => torch.ones(2, { requires_grad: true })

  test('keep fields that are no settings, and take them over with a state', () => {
    const optimizer = new optim.SGD([{ params: [leaf()], name: 'x', foo: 3 }], { lr: 0.1 })
    expect(optimizer.toString()).toContain('    foo: 3\n    foreach: None\n')
    expect(optimizer.state_dict().param_groups[0]).toMatchObject({ name: 'x', foo: 3, lr: 0.1, params: [0] })
    const other = new optim.SGD([{ params: [leaf()], name: 'y', z: 5 }], { lr: 0.3 })
    other.load_state_dict(optimizer.state_dict())
    expect(other.state_dict().param_groups).toEqual(optimizer.state_dict().param_groups)
  })

  test('keep the names of parameters', () => {
    const optimizer = new optim.SGD([['w', leaf()]], { lr: 0.1 })
    expect(optimizer.param_groups[0].param_names).toEqual(['w'])
    expect(() => optimizer.add_param_group({ params: [leaf()] })).toThrow('should be with/without names')
    const mixed = [['w', leaf()], leaf()] as unknown as Tensor[]
    expect(() => new optim.SGD(mixed, { lr: 0.1 })).toThrow('Some param names are missing')
    optimizer.add_param_group({ params: [['b', leaf()]] })
    expect(optimizer.param_groups[1]?.param_names).toEqual(['b'])
  })

  test('that hold a parameter twice update it twice, with a warning', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const [twice, after] = [leaf(), leaf()]
    const optimizer = new optim.Adam([twice, twice], { lr: 0.1 })
    const other = new optim.Adam([after], { lr: 0.1 })
    twice.grad = torch.tensor([1, 2])
    after.grad = torch.tensor([1, 2])
    optimizer.step()
    other.step()
    other.step()
    expect(twice.tolist()).toEqual(after.tolist())
    expect(optimizer.state_dict().param_groups[0]?.params).toEqual([0, 0])
    expect(Object.keys(optimizer.state_dict().state)).toEqual(['0'])
    expect((await warned).message).toContain('duplicate parameters')
    const groups = [{ params: [twice] }, { params: [twice] }]
    expect(() => new optim.Adam(groups)).toThrow('more than one parameter group')
  })
})

test('an optimizer of one’s own is written as in Python', () => {
  class Descent extends optim.Optimizer {
    constructor(params: Iterable<Tensor>, lr = 1) {
      super(params, { lr })
    }
    override step(): void {
      for (const group of this.param_groups)
        for (const p of group.params) if (p.grad !== null) p.data.add_(p.grad, { alpha: -group.lr })
    }
  }
  const a = torch.ones(2, { requires_grad: true })
  const optimizer = new Descent([a])
  a.sum().backward()
  optimizer.param_groups[0].lr *= 0.5
  optimizer.step()
  expect(a.tolist()).toEqual([0.5, 0.5])
  expect(optimizer.toString()).toBe('Descent (\nParameter Group 0\n    lr: 0.5\n)')
})
