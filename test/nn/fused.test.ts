// The fused sequence against libtorch's own operators, where the numbers of PyTorch's fixtures are too small: many
// tiles, ends of vectors, several threads, second derivatives.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectNumbers } from '../helpers.js'

const KINDS = {
  RNN: (options: object) => new nn.RNN(19, 37, options),
  RNN_relu: (options: object) => new nn.RNN(19, 37, { ...options, nonlinearity: 'relu' }),
  LSTM: (options: object) => new nn.LSTM(19, 37, options),
  LSTM_proj: (options: object) => new nn.LSTM(19, 37, { ...options, proj_size: 11 }),
  GRU: (options: object) => new nn.GRU(19, 37, options),
}
type Kind = keyof typeof KINDS
const KIND_NAMES = Object.keys(KINDS) as Kind[]

const flat = (tensors: (Tensor | null)[]): number[] =>
  tensors.flatMap((tensor) => (tensor === null ? [] : (tensor.detach().double().flatten().tolist() as number[])))

const results = (layer: nn.RNNBase, x: unknown, state?: unknown): Tensor[] => {
  const [output, states] = layer(x, state) as [Tensor, Tensor | Tensor[]]
  return [output, ...(Array.isArray(states) ? states : [states])]
}

/** The same computation by both paths, from the same seed. */
function both(compute: () => number[]): [fused: number[], libtorch: number[]] {
  const run = (fused: boolean) => {
    torch.backends.tstorch.fused = fused
    torch.manual_seed(1)
    return compute()
  }
  return [run(true), run(false)]
}

afterEach(() => {
  torch.backends.tstorch.fused = true
  torch.set_num_threads(1)
})

describe.each(KIND_NAMES)('%s', (kind) => {
  test.each([
    ['one layer', {}, 1],
    ['two threads', { num_layers: 2, bidirectional: true }, 2],
    ['no biases, batch_first', { bias: false, batch_first: true }, 1],
    ['dropout', { num_layers: 3, dropout: 0.3, bidirectional: true, batch_first: true }, 2],
  ])('has libtorch’s numbers: %s', (_, options, threads) => {
    torch.set_num_threads(threads)
    const compute = () => {
      const layer = KINDS[kind](options)
      const x = torch.randn(9, 41, 19, { requires_grad: true })
      const outputs = results(layer, x)
      outputs
        .map((y) => y.mul(torch.randn(y.shape)).sum())
        .reduce((sum, part) => sum.add(part))
        .backward()
      return flat([...outputs, x.grad, ...layer.parameters().map((p) => p.grad)])
    }
    const [fused, libtorch] = both(compute)
    expectNumbers(fused, libtorch, 2e-5, kind)
  })

  test.each([1, 70])('takes a single step of %i sequences from given states', (batch) => {
    const compute = () => {
      const layer = KINDS[kind]({ bidirectional: true })
      const h_0 = torch.randn(2, batch, layer.proj_size || 37, { requires_grad: true })
      const c_0 = torch.randn(2, batch, 37, { requires_grad: true })
      const outputs = results(layer, torch.randn(1, batch, 19), layer instanceof nn.LSTM ? [h_0, c_0] : h_0)
      outputs
        .map((y) => y.pow(2).sum())
        .reduce((sum, part) => sum.add(part))
        .backward()
      return flat([...outputs, h_0.grad, c_0.grad, ...layer.parameters().map((p) => p.grad)])
    }
    const [fused, libtorch] = both(compute)
    expectNumbers(fused, libtorch, 1e-5, kind)
  })

  test('in bfloat16 has float32’s numbers, within a few roundings of the largest', () => {
    const compute = (dtype: torch.DType) => {
      torch.manual_seed(1)
      const layer = KINDS[kind]({}).bfloat16().to(dtype)
      const x = torch.randn(6, 5, 19).to(torch.bfloat16).to(dtype)
      const outputs = results(layer, x)
      expect(outputs[0]?.dtype).toBe(dtype)
      outputs[0]?.sum().backward()
      return [...outputs, ...layer.parameters().map((p) => p.grad)].map((tensor) => flat([tensor]))
    }
    const [exact, fused] = [compute(torch.float32), compute(torch.bfloat16)]
    const roundings = exact.map((numbers, i) => {
      const distance = Math.max(...numbers.map((n, j) => Math.abs(n - (fused[i]?.[j] as number))))
      return distance / (Math.max(...numbers.map(Math.abs)) * torch.finfo(torch.bfloat16).eps)
    })
    // A result is rounded once, and so are what it is computed from.
    expect(Math.max(...roundings)).toBeLessThan(4)
    expect(Math.min(...roundings)).toBeGreaterThan(0)
  })

  test('has second derivatives, mixed with other terms and with states that depend on the input', () => {
    const compute = () => {
      const layer = KINDS[kind]({ num_layers: 2, dropout: 0.2 }).double()
      const x = torch.randn(4, 3, 19, { dtype: torch.float64, requires_grad: true })
      const size = layer.proj_size || 37
      const h_0 = x.index(0).tile(2).narrow(1, 0, size).tanh().expand(2, 3, size)
      const c_0 = torch.zeros(2, 3, 37, { dtype: torch.float64 })
      const outputs = results(layer, x, layer instanceof nn.LSTM ? [h_0, c_0] : h_0)
      const loss = (outputs[0] as Tensor).pow(3).sum().add(x.pow(2).sum())
      const first = torch.autograd.grad(loss, [x, ...layer.parameters()], { create_graph: true }) as Tensor[]
      const penalty = first.map((g) => g.pow(2).sum()).reduce((a, b) => a.add(b))
      penalty.add(loss).backward()
      return flat([loss, ...first, x.grad, ...layer.parameters().map((p) => p.grad)])
    }
    const [fused, libtorch] = both(compute)
    expectNumbers(fused, libtorch, 1e-9, kind)
  })

  test('has the gradient that differences give, and a one-hot input takes no other path to it', () => {
    torch.manual_seed(2)
    const layer = KINDS[kind]({}).double()
    const x = nn.functional.one_hot(torch.randint(0, 19, [5, 3]), 19).double()
    const weight = layer.get_parameter('weight_ih_l0')
    const weights = results(layer, x).map((y) => torch.randn(y.shape, { dtype: torch.float64 }))
    const loss = () =>
      results(layer, x)
        .map((y, i) => y.mul(weights[i] as Tensor).sum())
        .reduce((a, b) => a.add(b))
    loss().backward()
    for (const [row, column] of [
      [0, 3],
      [36, 18],
    ] as const) {
      const at = (delta: number) =>
        torch.no_grad(() => {
          weight.index(row, column).add_(delta)
          const value = loss().item()
          weight.index(row, column).sub_(delta)
          return value
        })
      const difference = (at(1e-6) - at(-1e-6)) / 2e-6
      expect((weight.grad as Tensor).index(row, column).item()).toBeCloseTo(difference, 6)
    }
  })
})

