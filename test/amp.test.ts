import { describe, expect, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../lib/index.js'
import { expectTensor, filled, fixture, type Values } from './helpers.js'

const F = nn.functional

interface Fixture {
  autocast: Record<string, Record<string, Values | string | boolean>>
  scaler: { state: object; weight: Values }[]
}

const { autocast, scaler: scalerSteps } = fixture<Fixture>('amp.json')

describe.each([
  ['torch.bfloat16', torch.bfloat16],
  ['torch.float16', torch.float16],
])('autocast to %s', (name, dtype) => {
  test("gives PyTorch's dtypes and numbers", () => {
    torch.manual_seed(0)
    const [x, w, b] = [torch.randn(4, 6), torch.randn(5, 6).requires_grad_(), torch.randn(5)]
    const [linear, gru] = [new nn.Linear(6, 3), new nn.GRU(6, 4)]
    const results: Record<string, unknown> = {}
    const loss = torch.autocast('cpu', { dtype }, () => {
      results.enabled = torch.is_autocast_enabled('cpu')
      results.dtype = String(torch.get_autocast_dtype('cpu'))
      results.mm = x.mm(w.t())
      results.linear = F.linear(x, w, b)
      results.module = linear(x)
      results.exp = x.exp()
      results.softmax = x.mm(w.t()).softmax(-1)
      results.mse = F.mse_loss(x.mm(w.t()), torch.zeros(4, 5))
      results.gru = String(gru(x.view(4, 1, 6))[0].dtype)
      results.inside = torch.autocast('cpu', { enabled: false }, () => x.mm(w.t()))
      return F.linear(x, w, b).float().pow(2).mean()
    })
    loss.backward()
    results.loss = loss
    results.gradient = w.grad as Tensor
    results.after = x.mm(w.t())
    const reference = autocast[name] as Fixture['autocast'][string]
    expect(Object.keys(results).sort()).toEqual(Object.keys(reference).sort())
    for (const [key, expected] of Object.entries(reference)) {
      if (typeof expected === 'object') expectTensor(results[key] as Tensor, expected, 1e-2, key)
      else expect(results[key], key).toBe(expected)
    }
  })
})

describe('autocast', () => {
  test('holds for the block of its using form, and restores what was before', () => {
    const x = torch.ones(2, 2)
    {
      using _ = torch.autocast('cpu')
      expect(x.mm(x).dtype).toBe(torch.bfloat16)
      expect(() =>
        torch.autocast('cpu', { dtype: torch.float16 }, () => {
          expect(torch.get_autocast_dtype('cpu')).toBe(torch.float16)
          throw new Error('in the midst')
        }),
      ).toThrow('in the midst')
      expect(torch.get_autocast_dtype('cpu')).toBe(torch.bfloat16)
    }
    expect(torch.is_autocast_enabled('cpu')).toBe(false)
    expect(x.mm(x).dtype).toBe(torch.float32)
  })

  test('lets a recurrent layer take what autocast gave', () => {
    const rnn = new nn.GRU(3, 4)
    const out = torch.autocast('cpu', () => rnn(torch.randn(2, 1, 3).bfloat16())[0])
    expect([...out.shape]).toEqual([2, 1, 4])
    expect(() => rnn(torch.randn(2, 1, 3).bfloat16())).toThrow('does not match weight dtype')
  })

  test('refuses what it does not know', () => {
    // @ts-expect-error: no such device
    expect(() => torch.autocast('mps', () => 1)).toThrow("unsupported autocast device_type 'mps'")
    // @ts-expect-error: a misspelt keyword
    expect(() => torch.autocast('cpu', { dtipe: torch.bfloat16 }, () => 1)).toThrow("did you mean 'dtype'?")
    expect(() => torch.autocast('cpu', (async () => 1) as never)).toThrow('synchronous code only')
    expect(torch.is_autocast_enabled('cpu')).toBe(false)
  })
})

describe('GradScaler', () => {
  const begin = (options: torch.amp.GradScalerOptions = {}) => {
    torch.manual_seed(0)
    const model = new nn.Linear(3, 2)
    const x = torch.randn(5, 3)
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
    return { model, x, optimizer, scaler: new torch.amp.GradScaler('cpu', { init_scale: 64, ...options }) }
  }

  test('has the scales and steps of PyTorch, overflows included', () => {
    const { model, x, optimizer, scaler } = begin({ growth_interval: 3 })
    filled(scalerSteps).forEach((expected, step) => {
      optimizer.zero_grad()
      let loss = model(x).pow(2).mean()
      if (step === 2 || step === 7) loss = loss.mul(Infinity)
      scaler.scale(loss).backward()
      if (step % 2 === 1) {
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
      }
      scaler.step(optimizer)
      scaler.update()
      expect(scaler.state_dict()).toEqual(expected.state)
      expectTensor(model.weight, expected.weight, 1e-6, `step ${step}`)
    })
  })

  test('says in which order its methods go', () => {
    const { model, x, optimizer, scaler } = begin()
    expect(() => scaler.step(optimizer)).toThrow('did not use scaler.scale')
    scaler.scale(model(x).sum()).backward()
    scaler.unscale_(optimizer)
    expect(() => scaler.unscale_(optimizer)).toThrow('already been called on this optimizer since the last update')
    scaler.step(optimizer)
    expect(() => scaler.step(optimizer)).toThrow('step() has already been called since the last update().')
    expect(() => scaler.unscale_(optimizer)).toThrow('being called after step()')
    scaler.update()
    expect(() => scaler.update()).toThrow('No inf checks were recorded prior to update.')
  })

  test('goes on with a loaded state', () => {
    const { model, x, optimizer, scaler } = begin()
    scaler.scale(model(x).sum()).backward()
    scaler.step(optimizer)
    scaler.update(8)
    const other = new torch.amp.GradScaler('cpu')
    other.load_state_dict(scaler.state_dict())
    expect(other.get_scale()).toBe(8)
    expect(other.state_dict()).toEqual(scaler.state_dict())
    expect(() => other.load_state_dict({})).toThrow('The source state dict is empty')
    expect(other.scale([torch.ones(1), torch.ones(1)]).map((tensor) => tensor.item())).toEqual([8, 8])
  })

  test('does nothing where it is not enabled', () => {
    const { model, x, optimizer, scaler } = begin({ enabled: false })
    const loss = model(x).sum()
    expect(scaler.scale(loss)).toBe(loss)
    loss.backward()
    const before = model.weight.detach().clone()
    scaler.step(optimizer)
    scaler.update()
    expect(torch.equal(before, model.weight)).toBe(false)
    expect(scaler.state_dict()).toEqual({})
    expect(scaler.get_scale()).toBe(1)
  })

  test('its tensors outlive the scope that they are made in', () => {
    const { model, x, optimizer, scaler } = begin()
    for (let i = 0; i < 3; i++) {
      torch.scope(() => {
        optimizer.zero_grad()
        scaler.scale(model(x).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
      })
    }
    expect(scaler.get_scale()).toBe(64)
  })
})
