// Hooks on nodes and leaves, the graph's nodes, anomalies and checkpoints.

import v8 from 'node:v8'
import vm from 'node:vm'
import { describe, expect, test } from 'vitest'
import torch, { autograd, nn, type Tensor } from '../../lib/index.js'
import { expectTensor, fixture } from '../helpers.js'

const reference = fixture('autograd.json')
const leaf = (...data: number[]) => torch.tensor(data, { dtype: torch.float64, requires_grad: true })
const { checkpoint, checkpoint_sequential } = torch.utils.checkpoint

test('hooks on tensors, nodes and accumulated gradients run in Python’s order', () => {
  const log: unknown[] = []
  const x = leaf(1, 2)
  const y = x.mul(3)
  const z = y.sin()
  x.register_hook((grad) => void log.push(['tensor', grad.tolist()]))
  x.register_post_accumulate_grad_hook((t) => void log.push(['accumulated', t.grad?.tolist()]))
  z.grad_fn?.register_prehook(([grad]) => (grad as Tensor).mul(2))
  y.grad_fn?.register_hook(([input], [output]) => void log.push(['node', input?.tolist(), output?.tolist()]))
  z.sum().backward()
  expect(JSON.stringify(rounded(log))).toBe(JSON.stringify(rounded(reference.hooks.log)))
  expectTensor(x.grad as Tensor, reference.hooks.grad, 1e-12)
  const [next] = z.grad_fn?.next_functions ?? []
  expect([next?.[0]?.name(), next?.[1]]).toEqual(reference.hooks.next)
  const accumulator = y.grad_fn?.next_functions[0]?.[0]
  expect(accumulator?.name()).toBe(reference.accumulator.name)
  expect(torch.equal(accumulator?.variable as Tensor, x)).toBe(true)
  expect(z.grad_fn?.variable).toBeNull()
})

const rounded = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(rounded) : typeof value === 'number' ? value.toPrecision(12) : value

test('a removed hook is not called', () => {
  let calls = 0
  const x = leaf(1)
  const y = x.mul(2)
  const handles = [
    x.register_post_accumulate_grad_hook(() => void calls++),
    y.grad_fn?.register_hook(() => void calls++),
    y.grad_fn?.register_prehook(() => void calls++),
  ]
  y.backward(null, { retain_graph: true })
  expect(calls).toBe(3)
  for (const handle of handles) handle?.remove()
  y.backward()
  expect(calls).toBe(3)
})

