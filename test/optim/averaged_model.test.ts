// AveragedModel's averages are Python's (scripts/reference/averaged.py, line by line).

import { expect, test } from 'vitest'
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