test('an output may change in place before backward, as in PyTorch', () => {
  const compute = () => {
    const layer = new nn.GRU(19, 37, { num_layers: 2 })
    const [y] = layer(torch.randn(5, 3, 19))
    y.relu_()
    y.mul(torch.randn(y.shape)).sum().backward()
    return flat(layer.parameters().map((p) => p.grad))
  }
  const [fused, libtorch] = both(compute)
  expectNumbers(fused, libtorch, 1e-5)
})

test('what is written through to_typed_array() before backward does not reach the gradients', () => {
  const gradients = (Layer: typeof nn.RNN | typeof nn.GRU | typeof nn.LSTM, write: boolean) => {
    torch.manual_seed(4)
    const layer = new Layer(19, 37)
    const [y] = results(layer, torch.randn(5, 3, 19)) as [Tensor, Tensor]
    if (write) (y.detach().to_typed_array() as Float32Array).fill(7)
    y.sum().backward()
    return flat(layer.parameters().map((p) => p.grad))
  }
  for (const Layer of [nn.RNN, nn.GRU, nn.LSTM]) expect(gradients(Layer, true)).toEqual(gradients(Layer, false))
})

test.each(KIND_NAMES)('%s: a backward inside autocast has the gradients of its forward outside', (kind) => {
  const gradients = (inside: boolean, create_graph: boolean) => {
    torch.manual_seed(5)
    const layer = KINDS[kind]({ num_layers: 2, bidirectional: true })
    const h_0 = torch.randn(4, 30, layer.proj_size || 37, { requires_grad: true })
    const c_0 = torch.randn(4, 30, 37, { requires_grad: true })
    const x = nn.functional
      .one_hot(torch.randint(0, 19, [40, 30]), 19)
      .float()
      .requires_grad_()
    const [y] = results(layer, x, layer instanceof nn.LSTM ? [h_0, c_0] : h_0)
    const loss = (y as Tensor).sum()
    const wanted = [x, h_0, ...layer.parameters()]
    const enabled = inside
    return flat(torch.autocast('cpu', { enabled }, () => torch.autograd.grad(loss, wanted, { create_graph })))
  }
  expect(gradients(true, false)).toEqual(gradients(false, false))
  expect(gradients(true, true)).toEqual(gradients(false, true))
})

