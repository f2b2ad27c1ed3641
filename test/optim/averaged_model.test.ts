// AveragedModel's averages are Python's (scripts/reference/averaged.py, line by line).

import { describe, expect, test } from 'vitest'
import torch, { nn, optim } from '../../lib/index.js'
import { expectNumbers, FEW_ULPS, filled, fixture } from '../helpers.js'

const swa = optim.swa_utils
const { cases } = fixture<{ cases: Record<string, { seen: Record<string, number[]>[]; text: string }> }>(
  'averaged.json',
)

function change(net: nn.Module, step: number): void {
  torch.no_grad(() => {
    for (const [place, tensor] of [...net.parameters(), ...net.buffers()].entries()) {
      const numbers = torch.arange(tensor.numel()).view([...tensor.shape])
      const values = numbers.mul(place + 1).add(step * step + place)
      tensor.copy_(tensor.is_floating_point() ? values.div(8) : values)
    }
  })
}

function model() {
  const net = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3))
  change(net, 0)
  return net
}

const OPTIONS: Record<string, object> = {
  default: {},
  'swa multi': { multi_avg_fn: swa.get_swa_multi_avg_fn() },
  swa: { avg_fn: swa.get_swa_avg_fn() },
  'ema multi': { multi_avg_fn: swa.get_ema_multi_avg_fn(0.75) },
  ema: { avg_fn: swa.get_ema_avg_fn(0.75) },
  buffers: { multi_avg_fn: swa.get_ema_multi_avg_fn(0.75), use_buffers: true },
  'default with buffers': { use_buffers: true },
}

test.each(Object.entries(filled(cases)))('%s', (name, { seen, text }) => {
  const net = model()
  const averaged = new swa.AveragedModel(net, OPTIONS[name] as object)
  expect(String(averaged)).toBe(text)
  seen.forEach((expected, i) => {
    change(net, i + 1)
    averaged.update_parameters(net)
    const state = averaged.state_dict()
    expect(Object.keys(state)).toEqual(Object.keys(expected))
    for (const [key, value] of Object.entries(state)) {
      expectNumbers(value.flatten().tolist() as number[], expected[key] as number[], FEW_ULPS, key)
    }
  })
})

test('it computes with its own copy, and takes one function', () => {
  const net = model().eval()
  const averaged = new swa.AveragedModel(net)
  const x = torch.ones(1, 2)
  const before = averaged(x)
  change(net, 3)
  expect(torch.equal(averaged(x), before)).toBe(true)
  averaged.update_parameters(net)
  expect(torch.equal(averaged(x), net(x))).toBe(true)
  const both = { avg_fn: swa.get_swa_avg_fn(), multi_avg_fn: swa.get_swa_multi_avg_fn() }
  expect(() => new swa.AveragedModel(net, both)).toThrow('Only one of avg_fn and multi_avg_fn should be provided')
})

test('update_bn averages over a loader’s batches, at once, or in a promise where the loader is asynchronous alone', async () => {
  const { DataLoader, TensorDataset } = torch.utils.data
  const loader = new DataLoader(new TensorDataset(torch.tensor([[1], [3], [5], [9]])), 2)
  // The batches have means of 2 and 7, and variances of 2 and 8.
  const statistics = [[4.5], [5], 2]
  const found = ({ running_mean, running_var, num_batches_tracked }: nn.BatchNorm1d) => [
    running_mean?.tolist(),
    running_var?.tolist(),
    num_batches_tracked?.item(),
  ]
  const model = new nn.BatchNorm1d(1)
  expect(swa.update_bn(loader, model)).toBeUndefined()
  expect(found(model)).toEqual(statistics)
  const other = new nn.BatchNorm1d(1)
  const slow = { [Symbol.asyncIterator]: () => loader[Symbol.asyncIterator]() }
  const done = swa.update_bn(slow, other)
  expect(done).toBeInstanceOf(Promise)
  await done
  expect(found(other)).toEqual(statistics)
})

describe('update_bn', () => {
  const batches = () =>
    [1, 2, 4].map((seed) =>
      torch
        .arange(8)
        .view(4, 2)
        .mul(seed)
        .add(seed * seed)
        .float(),
    )
  const normed = () =>
    new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2, { momentum: 0.3 }), new nn.Dropout(0)).eval()
  const statistics = (net: nn.Module) =>
    net.buffers().map((buffer) => (buffer.is_floating_point() ? buffer.tolist() : buffer.item()))

  /** The plain averages of the means and of the variances of all batches, of which the layer before is free. */
  function expectAverages(net: nn.Module & { [n: number]: nn.Module }): void {
    const linear = net.get_submodule('0') as nn.Linear
    const outputs = torch.no_grad(() => batches().map((batch) => linear(batch)))
    const mean = torch.stack(outputs.map((output) => output.mean(0))).mean(0)
    const variance = torch.stack(outputs.map((output) => output.var(0))).mean(0)
    const bn = net.get_submodule('1') as nn.BatchNorm1d
    expect(torch.allclose(bn.running_mean as torch.Tensor, mean)).toBe(true)
    expect(torch.allclose(bn.running_var as torch.Tensor, variance)).toBe(true)
    expect(bn.num_batches_tracked?.item()).toBe(3)
    expect([bn.momentum, bn.training, net.training]).toEqual([0.3, false, false])
  }

  test('averages over a loader of tensors, of lists, of any iterable', () => {
    const net = normed()
    expect(swa.update_bn(batches(), net)).toBe(undefined)
    expectAverages(net)
    const first = statistics(net)
    swa.update_bn(new Set(batches().map((batch) => [batch, torch.zeros(1)])), net, 'cpu')
    expect(statistics(net)).toEqual(first)
  })

  test('an asynchronous loader makes it a promise, after which all is as before', async () => {
    const net = normed()
    async function* loader() {
      for (const batch of batches()) {
        await new Promise((done) => setImmediate(done))
        yield [batch, torch.zeros(1)]
      }
    }
    const promise: Promise<undefined> = swa.update_bn(loader(), net)
    // Until it is there, the model is in training.
    expect(net.training).toBe(true)
    expect(await promise).toBe(undefined)
    expectAverages(net)
    // No gradient is recorded, also behind an await.
    expect(net.buffers().some(({ requires_grad }) => requires_grad)).toBe(false)
  })

  test('an asynchronous loader that fails makes the promise fail with its error', async () => {
    const error = new Error('no more batches')
    // biome-ignore lint/correctness/useYield: it fails before it gives any
    async function* loader(): AsyncGenerator<torch.Tensor> {
      throw error
    }
    await expect(swa.update_bn(loader(), normed())).rejects.toBe(error)
  })

  test('a model without batch norms is left as it is, and its loader is not read', () => {
    const read: number[] = []
    function* loader() {
      read.push(1)
      yield torch.ones(1, 2)
    }
    swa.update_bn(loader(), new nn.Linear(2, 2))
    expect(read).toEqual([])
  })
})
