// Functions and buffers that native code holds: freed where only JavaScript's objects still reach what holds them, and
// never before. Each case runs in a function of its own, so that nothing of it is left on the stack.

import { expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import torch, { autograd, type Tensor } from '../../lib/index.js'

type Context = InstanceType<typeof autograd.FunctionCtx>

const leaf = () => torch.ones(3, { requires_grad: true })

/** The first collection frees graphs, whose hooks the second one finds free of them; old objects may take one more. */
function collect(): void {
  for (let i = 0; i < 3; i++) native.collect_garbage(true)
}

class Doubled extends autograd.Function {
  static override forward(ctx: Context, x: Tensor): [Tensor, Tensor] {
    const results: [Tensor, Tensor] = [x.mul(2), x.mul(3)]
    ctx.all = { inputs: [x], results }
    return results
  }
  static override backward(_ctx: Context, a: Tensor, b: Tensor): Tensor {
    return a.mul(2).add(b.mul(3))
  }
}

class Exp extends autograd.Function {
  static override forward(ctx: Context, x: Tensor): Tensor {
    ctx.y = x.exp()
    return ctx.y
  }
  static override backward(ctx: Context, grad: Tensor): Tensor {
    return grad.mul(ctx.y.detach())
  }
}

const circles: Record<string, () => unknown> = {
  'a hook that captures its tensor'() {
    const y = leaf().mul(2)
    y.register_hook((grad) => grad.mul(y))
    y.sum().backward()
  },
  'a hook that captures its tensor, without a backward'() {
    const y = leaf().mul(2)
    y.register_hook((grad) => grad.mul(y))
  },
  "a leaf's hook that captures it"() {
    const x = leaf()
    x.register_hook((grad) => grad.mul(x))
    x.mul(2).sum().backward()
  },
  'two tensors whose hooks capture each other'() {
    const [a, b] = [leaf(), leaf()]
    a.register_hook((grad) => grad.mul(b))
    b.register_hook((grad) => grad.mul(a))
  },
  'a hook that was added after another was removed'() {
    const x = leaf()
    x.register_hook((grad) => grad.mul(x)).remove()
    x.register_hook((grad) => grad.add(x))
  },
  'a hook after accumulation'() {
    const x = leaf()
    x.register_post_accumulate_grad_hook(() => {
      x.grad = null
    })
    x.mul(2).sum().backward()
  },
  'hooks on the node of the tensor that they capture'() {
    const y = leaf().exp()
    y.grad_fn?.register_hook(() => void y.shape)
    y.grad_fn?.register_prehook(() => void y.shape)
    y.sum().backward()
  },
  'a hook on the node that it captures'() {
    const node = leaf().exp().grad_fn
    node?.register_hook(() => void node.name())
  },
  'a hook that captures the module of its parameter'() {
    const layer = new torch.nn.Linear(3, 1)
    layer.weight.register_hook((grad) => grad.mul(layer.in_features))
    layer(torch.ones(2, 3)).sum().backward()
  },
  'a Function that keeps its result': () => Exp.apply(leaf()).sum().backward(),
  'a Function that keeps its result, without a backward': () => void Exp.apply(leaf()),
  'a Function that keeps its results in a list': () => Doubled.apply(leaf())[1].sum().backward(),
  'a Function that throws'() {
    const fail = () => {
      throw new Error('stop')
    }
    class Failing extends autograd.Function {
      static override forward(ctx: Context, x: Tensor): Tensor {
        ctx.y = x.mul(2)
        ctx.save_for_backward(x, ctx.y)
        return ctx.y
      }
      static override backward = fail
    }
    expect(() => Failing.apply(leaf()).sum().backward()).toThrow('stop')
  },
  'a typed array of a tensor': () => void torch.ones(1000).to_typed_array(),
  'a token that nobody reads': () => void torch.ones(1000).share(),
  'a scope whose result cannot be read'() {
    const result = () => ({
      made: torch.ones(1000),
      get more(): Tensor {
        throw new Error('stop')
      },
    })
    expect(() => torch.scope(result)).toThrow('stop')
  },
}

test.each(Object.entries(circles))('%s leaves nothing', (_, circle) => {
  circle()
  collect()
  const [tensors, bytes] = [native.live_tensors(), native.live_bytes()]
  for (let i = 0; i < 10; i++) circle()
  collect()
  expect([native.live_tensors() - tensors, native.live_bytes() - bytes]).toEqual([0, 0])
})

test.each<[string, () => Tensor]>([
  ['a tensor', () => leaf().mul(2)],
  ['a leaf', leaf],
])('a hook of %s that only a graph holds is called', (_, make) => {
  const calls: string[] = []
  const loss = (() => {
    const x = make()
    x.register_hook(() => void calls.push('hook'))
    if (x.is_leaf) x.register_post_accumulate_grad_hook(() => void calls.push('accumulated'))
    x.grad_fn?.register_hook(() => void calls.push('node'))
    x.grad_fn?.register_prehook(() => void calls.push('before'))
    return x.sum()
  })()
  collect()
  loss.backward()
  expect(calls.sort()).toEqual(make().is_leaf ? ['accumulated', 'hook'] : ['before', 'hook', 'node'])
})

test('a hook of a tensor that is only the gradient of another is called', () => {
  let called = 0
  const x = leaf()
  ;(() => {
    const gradient = leaf()
    gradient.register_hook(() => void called++)
    x.grad = gradient
  })()
  collect()
  x.grad?.mul(2).sum().backward()
  expect(called).toBe(1)
})

test('a hook of a node that only its gradients node holds is called', () => {
  let called = 0
  const y = leaf().exp()
  ;(() => {
    y.sum().grad_fn?.next_functions[0]?.[0]?.register_hook(() => void called++)
  })()
  collect()
  y.sum().backward()
  expect(called).toBe(1)
})

test('a Function whose results only a graph holds, or one of them, has its context', () => {
  const x = torch.tensor([0, 1, 2]).requires_grad_()
  const loss = (() => Exp.apply(x).sum())()
  const kept = (() => Doubled.apply(x)[1])()
  collect()
  loss.backward()
  expect(torch.allclose(x.grad as Tensor, x.exp())).toBe(true)
  x.grad = null
  kept.sum().backward()
  expect((x.grad as Tensor | null)?.tolist()).toEqual([3, 3, 3])
})

test('a hook of a tensor that was changed in place since is called', () => {
  const calls: number[] = []
  const y = leaf().mul(2)
  y.register_hook(() => void calls.push(1))
  y.add_(1)
  y.register_hook(() => void calls.push(2))
  collect()
  y.sum().backward()
  expect(calls).toEqual([2, 1])
})

test('a hook that was removed holds nothing', () => {
  const x = leaf()
  const handles = (() => {
    const big = torch.ones(1000)
    return [
      x.register_hook((grad) => grad.mul(big)),
      x.register_post_accumulate_grad_hook(() => void big),
      x.mul(2).grad_fn?.register_hook(() => void big),
    ]
  })()
  collect()
  const bytes = native.live_bytes()
  for (const handle of handles) handle?.remove()
  collect()
  expect(bytes - native.live_bytes()).toBeGreaterThanOrEqual(4000)
})

test("a typed array that is reachable has its tensor's memory, whose buffer may move on", () => {
  const before = native.live_bytes()
  const move = (buffer: ArrayBuffer) => (buffer as { transfer?: () => ArrayBuffer }).transfer?.() ?? buffer
  const arrays = Array.from({ length: 10 }, (_, i) => {
    const array = torch.full([100_000], i).to_typed_array() as Float32Array<ArrayBuffer>
    return [array, new Float32Array(move((torch.full([100_000], i).to_typed_array() as typeof array).buffer))]
  })
  collect()
  for (let i = 0; i < 10; i++) torch.zeros(100_000)
  expect(native.live_bytes() - before).toBeGreaterThanOrEqual(8_000_000)
  arrays.forEach((pair, i) => {
    for (const array of pair) expect(array?.every((value) => value === i)).toBe(true)
  })
})

test('a token that was read keeps its tensor until it is taken', () => {
  const token = (() => structuredClone(torch.ones(3).share()))()
  collect()
  expect(torch.from_shared(token).tolist()).toEqual([1, 1, 1])
  expect(() => torch.from_shared(token)).toThrow(/once/)
})
