// Hooks of modules, as scripts/reference/module_hooks.py has them in Python.

import { expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { fixture } from '../helpers.js'

const { calls, keywords, states } = fixture('module_hooks.json')
const all = nn.modules.module

const plain = (value: unknown): unknown => {
  if (value instanceof torch.Tensor) return value.tolist()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

test('every kind of hook runs in Python’s order, sees what Python’s sees and changes what it changes', () => {
  const seen: unknown[] = []
  const m = new nn.Linear(2, 1)
  torch.no_grad(() => {
    m.weight.copy_(torch.tensor([[1, 2]]))
    m.bias?.fill_(0.5)
  })
  // biome-ignore lint/suspicious/noExplicitAny: hooks of several kinds
  const say = (name: string, result: (...args: any[]) => any = () => undefined) => {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    return (_module: nn.Module, ...args: any[]) => {
      seen.push([name, ...args.map(plain)])
      return result(...args)
    }
  }
  const first = { prepend: true }
  const handles = [
    all.register_module_forward_pre_hook(say('global pre')),
    all.register_module_forward_hook(say('global forward')),
    all.register_module_full_backward_pre_hook(say('global backward pre')),
    all.register_module_full_backward_hook(say('global backward')),
    m.register_forward_pre_hook(say('pre', ([x]) => [x.mul(2)])),
    m.register_forward_pre_hook(say('first pre'), first),
    m.register_forward_hook(say('forward', (_args, output) => output.add(1))),
    m.register_forward_hook(say('first forward'), first),
    m.register_full_backward_pre_hook(say('backward pre', ([grad]) => [grad.mul(3)])),
    m.register_full_backward_hook(say('backward', ([grad]) => [grad.mul(5)])),
    m.register_full_backward_hook(say('first backward'), first),
  ]
  const x = torch.tensor([[1, -1]], { requires_grad: true })
  const y = m(x)
  y.sum().backward()
  for (const handle of handles) handle.remove()
  m(x)
  expect(seen).toEqual(calls.seen)
  expect([y, x.grad, m.weight.grad].map(plain)).toEqual([calls.output, calls.grad, calls.weight])
})

test('keywords come apart where they are asked for, and stay where a hook does not return them', () => {
  class Inner extends nn.Module {
    forward(x: Tensor, { scale = 1 } = {}): Tensor {
      return x.mul(scale)
    }
  }
  const seen: unknown[] = []
  const m = new Inner()
  m.register_forward_pre_hook((_, args) => {
    seen.push(['pre', plain(args.slice(0, 1))])
    return [args[0].add(1)]
  })
  m.register_forward_pre_hook(
    (_, args, kwargs) => {
      seen.push(['kwargs', plain(args), plain(kwargs)])
      return [args, { scale: 3 }]
    },
    { with_kwargs: true },
  )
  m.register_forward_hook(
    (_, args, kwargs, output) => {
      seen.push(['after', plain(args), plain(kwargs), plain(output)])
    },
    { with_kwargs: true },
  )
  expect([m(torch.ones(1), { scale: 2 }).tolist(), seen]).toEqual([keywords.output, keywords.seen])
})

test('hooks of the state, and extra state', () => {
  class Counted extends nn.Module {
    inner = new nn.Linear(1, 1)
    count = 3
    override get_extra_state() {
      return { count: this.count }
    }
    override set_extra_state(state: unknown): void {
      this.count = (state as { count: number }).count
    }
  }
  const seen: unknown[] = []
  const counted = new Counted()
  const m = new nn.Sequential(counted, new nn.Linear(1, 1))
  m.register_state_dict_pre_hook((module, prefix, keep_vars) => {
    seen.push(['save pre', module.constructor.name, prefix, keep_vars])
  })
  counted.inner.register_state_dict_post_hook((_, state, prefix, metadata) => {
    seen.push(['save', prefix, Object.keys(state).sort(), metadata])
    state[`${prefix}more`] = torch.ones(1)
  })
  counted.inner.register_load_state_dict_pre_hook((module, state, prefix, metadata, strict) => {
    seen.push(['load pre', module.constructor.name, prefix, Object.keys(state).sort(), strict, metadata])
    delete state[`${prefix}more`]
  })
  counted.register_load_state_dict_post_hook((module, { missing_keys, unexpected_keys }) => {
    seen.push(['load post', module.constructor.name, [...missing_keys], [...unexpected_keys]])
    missing_keys.length = 0
  })
  const state = m.state_dict()
  expect(Object.keys(state)).toEqual(states.names)
  state['0._extra_state'] = { count: 7 } as never
  delete state['0.inner.bias']
  expect(m.load_state_dict(state).missing_keys).toEqual(states.missing)
  expect([counted.count, seen]).toEqual([states.count, states.seen])
})

test('a hook that is always called runs after a forward that threw, once', () => {
  class Failing extends nn.Module {
    forward(): Tensor {
      throw new Error('no')
    }
  }
  const outputs: unknown[] = []
  const m = new Failing()
  m.register_forward_hook((_, __, output) => void outputs.push(output), { always_call: true })
  m.register_forward_hook(() => void outputs.push('never'))
  expect(() => m()).toThrow('no')
  expect(outputs).toEqual([undefined])
})

test('parts are seen registered, and may be replaced', () => {
  const names: string[] = []
  const handle = all.register_module_parameter_registration_hook((_, name) => void names.push(name))
  const m = new nn.Linear(1, 1)
  handle.remove()
  m.register_parameter('more', new nn.Parameter(torch.ones(1)))
  expect(names).toEqual(['weight', 'bias'])
})
