// torch.backends.tstorch.fused = false: the numbers are those of libtorch's own operators, to the last bit. That these
// are Python's too is for scripts/bit_equal to show, on one machine.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../lib/index.js'
import { digest } from './helpers.js'

beforeEach(() => {
  torch.backends.tstorch.fused = false
  torch.manual_seed(6)
})
afterEach(() => {
  torch.backends.tstorch.fused = true
})

const digests = (tensors: readonly Tensor[]) => tensors.map(digest)
const aten = torch.ops.aten as unknown as Record<string, (...args: unknown[]) => Tensor[]>

test('a linear layer is addmm', () => {
  for (const [rows, inputs, outputs] of [
    [8, 32, 64],
    [1, 5, 3],
    [40, 10, 40],
  ] as const) {
    const [x, bias] = [
      torch.randn(rows, inputs, { requires_grad: true }),
      torch.randn(outputs, { requires_grad: true }),
    ]
    const weight = torch.randn(outputs, inputs, { requires_grad: true })
    const factors = torch.randn(rows, outputs)
    const gradients = (y: Tensor) => [y, ...(torch.autograd.grad(y.mul(factors).sum(), [x, weight, bias]) as Tensor[])]
    const expected = gradients(torch.addmm(bias, x, weight.t()))
    expect(digests(gradients(nn.functional.linear(x, weight, bias)))).toEqual(digests(expected))
  }
})

test.each([
  ['RNN', 'rnn_tanh'],
  ['LSTM', 'lstm'],
  ['GRU', 'gru'],
] as const)('nn.%s is aten::%s', (name, operator) => {
  const layer = new nn[name]({ input_size: 7, hidden_size: 20, num_layers: 2, bidirectional: true, dropout: 0.3 })
  const x = torch.randn(9, 5, 7)
  const states = [torch.zeros(4, 5, 20), torch.zeros(4, 5, 20)]
  const hx = name === 'LSTM' ? states : states[0]
  const gradients = (run: () => Tensor) => {
    torch.manual_seed(7)
    const y = run()
    return [y, ...(torch.autograd.grad(y.pow(2).sum(), layer.parameters()) as Tensor[])]
  }
  const call = layer as unknown as (x: Tensor, hx: unknown) => [Tensor]
  const actual = gradients(() => call(x, hx)[0])
  const weights = layer.parameters()
  const expected = gradients(() => aten[operator]?.(x, hx, weights, true, 2, 0.3, true, true, false)[0] as Tensor)
  expect(digests(actual)).toEqual(digests(expected))
})

describe('optimizers take PyTorch’s operators one by one', () => {
  const shapes = [[30, 20], [20], [7, 1, 3]]
  const make = (): Tensor[] => {
    torch.manual_seed(8)
    return shapes.map((shape) => torch.randn(shape).requires_grad_())
  }
  const drawn = (): Tensor[][] => [0, 1, 2].map(() => shapes.map((shape) => torch.randn(shape)))

  test.each([
    ['Adam', {}],
    ['Adam', { weight_decay: 0.1, amsgrad: true, maximize: true }],
    ['AdamW', { weight_decay: 0.1 }],
  ] as const)('%s %o', (name, options: { weight_decay?: number; amsgrad?: boolean; maximize?: boolean }) => {
    const [actual, expected, gradients] = [make(), make(), drawn()]
    const optimizer = new torch.optim[name](actual, { lr: 0.01, ...options })
    const averages = shapes.map((shape) => [torch.zeros(shape), torch.zeros(shape), torch.zeros(shape)] as const)
    const decay = options.weight_decay ?? 0
    gradients.forEach((of, step) => {
      actual.forEach((p, i) => {
        p.grad = (of[i] as Tensor).clone()
      })
      optimizer.step()
      torch.no_grad(() => {
        expected.forEach((p, i) => {
          const [average, square, greatest] = averages[i] as (typeof averages)[number]
          let gradient = of[i] as Tensor
          if (options.maximize) gradient = gradient.neg()
          if (name === 'AdamW') p.mul_(1 - 0.01 * decay)
          else if (decay !== 0) gradient = gradient.add(p, { alpha: decay })
          average.lerp_(gradient, 1 - 0.9)
          square.mul_(0.999).addcmul_(gradient, gradient, { value: 1 - 0.999 })
          greatest.copy_(torch.maximum(greatest, square))
          const [first, second] = [1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)]
          const root = (options.amsgrad ? greatest : square).sqrt().div(second ** 0.5)
          p.addcdiv_(average, root.add_(1e-8), { value: -(0.01 / first) })
        })
      })
    })
    expect(digests(actual)).toEqual(digests(expected))
  })

  test.each([{}, { momentum: 0.9, nesterov: true, weight_decay: 0.1 }, { momentum: 0.9, dampening: 0.2 }])(
    'SGD %o',
    (options: { momentum?: number; nesterov?: boolean; weight_decay?: number; dampening?: number }) => {
      const { momentum = 0, nesterov = false, weight_decay = 0, dampening = 0 } = options
      const [actual, expected, gradients] = [make(), make(), drawn()]
      const optimizer = new torch.optim.SGD(actual, { lr: 0.1, ...options })
      const buffers: Tensor[] = []
      for (const of of gradients) {
        actual.forEach((p, i) => {
          p.grad = (of[i] as Tensor).clone()
        })
        optimizer.step()
        torch.no_grad(() => {
          expected.forEach((p, i) => {
            let gradient = of[i] as Tensor
            if (weight_decay !== 0) gradient = gradient.add(p, { alpha: weight_decay })
            if (momentum !== 0) {
              const before = buffers[i]
              const buffer = before?.mul_(momentum).add_(gradient, { alpha: 1 - dampening }) ?? gradient.clone()
              buffers[i] = buffer
              gradient = nesterov ? gradient.add(buffer, { alpha: momentum }) : buffer
            }
            p.add_(gradient, { alpha: -0.1 })
          })
        })
      }
      expect(digests(actual)).toEqual(digests(expected))
    },
  )
})

test('a switch that is not there cannot be turned', () => {
  for (const switches of [torch.backends.tstorch, torch.backends.cudnn, torch.backends.mkldnn, torch.backends.cuda]) {
    expect(() => Object.assign(switches, { misspelt: false })).toThrow(/misspelt/)
  }
})