test('hooks are refused where there is no gradient, and on results', () => {
  expect(() => torch.ones(1).register_post_accumulate_grad_hook(() => {})).toThrow(/doesn't require gradient/)
  expect(() =>
    leaf(1)
      .mul(2)
      .register_post_accumulate_grad_hook(() => {}),
  ).toThrow(/non-leaf/)
  const y = leaf(1).mul(2)
  y.grad_fn?.register_hook(() => [null, null, null])
  expect(() => y.backward()).toThrow(/incorrect number of values/)
})

describe('detect_anomaly', () => {
  function forwardThatGivesNan(x: Tensor): Tensor {
    return x.sqrt().mul(2)
  }

  test('shows the line of the forward call', () => {
    const x = leaf(-1, 4)
    const run = () => autograd.detect_anomaly(() => forwardThatGivesNan(x).sum().backward())
    expect(run).toThrow(/Function 'SqrtBackward0' returned nan values in its 0th output/)
    expect(run).toThrow(/forwardThatGivesNan .*graph\.test\.ts/)
    expect(autograd.is_anomaly_enabled()).toBe(false)
  })

  test('reaches the nodes inside an operator that makes several', () => {
    const logits = torch.tensor([[Number.NaN, 1]], { requires_grad: true })
    const run = () => {
      using _ = autograd.detect_anomaly()
      nn.functional.cross_entropy(logits, torch.tensor([0n])).backward()
    }
    expect(run).toThrow(/Function 'LogSoftmaxBackward0' returned nan/)
  })

  test('is silent where all is well, and when it is off', () => {
    const x = leaf(-1, 4)
    expect(() => forwardThatGivesNan(x).sum().backward()).not.toThrow()
    autograd.set_detect_anomaly(true)
    expect(autograd.is_anomaly_enabled()).toBe(true)
    expect(() => x.mul(2).exp().sum().backward()).not.toThrow()
    autograd.set_detect_anomaly(true, { check_nan: false })
    expect(() => forwardThatGivesNan(x).sum().backward()).not.toThrow()
    autograd.set_detect_anomaly(false)
  })
})

describe('checkpoint', () => {
  function model(): { layers: nn.Sequential; data: Tensor } {
    torch.manual_seed(0)
    const layers = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Dropout(0.5), new nn.Linear(8, 2))
    return { layers, data: torch.randn(3, 4, { requires_grad: true }) }
  }

  const expectGradients = (layers: nn.Sequential, data: Tensor, expected: typeof reference.checkpoint) => {
    expectTensor(data.grad as Tensor, expected.data, 1e-6)
    expect(layers.parameters()).toHaveLength(expected.parameters.length)
    layers.parameters().forEach((parameter, i) => {
      expectTensor(parameter.grad as Tensor, expected.parameters[i], 1e-6)
    })
  }

  test('gives the same gradients, through dropout too', () => {
    const { layers, data } = model()
    torch.manual_seed(1)
    const y = checkpoint((x: Tensor) => layers(x), data, { use_reentrant: false })
    y.pow(2).sum().backward()
    expectTensor(y, reference.checkpoint.y, 1e-6)
    expectGradients(layers, data, reference.checkpoint)
  })

  test('in parts', () => {
    const { layers, data } = model()
    torch.manual_seed(2)
    checkpoint_sequential([...layers] as never, 2, data)
      .pow(2)
      .sum()
      .backward()
    expectGradients(layers, data, reference.checkpoint_sequential)
  })

  test('computes again in backward, and refuses autograd.grad', () => {
    let calls = 0
    const weight = leaf(3)
    const run = (x: Tensor) => {
      calls++
      return x.mul(weight)
    }
    const y = checkpoint(run, torch.tensor([2], { dtype: torch.float64 }))
    expect(calls).toBe(1)
    y.backward()
    expect([calls, weight.grad?.item()]).toEqual([2, 2])
    const x = leaf(2)
    expect(() => autograd.grad(checkpoint(run, x), x)).toThrow(/checkpoint works with backward\(\)/)
  })
})

describe('hooks that change hooks while they run', () => {
  test('on a tensor', () => {
    const log: string[] = []
    const x = leaf(1, 2)
    const y = x.mul(2)
    const first = y.register_hook((grad) => {
      log.push('first')
      for (let i = 0; i < 100; i++) y.register_hook(() => void log.push('later'))
      first.remove()
      return grad.mul(2)
    })
    y.register_hook((grad) => void log.push(`second ${grad.tolist()}`))
    y.sum().backward(null, { retain_graph: true })
    expect(log).toEqual(['first', 'second 2,2'])
    expect(x.grad?.tolist()).toEqual([4, 4])
    y.sum().backward()
    expect(log.length).toBe(2 + 101)
  })

  test('on a node and on a leaf', () => {
    let calls = 0
    const x = leaf(1)
    const y = x.mul(2)
    const node = y.grad_fn
    const more = () => {
      calls++
      for (let i = 0; i < 100; i++) {
        node?.register_hook(() => void calls++)
        node?.register_prehook(() => void calls++)
        x.register_post_accumulate_grad_hook(() => void calls++)
      }
    }
    node?.register_hook(more)
    node?.register_prehook(more)
    x.register_post_accumulate_grad_hook(more)
    y.backward()
    // What the pre-hook adds to the places that run after it is called; what each adds to its own place is not.
    expect(calls).toBe(3 + 100 + 200)
  })

  test('a removed hook lets go of what it holds', async () => {
    const x = leaf(1)
    const y = x.mul(2)
    let held: WeakRef<object> | undefined
    ;(() => {
      const big = { data: new Array(10) }
      held = new WeakRef(big)
      y.register_hook(() => void big.data).remove()
    })()
    v8.setFlagsFromString('--expose-gc')
    const collect = vm.runInNewContext('gc') as () => void
    // The reference is deleted at the next call into the addon, and found dead at the collection after that.
    for (let i = 0; i < 5; i++) {
      y.dim()
      collect()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(held?.deref()).toBeUndefined()
  })
})
