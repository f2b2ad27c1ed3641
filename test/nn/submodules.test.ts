// What set_submodule, get_submodule, get_parameter and get_buffer find, put and refuse, as in Python
// (scripts/reference/submodules.py).

import { expect, test } from 'vitest'
import torch, { nn } from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

interface Case {
  method: 'set_submodule' | 'get_submodule' | 'get_parameter' | 'get_buffer'
  target: string
  strict?: boolean
  result?: unknown
  error?: string
  message?: string
}

class Net extends nn.Module {
  conv = new nn.Conv2d(1, 2, 3)
  block = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU())
  scale = new nn.Parameter(torch.ones(1))
  number = 3

  constructor() {
    super()
    this.register_buffer('mean', torch.zeros(2))
  }
}

function outcome({ method, target, strict }: Case): unknown {
  const net = new Net()
  if (method === 'set_submodule') {
    net.set_submodule(target, new nn.Tanh(), strict ?? false)
    return String(net)
  }
  if (method === 'get_submodule') return String(net.get_submodule(target))
  return [...net[method](target).shape]
}

test.each(filled(fixture<{ cases: Case[] }>('submodules.json').cases))('$method $target, strict: $strict', (entry) => {
  if (entry.message === undefined) {
    expect(outcome(entry)).toEqual(entry.result)
    return
  }
  // Python's AttributeError is a RangeError here.
  expect(() => outcome(entry)).toThrow(new RangeError(entry.message))
})

test('what is put there is used, has the parameters, and strict is given by name too', () => {
  const net = new Net()
  const linear = new nn.Linear(2, 5)
  net.set_submodule('block.0', linear, { strict: true })
  expect(net.block.get_submodule('0') === linear).toBe(true)
  expect(net.named_parameters().map(([name]) => name)).toContain('block.0.weight')
  expect(net.block(torch.ones(1, 2)).shape.equals([1, 5])).toBe(true)
  const named = new nn.Sequential({ fc: new nn.Linear(1, 1) })
  named.set_submodule('0', new nn.Tanh())
  expect(named.named_children().map(([name]) => name)).toEqual(['fc', '0'])
  expect(() => net.set_submodule('block.0', 3 as never)).toThrow('is not an nn.Module')
})

test('share_memory gives the module back, changes nothing, and its tensors can be shared', () => {
  const net = new Net()
  const before = net.state_dict()
  expect(net.share_memory() === net).toBe(true)
  for (const [name, tensor] of Object.entries(net.state_dict())) {
    expect(torch.equal(tensor, before[name] as torch.Tensor), name).toBe(true)
    const taken = torch.from_shared(tensor.share())
    torch.no_grad(() => void tensor.add_(1))
    expect(torch.equal(taken, tensor), name).toBe(true)
  }
})
