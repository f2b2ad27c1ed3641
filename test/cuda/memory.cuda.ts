// A GPU's memory: garbage is collected before it runs out, nothing grows, and a real shortage is an error.

import assert from 'node:assert/strict'
import { nn, optim } from '../../lib/index.js'
import { device, hostTest, simulated, torch } from './suite.js'

const { cuda } = torch
const GB = 2 ** 30
const floats = (bytes: number) => Math.floor(bytes / 4)

hostTest('a plain loop makes ten times the GPU’s memory of garbage', () => {
  const [, total] = cuda.mem_get_info()
  cuda.reset_peak_memory_stats()
  const piece = total / 64
  for (let made = 0; made < 10 * total; made += piece) torch.empty(floats(piece), { device })
  const { num_ooms } = cuda.memory_stats()
  console.log(`reserved at most ${(cuda.max_memory_reserved() / GB).toFixed(1)} GB of ${(total / GB).toFixed(1)}`)
  assert.equal(num_ooms, 0)
})

hostTest('garbage that has grown old makes room too', () => {
  cuda.empty_cache()
  const [free] = cuda.mem_get_info()
  const fill = () => {
    const roots = []
    for (let i = 0; i < 50; i++) roots.push(torch.empty(floats((0.9 * free) / 50), { device }))
    // Young collections, which move the tensors to where only a full one looks.
    for (let i = 0; i < 3_000_000; i++) ({ i })
  }
  fill()
  const big = torch.empty(floats(0.8 * free), { device })
  assert.equal(big.numel(), floats(0.8 * free))
  big.dispose()
  cuda.empty_cache()
})

hostTest('a call that runs out of memory is made once more, without the garbage', () => {
  torch.empty(1, { device })
  cuda.empty_cache()
  const [before, total] = cuda.mem_get_info()
  const live = torch.empty(floats(0.6 * before), { device })
  // Too little to trigger a collection on the way.
  for (let i = 0; i < 10; i++) torch.empty(floats(total / 800), { device })
  const [free] = cuda.mem_get_info()
  const { num_ooms: oomsBefore = 0 } = cuda.memory_stats()
  const big = torch.empty(floats(free + total / 160), { device })
  assert.equal(cuda.memory_stats().num_ooms, oomsBefore + 1, 'the first try did not fail')
  for (const tensor of [live, big]) tensor.dispose()
  cuda.empty_cache()
})

hostTest('a backward with little room collects garbage too', () => {
  const [free] = cuda.mem_get_info()
  const { num_ooms: ooms } = cuda.memory_stats()
  const weight = torch.ones(1, { device, requires_grad: true })
  for (let i = 0; i < 60; i++) {
    const x = torch.empty(floats(free / 12), { device })
    x.mul(weight).pow(2).sum().backward()
  }
  assert.equal(cuda.memory_stats().num_ooms, ooms)
  cuda.empty_cache()
})

hostTest('a shortage is PyTorch’s error, and what was there stays usable', () => {
  const [, total] = cuda.mem_get_info()
  assert.throws(
    () => torch.empty(floats(2 * total), { device }),
    (error: Error) =>
      error.name === 'OutOfMemoryError' && /^CUDA out of memory\. Tried to allocate/.test(error.message),
  )
  const after = torch.ones(2, { device }).add(1).tolist()
  if (!simulated) assert.deepEqual(after, [2, 2])
})

hostTest('10,000 steps of training do not grow', () => {
  const model = new nn.LSTM(16, 64, { device })
  const head = new nn.Linear(64, 1).to(device)
  const optimizer = new optim.Adam([...model.parameters(), ...head.parameters()])
  const x = torch.randn(12, 8, 16, { device })
  const step = () => {
    optimizer.zero_grad()
    head(model(x)[0]).pow(2).mean().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
  }
  const used = () => ({ reserved: cuda.memory_reserved(), resident: process.memoryUsage().rss })
  for (let i = 0; i < 2000; i++) step()
  const before = used()
  for (let i = 0; i < 8000; i++) step()
  const after = used()
  const grown = after.resident - before.resident
  console.log(
    `reserved ${before.reserved / 2 ** 20} to ${after.reserved / 2 ** 20} MB, process ${grown / 2 ** 20} MB more`,
  )
  assert.ok(after.reserved <= 1.5 * before.reserved, 'the GPU’s memory grows')
  assert.ok(grown < 100 * 2 ** 20, 'the process grows')
})

hostTest('figures count what tensors take', () => {
  cuda.synchronize()
  const before = cuda.memory_allocated()
  cuda.reset_peak_memory_stats()
  const x = torch.empty(2 ** 20, { device })
  assert.equal(cuda.memory_allocated() - before, 4 * 2 ** 20)
  x.dispose()
  assert.equal(cuda.memory_allocated(), before)
  assert.equal(cuda.max_memory_allocated() - before, 4 * 2 ** 20)
  assert.match(cuda.memory_summary(), /Allocated memory/)
  cuda.set_per_process_memory_fraction(0.5)
  assert.equal(cuda.get_per_process_memory_fraction(), 0.5)
  cuda.set_per_process_memory_fraction(1)
})
