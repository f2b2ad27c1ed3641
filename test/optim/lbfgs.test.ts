import { describe, expect, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../../lib/index.js'
import { expectNumbers, expectTensor, filled, fixture, type Values } from '../helpers.js'

/** See scripts/reference/lbfgs.py. */
interface Case {
  problem: 'rosenbrock' | 'network' | 'complex' | 'partly'
  options: optim.LBFGSOptions
  dtype: 'float32' | 'float64'
  /** Whether the rate is a tensor. */
  tensor: boolean
  losses: number[]
  params: Values[]
  kinds: Record<string, string>
  counts: [func_evals: number, n_iter: number]
  prev_loss: number
}

const { cases } = fixture<{ cases: Case[] }>('lbfgs.json')

type Problem = (dtype: torch.DType) => [params: Tensor[], loss: () => Tensor]

function line(start: number, end: number, size: number[], dtype: torch.DType): Tensor {
  const count = size.reduce((product, part) => product * part, 1)
  return torch.linspace(start, end, count, { dtype }).reshape(size).requires_grad_()
}

const PROBLEMS: Record<Case['problem'], Problem> = {
  rosenbrock(dtype) {
    const x = line(-1.2, 1, [4], dtype)
    const [head, tail] = [() => x.index(':-1'), () => x.index('1:')]
    return [[x], () => tail().sub(head().pow(2)).pow(2).mul(100).add(torch.sub(1, head()).pow(2)).sum()]
  },
  network(dtype) {
    const [w1, b1] = [line(-1, 1, [8, 1], dtype), line(-0.5, 0.5, [8], dtype)]
    const [w2, b2] = [line(-0.3, 0.4, [1, 8], dtype), line(0, 0, [1], dtype)]
    const x = torch.linspace(-2, 2, 20, { dtype }).unsqueeze(1)
    const y = torch.sin(x.mul(2))
    const output = () => torch.tanh(x.matmul(w1.t()).add(b1)).matmul(w2.t()).add(b2)
    return [[w1, b1, w2, b2], () => nn.functional.mse_loss(output(), y)]
  },
  complex(dtype) {
    const [z, w] = [line(-1, 1, [3, 2], dtype), line(-1, 1, [3], dtype)]
    const p = torch.complex(z.detach(), z.detach().flip(0).mul(0.5)).requires_grad_()
    const loss = () => torch.view_as_real(p).sub(0.3).pow(4).sum().add(p.abs().sum(1).sub(w).pow(2).sum())
    return [[p, w], loss]
  },
  partly(dtype) {
    const [a, b] = [line(-1, 1, [5], dtype), line(0, 1, [2], dtype)]
    return [[b, a], () => a.pow(4).sum().add(a.sum().sub(1).pow(2))]
  },
}

/** What Python calls the kind of a value. */
function kindOf(value: unknown): string {
  if (torch.is_tensor(value)) return 'Tensor'
  if (Array.isArray(value)) return `list of ${value.length}`
  return 'number'
}

const kinds = (of: Record<string, string>) =>
  Object.fromEntries(Object.entries(of).map(([name, kind]) => [name, kind.replace(/^(int|float)$/, 'number')]))

const named = filled(cases).map((entry): [string, Case] => [
  `${entry.problem} ${JSON.stringify(entry.options)} ${entry.dtype}${entry.tensor ? ', a tensor' : ''}`,
  entry,
])

describe.each(named)('%s', (_, { problem, options, dtype, tensor, ...expected }) => {
  // Where the last bits differ, as another processor's do, the path goes apart a little more with each step.
  const tolerance = dtype === 'float32' ? 1e-3 : 1e-7

  test('every step equals PyTorch', () => {
    const [params, lossOf] = PROBLEMS[problem](torch[dtype])
    const lr = (options.lr ?? 1) as number
    const optimizer = new optim.LBFGS(
      params,
      tensor ? { ...options, lr: torch.tensor(lr, { dtype: torch[dtype] }) } : options,
    )
    const step = () =>
      optimizer.step(() => {
        optimizer.zero_grad()
        const loss = lossOf()
        loss.backward()
        return loss
      })
    const losses = expected.losses.map(() => step().item())
    expectNumbers(losses, expected.losses, tolerance, 'losses')
    params.forEach((param, i) => {
      const real = param.is_complex() ? torch.view_as_real(param) : param
      expectTensor(real, expected.params[i] as Values, 10 * tolerance, `parameter ${i}`)
    })
    const state = optimizer.state_dict().state[0] as unknown as Record<string, unknown>
    const actual = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, kindOf(value)]))
    expect(actual).toEqual(kinds(expected.kinds))
    expect([state.func_evals, state.n_iter]).toEqual(expected.counts)
  })
})

