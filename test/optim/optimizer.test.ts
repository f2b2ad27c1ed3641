// What all optimizers share: hooks, states and groups as Python has them, optimizers of one's own, and hostile states.

import { afterEach, describe, expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import torch, { optim, type Tensor } from '../../lib/index.js'

const leaf = (...shape: number[]): Tensor => {
  const made = torch.ones(shape, { requires_grad: true })
  made.grad = torch.ones(shape)
  return made
}

afterEach(() => {
  torch.backends.tstorch.fused = true
})

describe('hooks', () => {
  test('of a step see its arguments, in Python’s order, and may replace them', () => {
    const events: unknown[] = []
    const optimizer = new optim.SGD([leaf(2)], { lr: 0.1 })
    const { register_optimizer_step_pre_hook, register_optimizer_step_post_hook } = optim.optimizer
    const all = [
      register_optimizer_step_pre_hook((_, args) => void events.push(['all before', args.length])),
      register_optimizer_step_post_hook(() => void events.push('all after')),
    ]
    optimizer.register_step_pre_hook((self, args, kwargs) => {
      events.push(['before', self === optimizer, args[0] === optimizer, Object.keys(kwargs)])
      return [[self, () => 'another'], {}]
    })
    const after = optimizer.register_step_post_hook((_, args) => void events.push(['after', args.length]))
    expect(optimizer.step({ closure: () => 'one' })).toBe('another')
    expect(events).toEqual([['all before', 1], ['before', true, true, ['closure']], ['after', 2], 'all after'])
    for (const hook of [...all, after]) hook.remove()
    events.length = 0
    optimizer.step()
    expect(events).toEqual([['before', true, true, []]])
    optimizer.register_step_pre_hook((() => 3) as never)
    expect(() => optimizer.step()).toThrow(/must return/)
    expect(() => optimizer.register_step_pre_hook(3 as never)).toThrow(TypeError)
  })

  test('are called for a subclass’s own step, once, and leave those of other classes alone', () => {
    class Own extends optim.Optimizer {
      override step(): string {
        return 'stepped'
      }
    }
    let count = 0
    const hook = optim.optimizer.register_optimizer_step_pre_hook(() => void count++)
    for (const optimizer of [new Own([leaf(1)], {}), new Own([leaf(1)], {})]) expect(optimizer.step()).toBe('stepped')
    expect(count).toBe(2)
    new optim.AdamW([leaf(1)]).step()
    new optim.Adam([leaf(1)]).step()
    expect(count).toBe(4)
    hook.remove()
    new optim.Adam([leaf(1)]).step()
    expect(count).toBe(4)
  })

  test('of states may replace what is given out and what comes in', () => {
    const events: string[] = []
    const optimizer = new optim.SGD([leaf(2)], { lr: 0.1 })
    optimizer.register_state_dict_pre_hook(() => void events.push('second'))
    optimizer.register_state_dict_pre_hook(() => void events.push('first'), { prepend: true } as never)
    optimizer.register_state_dict_post_hook((_, state) => ({ ...state, extra: 1 }))
    const state = optimizer.state_dict()
    expect(state).toHaveProperty('extra', 1)
    optimizer.register_load_state_dict_pre_hook((_, given) => ({
      ...given,
      param_groups: given.param_groups.map((group) => ({ ...group, lr: 0.5 })),
    }))
    optimizer.register_load_state_dict_post_hook((self) => void events.push(`loaded ${self.param_groups[0].lr}`))
    optimizer.load_state_dict(state)
    expect(events).toEqual(['first', 'second', 'loaded 0.5'])
    expect(state.param_groups[0]?.lr).toBe(0.1)
  })
})

test('an optimizer of one’s own has a closure, a state of any kind, and a state_dict that loads', () => {
  class Momentum extends optim.Optimizer<{ lr: number; beta: number }> {
    constructor(params: Iterable<Tensor>, { lr = 0.1, beta = 0.5 } = {}) {
      super(params, { lr, beta })
    }
    override step(closure?: () => number): number | undefined {
      const loss = closure?.()
      torch.no_grad(() => {
        for (const { params, lr, beta } of this.param_groups) {
          for (const p of params) {
            if (p.grad === null) continue
            const state = this.stateOf(p)
            state.count = (state.count ?? 0) + 1
            state.history = [...(state.history ?? []), state.count]
            this.keepState(state, 'buffer', (state.buffer ?? torch.zeros_like(p)).mul(beta).add(p.grad))
            p.add_(state.buffer, { alpha: -lr })
          }
        }
      })
      return loss
    }
  }
  const [a, b] = [leaf(2), leaf(2)]
  const optimizer = new Momentum([a])
  torch.scope(() => {
    expect(optimizer.step(() => 7)).toBe(7)
  })
  optimizer.step()
  const other = new Momentum([b], { lr: 1 })
  other.load_state_dict(optimizer.state_dict())
  expect(other.state.get(b)).toMatchObject({ count: 2, history: [1, 2] })
  torch.no_grad(() => b.copy_(a))
  for (const one of [optimizer, other]) one.step()
  expect(b.tolist()).toEqual(a.tolist())
  // 1 - 0.1 (1 + 1.5 + 1.75)
  expect(a.index(0).item()).toBeCloseTo(0.575, 6)
})

test('groups keep their own fields before the optimizer’s, as in Python', () => {
  const optimizer = new optim.SGD([{ params: [['w', leaf(1)]], name: 'x', lr: 2 }], { lr: 1 })
  expect(Object.keys(optimizer.state_dict().param_groups[0] as object)).toEqual([
    ...['name', 'lr', 'param_names', 'momentum', 'dampening', 'weight_decay', 'nesterov', 'maximize', 'foreach'],
    ...['differentiable', 'fused', 'params'],
  ])
})

test('counts of steps that are numbers, as older versions saved them, become tensors', () => {
  const w = leaf(2)
  const optimizer = new optim.Adam([w])
  optimizer.step()
  const state = optimizer.state_dict()
  const own = state.state[0] as Record<string, unknown>
  optimizer.load_state_dict({ ...state, state: { 0: { ...own, step: 1 } } })
  optimizer.step()
  expect(optimizer.state.get(w)?.step.item()).toBe(2)
})

const STEPPED = [
  'Adadelta',
  'Adafactor',
  'Adagrad',
  'Adam',
  'AdamW',
  'Adamax',
  'ASGD',
  'Muon',
  'NAdam',
  'RAdam',
] as const
const ALL = [...STEPPED, 'RMSprop', 'Rprop', 'SGD', 'SparseAdam'] as const

describe.each(ALL)('%s', (name) => {
  const made = () => {
    const w = torch.ones(3, 2, { requires_grad: true })
    w.grad = name === 'SparseAdam' ? torch.ones(3, 2).to_sparse({ sparse_dim: 1 }) : torch.ones(3, 2)
    const make = optim[name] as unknown as new (params: Tensor[], options: object) => optim.Optimizer
    const options = name === 'SGD' || name === 'RMSprop' ? { momentum: 0.5 } : name === 'Adam' ? { amsgrad: true } : {}
    const optimizer = new make([w], options)
    optimizer.step()
    return { w, optimizer, state: optimizer.state.get(w) as Record<string, unknown> }
  }

  /** What a user may put in place of a state tensor. Each step after it works, or throws an error. */
  const WRONG: Record<string, () => unknown> = {
    'a longer tensor': () => torch.ones(7),
    'a tensor of no elements': () => torch.ones(0),
    'an integer tensor': () => torch.ones(3, 2, { dtype: torch.int64 }),
    'a boolean tensor': () => torch.ones(3, 2, { dtype: torch.bool }),
    'a tensor of 16 bits': () => torch.ones(3, 2, { dtype: torch.bfloat16 }),
    'a complex tensor': () => torch.ones(3, 2, { dtype: torch.complex64 }),
    'a sparse tensor': () => torch.ones(3, 2).to_sparse(),
    'an expanded tensor': () => torch.ones(1).expand(3, 2),
    'a transposed tensor': () => torch.ones(2, 3).t(),
    'a tensor that requires grad': () => torch.ones(3, 2, { requires_grad: true }),
    'a freed tensor': () => {
      const freed = torch.ones(3, 2)
      freed.dispose()
      return freed
    },
    'a tensor without memory': () => torch.ones(3, 2, { device: 'meta' }),
    'a tensor of inference mode': () => torch.inference_mode(() => torch.ones(3, 2)),
    'a number': () => 3,
    'a string': () => 'x',
    nothing: () => undefined,
  }

  test.each(Object.keys(WRONG))('takes or refuses %s in its state', (what) => {
    for (const fused of [true, false]) {
      torch.backends.tstorch.fused = fused
      for (const field of Object.keys(made().state)) {
        const { optimizer, state } = made()
        state[field] = (WRONG[what] as () => unknown)()
        try {
          optimizer.step()
        } catch (error) {
          expect(error, field).toBeInstanceOf(Error)
          expect((error as Error).message, field).not.toMatch(/INTERNAL ASSERT/)
        }
      }
    }
    // Another optimizer is none the worse for it.
    const { w, optimizer } = made()
    optimizer.step()
    expect(torch.isfinite(w).all().item()).toBe(true)
  })

  test('leaves parameters without a gradient and empty ones alone', () => {
    const { optimizer, w } = made()
    const before = w.detach().clone()
    w.grad = null
    optimizer.step()
    expect(torch.equal(w, before)).toBe(true)
    const empty = torch.ones(0, 2, { requires_grad: true })
    empty.grad = name === 'SparseAdam' ? torch.ones(0, 2).to_sparse({ sparse_dim: 1 }) : torch.ones(0, 2)
    const make = optim[name] as unknown as new (params: Tensor[]) => optim.Optimizer
    const other = new make([empty])
    other.step()
    expect([...empty.shape]).toEqual([0, 2])
  })

  test('keeps its state tensors, and makes none that last', () => {
    const { optimizer, state } = made()
    const tensors = { ...state }
    const live = () => {
      for (let i = 0; i < 3; i++) native.collect_garbage(true)
      return native.live_tensors()
    }
    const before = live()
    for (let i = 0; i < 50; i++) optimizer.step()
    expect(live() - before).toBeLessThan(25)
    for (const [field, tensor] of Object.entries(tensors)) {
      if (torch.is_tensor(tensor)) expect(state[field], field).toBe(tensor)
    }
  })
})