test('a weight that changed before backward is an error, and so is a second backward', () => {
  const layer = new nn.RNN(2, 3)
  const [y] = layer(torch.randn(4, 1, 2))
  torch.no_grad(() => layer.get_parameter('weight_hh_l0').add_(1))
  expect(() => y.sum().backward()).toThrow(/modified by an inplace operation/)
  const loss = layer(torch.randn(4, 1, 2))[0].sum()
  loss.backward()
  expect(() => loss.backward()).toThrow(/backward through the graph a second time/)
})

test('data that took another shape before backward is an error, not a read past its end', () => {
  const layer = new nn.RNN(19, 37)
  const loss = layer(torch.randn(5, 3, 19))[0].sum()
  for (const name of ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']) {
    const weight = layer.get_parameter(name)
    weight.data = torch.zeros(weight.shape.map((n) => (n === 37 ? 5 : n)))
  }
  expect(() => loss.backward()).toThrow(/another shape|modified by an inplace/)
  const linear = new nn.Linear(3, 2)
  const x = torch.randn(4, 3, { requires_grad: true })
  const sum = linear(x).sum()
  x.data = torch.zeros(1, 3)
  expect(() => sum.backward()).toThrow(/modified by an inplace|cannot be multiplied|another shape|invalid gradient/)
})

test('a hook that gives a gradient another shape is an error', () => {
  const layer = new nn.GRU(19, 37)
  const [y] = layer(torch.randn(5, 3, 19))
  y.register_hook((grad) => {
    grad.resize_([5, 3, 1])
  })
  expect(() => y.mul(2).sum().backward()).toThrow()
})

test('gradients are computed for what wants them alone', () => {
  const layer = new nn.LSTM(19, 37)
  layer.get_parameter('weight_ih_l0').requires_grad_(false)
  const state: [Tensor, Tensor] = [torch.randn(1, 2, 37), torch.randn(1, 2, 37, { requires_grad: true })]
  layer(torch.randn(5, 2, 19), state)[0]
    .sum()
    .backward()
  expect(layer.get_parameter('weight_ih_l0').grad).toBeNull()
  expect(state[0].grad).toBeNull()
  expect(state[1].grad?.shape.equals([1, 2, 37])).toBe(true)
  expect(torch.no_grad(() => layer(torch.randn(5, 2, 19))[0].requires_grad)).toBe(false)
})

test('a hidden state alone carries the gradient', () => {
  const compute = () => {
    const layer = new nn.GRU(19, 37, { bidirectional: true })
    layer(torch.randn(5, 3, 19))[1]
      .pow(2)
      .sum()
      .backward()
    return flat(layer.parameters().map((p) => p.grad))
  }
  const [fused, libtorch] = both(compute)
  expectNumbers(fused, libtorch, 1e-5)
})

// The kernels are compiled for several instruction sets; a machine runs the best that it has unless told otherwise.
const instructions = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : ''
const capabilities = ['default', 'avx2', 'avx512'].filter(
  (name) => name === 'default' || instructions.includes(name === 'avx2' ? ' avx2 ' : ' avx512vl '),
)
test.each(capabilities)('the kernels for %s have libtorch’s numbers', (capability) => {
  const program = `
    const torch = await import(${JSON.stringify(pathToFileURL(join(packageRoot, 'dist/lib/index.js')).href)})
    const compute = (Layer, fused) => {
      torch.backends.tstorch.fused = fused
      torch.manual_seed(3)
      const layer = new Layer(19, 37)
      const [y] = layer(torch.randn(6, 23, 19))
      y.mul(torch.randn(y.shape)).sum().backward()
      return torch.cat([y, ...layer.parameters().map((p) => p.grad)].map((t) => t.detach().flatten()))
    }
    let worst = 0
    for (const Layer of [torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU]) {
      worst = Math.max(worst, compute(Layer, true).sub(compute(Layer, false)).abs().max().item())
    }
    console.log(worst)`
  const worst = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, ATEN_CPU_CAPABILITY: capability },
  })
  expect(Number(worst)).toBeLessThan(1e-4)
})
