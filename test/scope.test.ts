import { expect, test } from 'vitest'
import { native } from '../lib/core/native.js'
import torch, { nn, optim, type Tensor } from '../lib/index.js'

test('a scope frees what was made in it, but for its result', () => {
  const before = native.live_tensors()
  const bytes = native.live_bytes()
  let inner: Tensor | undefined
  const result = torch.scope(() => {
    torch.ones(1_000_000)
    inner = torch.ones(2)
    return { list: [inner.add(1)], map: new Map([['x', inner.mul(5)]]), set: new Set([inner.neg()]) }
  })
  expect(inner?.is_disposed).toBe(true)
  expect([result.list[0]?.tolist(), result.map.get('x')?.tolist(), [...result.set][0]?.tolist()]).toEqual([
    [2, 2],
    [5, 5],
    [-1, -1],
  ])
  expect(native.live_tensors()).toBe(before + 3)
  expect(native.live_bytes() - bytes).toBeLessThan(10_000)
})

test('scopes nest: a result belongs to the scope around', () => {
  let kept: Tensor | undefined
  torch.scope(() => {
    kept = torch.scope(() => torch.ones(1))
    expect(kept.item()).toBe(1)
  })
  expect(kept?.is_disposed).toBe(true)
})

test('keep takes tensors out of their scopes', () => {
  const kept: Tensor[] = []
  torch.scope(() => {
    torch.scope(() => void kept.push(torch.keep(torch.ones(1))))
  })
  expect(kept[0]?.item()).toBe(1)
})

test('a tensor that its scope freed says where, and names both cures', () => {
  let lost: Tensor | undefined
  torch.scope(() => {
    lost = torch.ones(1)
  })
  expect(() => lost?.add(1)).toThrow(
    /freed by the torch\.scope at .*scope\.test\.ts:\d+:\d+.*torch\.scope\(\(\) =>.*torch\.keep/,
  )
})

test('a scope never frees parameters, gradients or optimizer state', () => {
  const [model, optimizer] = torch.scope(() => {
    const layer = new nn.Linear(2, 1)
    return [() => layer, new optim.Adam(layer.parameters())] as const
  })
  const layer = model()
  for (let i = 0; i < 3; i++) {
    torch.scope(() => {
      optimizer.zero_grad()
      layer(torch.ones(1, 2)).sum().backward()
      optimizer.step()
    })
  }
  const grad = torch.scope(() => ({ get: () => layer.weight.grad }))
  expect(grad.get()?.tolist()).toEqual([[1, 1]])
  expect(optimizer.state_dict().state[0]?.step?.item()).toBe(3)
})

test('disposing of a tensor leaves graphs and views whole', () => {
  const x = torch.tensor([1, 2], { requires_grad: true })
  const squared = x.pow(2)
  const view = squared.view(2, 1)
  const loss = squared.sum()
  squared.dispose()
  expect(view.tolist()).toEqual([[1], [4]])
  loss.backward()
  expect(x.grad?.tolist()).toEqual([2, 4])
  squared.dispose()
})

test('an exception ends the scope, and frees', () => {
  const before = native.live_tensors()
  expect(() =>
    torch.scope(() => {
      torch.ones(1)
      throw new Error('stop')
    }),
  ).toThrow('stop')
  expect(native.live_tensors()).toBe(before)
})

test('a promise is refused', () => {
  const asynchronous = (async () => torch.ones(1)) as unknown as () => number
  expect(() => torch.scope(asynchronous)).toThrow(/synchronous code only/)
})

test('the disposable form lasts to the end of the block', () => {
  const s = torch.scope()
  const x = torch.ones(1)
  const y = torch.keep(x.add(1))
  s[Symbol.dispose]()
  expect([x.is_disposed, y.item()]).toEqual([true, 2])
})

test('a receiver that comes back keeps its owner', () => {
  const x = torch.ones(2)
  const same = torch.scope(() => x.contiguous())
  expect(same).toBe(x)
  torch.scope(() => void x.add_(1))
  expect(x.tolist()).toEqual([2, 2])
})
