// Devices, streams, events, generators, pinned memory and CUDA graphs.

import assert from 'node:assert/strict'
import { nn, optim, type Tensor } from '../../lib/index.js'
import { device, expectClose, gpuTest, hostTest, torch, warningsOf } from './suite.js'

const { cuda } = torch

hostTest('a device says what it is', () => {
  const properties = cuda.get_device_properties()
  console.log(`${properties.name}, ${(properties.total_memory / 2 ** 30).toFixed(1)} GB`)
  assert.equal(cuda.get_device_name(), properties.name)
  assert.deepEqual(cuda.get_device_capability(), [properties.major, properties.minor])
  assert.equal(cuda.current_device(), 0)
  assert.throws(() => cuda.set_device(cuda.device_count()), /there is no device cuda:/)
  const [free, total] = cuda.mem_get_info()
  assert.ok(free > 0 && free <= total)
  cuda.device(0, () => assert.equal(torch.ones(1, { device: 'cuda' }).get_device(), 0))
})

gpuTest('tensors print, index, compare and come back', () => {
  const x = torch.arange(6, { device }).view(2, 3)
  assert.match(String(x), /device='cuda:0'/)
  assert.deepEqual(x.index(1, '1:').tolist(), [4, 5])
  assert.equal(torch.equal(x, x.clone()), true)
  assert.deepEqual(x.cpu().tolist(), [
    [0, 1, 2],
    [3, 4, 5],
  ])
  assert.throws(() => x.add(torch.ones(3)), /same device/)
})

hostTest('streams wait for each other, events tell the time', async () => {
  const [start, end] = [new cuda.Event({ enable_timing: true }), new cuda.Event({ enable_timing: true })]
  const side = new cuda.Stream()
  const a = torch.randn(2048, 2048, { device })
  start.record()
  side.wait_stream(cuda.current_stream())
  const product = cuda.stream(side, () => {
    assert.ok(cuda.current_stream().equals(side))
    return a.mm(a)
  })
  cuda.current_stream().wait_stream(side)
  product.record_stream(cuda.current_stream())
  end.record()
  await end.synchronize_async()
  assert.ok(end.query() && start.elapsed_time(end) > 0)
  expectClose(product, a.mm(a), 1e-3)
  await cuda.synchronize_async()
  await side.synchronize_async()
})

gpuTest('generators restart and restore', () => {
  torch.manual_seed(5)
  const first = torch.randn(10, { device })
  const state = cuda.get_rng_state()
  const second = torch.randn(10, { device })
  cuda.manual_seed_all(5)
  assert.ok(torch.equal(first, torch.randn(10, { device })))
  cuda.set_rng_state(state)
  assert.ok(torch.equal(second, torch.randn(10, { device })))
  const own = new torch.Generator('cuda').manual_seed(5)
  assert.ok(torch.equal(first, torch.randn(10, { device, generator: own })))
})

hostTest('pinned memory is copied without waiting', () => {
  const pinned = torch.arange(1000).pin_memory()
  assert.ok(pinned.is_pinned())
  const there = pinned.to(device, { non_blocking: true })
  cuda.synchronize()
  assert.ok(torch.equal(there.cpu(), pinned))
})

gpuTest('a graph replays what it recorded', () => {
  const x = torch.zeros(3, { device })
  const graph = new cuda.CUDAGraph()
  x.add(1).mul(2)
  const y = cuda.graph(graph, () => {
    assert.ok(cuda.is_current_stream_capturing())
    return x.add(1).mul(2)
  })
  for (const value of [1, 5]) {
    x.fill_(value)
    graph.replay()
    assert.deepEqual(y.tolist(), Array(3).fill((value + 1) * 2))
  }
  graph.reset()
})