function quadratic(options: optim.LBFGSOptions = {}) {
  const x = torch.ones(3, { dtype: torch.float64, requires_grad: true })
  const optimizer = new optim.LBFGS([x], options)
  const closure = () => {
    optimizer.zero_grad()
    const loss = x.sub(3).pow(4).sum()
    loss.backward()
    return loss
  }
  return { x, optimizer, closure }
}

describe('a step', () => {
  test('leaves no tensors behind but its state, and those of the closure where they were', () => {
    const { optimizer, closure } = quadratic({ max_iter: 3, history_size: 2, line_search_fn: 'strong_wolfe' })
    const seen: Tensor[] = []
    const step = () =>
      torch.scope(() => {
        optimizer.step(() => {
          const loss = closure()
          seen.push(loss)
          return loss
        })
        // The closure's tensors belong to this scope: they live until it ends, and no longer.
        expect(seen.every((loss) => !loss.is_disposed)).toBe(true)
      })
    step()
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.every((loss) => loss.is_disposed)).toBe(true)
    const state = optimizer.state_dict().state[0] as unknown as { d: Tensor; old_dirs: Tensor[] }
    expect([state.d, ...state.old_dirs].every((tensor) => !tensor.is_disposed)).toBe(true)
  })

  test('gives what the closure gave', () => {
    const { optimizer, closure } = quadratic()
    expect(optimizer.step(() => closure().item())).toBe(48)
    expect(optimizer.step({ closure }).item()).toBeLessThan(48)
  })

  test('records no graph, though the closure does', () => {
    const { x, optimizer, closure } = quadratic({ line_search_fn: 'strong_wolfe' })
    const recording: boolean[] = []
    torch.no_grad(() => {
      optimizer.step(() => {
        recording.push(torch.is_grad_enabled())
        return closure()
      })
      expect(torch.is_grad_enabled()).toBe(false)
    })
    expect(new Set(recording)).toEqual(new Set([true]))
    expect([x.is_leaf, x.requires_grad]).toEqual([true, true])
  })

  test('that throws leaves modes and scopes as they were', () => {
    const { optimizer, closure } = quadratic({ line_search_fn: 'strong_wolfe' })
    let calls = 0
    const failing = () => {
      if (++calls === 3) throw new Error('no more')
      return closure()
    }
    torch.scope(() => {
      expect(() => optimizer.step(failing)).toThrow('no more')
      const later = torch.ones(1)
      expect([torch.is_grad_enabled(), later.is_disposed]).toEqual([true, false])
    })
    expect(optimizer.step(closure).item()).toBeLessThan(48)
  })
})

test('LBFGS refuses what Python refuses', () => {
  const x = torch.ones(1, { requires_grad: true })
  const y = torch.ones(1, { requires_grad: true })
  expect(() => new optim.LBFGS([{ params: [x] }, { params: [y] }])).toThrow(
    "LBFGS doesn't support per-parameter options (parameter groups)",
  )
  expect(() => new optim.LBFGS([x], -1)).toThrow('Invalid learning rate: -1')
  expect(() => new optim.LBFGS([x], torch.ones(2))).toThrow('Tensor lr must be 1-element')
  const { optimizer } = quadratic()
  expect(() => (optimizer.step as () => unknown)()).toThrow("step() missing required argument 'closure'")
  expect(() => optimizer.step(() => undefined)).toThrow('the closure must return the loss')
  const { optimizer: other, closure } = quadratic({ line_search_fn: 'wolfe' })
  expect(() => other.step(closure)).toThrow("only 'strong_wolfe' is supported")
})