/** A model with all that a step has, and its steps' losses. */
function train(graphed: boolean, steps: number, kind: 'sine' | 'lstm'): number[] {
  torch.manual_seed(0)
  const rnn = kind === 'sine' ? new nn.RNN(4, 10) : new nn.LSTM(4, 10, { num_layers: 2 })
  const model = new nn.ModuleList<nn.Module>([rnn, new nn.Linear(10, 1)]).to(device)
  const head = model.at(1) as nn.Linear
  const lr = torch.tensor(0.01).to(device)
  const optimizer = new optim.Adam(model.parameters(), { lr, capturable: true })
  let step = (x: Tensor, y: Tensor): Tensor => {
    optimizer.zero_grad()
    const out = (rnn as nn.RNN)(x)[0]
    const loss = nn.functional.mse_loss(head(out), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
    return loss
  }
  if (graphed) step = cuda.graphed_step(step)
  const losses: number[] = []
  for (let i = 0; i < steps; i++) {
    // The learning rate changes while the graph stays.
    if (i === Math.floor(steps / 2)) lr.fill_(0.002)
    const x = torch.randn(6, 3, 4)
    // The graphed one moves its arguments to the GPU itself.
    const y = x.sum(2, { keepdim: true }).sin()
    losses.push((graphed ? step(x, y) : step(x.to(device), y.to(device))).item())
  }
  return losses
}

for (const kind of ['sine', 'lstm'] as const) {
  gpuTest(`a graphed step of training gives the losses of one that is not: ${kind}`, async () => {
    const warnings = await warningsOf(() => {
      const [plain, graphed] = [train(false, 60, kind), train(true, 60, kind)]
      graphed.forEach((loss, i) => {
        const expected = plain[i] as number
        assert.ok(Math.abs(loss - expected) <= 1e-3 * (1 + expected), `step ${i}: ${loss}, expected ${expected}`)
      })
      assert.ok((graphed.at(-1) as number) < (graphed[0] as number))
    })
    assert.deepEqual(warnings, [])
  })
}

gpuTest('a graphed step is recorded for each shape, and gives results of its own each time', () => {
  const step = cuda.graphed_step((x: Tensor, factor: number) => ({ sum: x.sum().mul(factor), list: [x.add(1)] }))
  for (const size of [2, 3, 2, 3, 2, 3, 2, 3, 2, 3]) {
    for (const factor of [1, 10]) {
      const { sum, list } = step(torch.full([size], 2, { device }), factor)
      assert.equal(sum.item(), 2 * size * factor)
      assert.deepEqual(list[0]?.tolist(), Array(size).fill(3))
    }
  }
  const kept = [1, 2, 3, 4, 5, 6].map((value) => step(torch.full([2], value, { device }), 1).sum)
  assert.deepEqual(
    kept.map((tensor) => tensor.item()),
    [2, 4, 6, 8, 10, 12],
  )
})

gpuTest('reading a value inside a capture is an error that says so, and all goes on', () => {
  const step = cuda.graphed_step((x: Tensor) => x.mul(x.sum().item()), { warmup: 1 })
  const x = torch.ones(2, { device })
  assert.deepEqual(step(x).tolist(), [2, 2])
  assert.throws(() => step(x), /nothing may be read from the GPU/)
  assert.equal(cuda.is_current_stream_capturing(), false)
  assert.deepEqual(x.add(1).tolist(), [2, 2])
})

gpuTest('dropout draws new numbers at each replay', () => {
  const dropout = new nn.Dropout(0.5)
  const step = cuda.graphed_step((x: Tensor) => dropout(x))
  const x = torch.ones(1000, { device })
  const masks = Array.from({ length: 8 }, () => step(x))
  for (const mask of masks) assert.ok(Math.abs(mask.mean().item() - 1) < 0.2)
  assert.equal(torch.equal(masks[6] as Tensor, masks[7] as Tensor), false)
})

gpuTest('graphed callables have the outputs and gradients of those that are not', () => {
  torch.manual_seed(0)
  const make = () => {
    torch.manual_seed(3)
    return new nn.Sequential(new nn.Linear(5, 8), new nn.Tanh(), new nn.Linear(8, 2)).to(device)
  }
  const [plain, graphed] = [make(), make()]
  cuda.make_graphed_callables(graphed, [torch.randn(4, 5, { device, requires_grad: true })])
  for (let i = 0; i < 3; i++) {
    const x = torch.randn(4, 5, { device })
    const [a, b] = [plain, graphed].map((model) => {
      const input = x.clone().requires_grad_()
      const out = model(input) as Tensor
      out.pow(2).sum().backward()
      return [out, input.grad as Tensor, ...model.parameters().map((param) => param.grad as Tensor)]
    }) as [Tensor[], Tensor[]]
    for (const [j, tensor] of a.entries()) expectClose(b[j] as Tensor, tensor, 1e-5, `tensor ${j}`)
    for (const model of [plain, graphed]) model.zero_grad()
  }
  const training = graphed(torch.ones(4, 5, { device })) as Tensor
  const evaluated = graphed.eval()(torch.ones(2, 5, { device })) as Tensor
  assert.deepEqual([training.size(0), evaluated.size(0)], [4, 2])
})
