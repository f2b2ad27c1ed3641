import { describe, expect, test } from 'vitest'
import torch, { nn } from '../../lib/index.js'
import { expectTensor, filled, fixture, type Values } from '../helpers.js'
import { testCases } from './module_cases.js'

const F = nn.functional
const reference = fixture('losses.json')

test('losses equal PyTorch’s, with every option', () => {
  torch.manual_seed(6)
  const options = { dtype: torch.float64 }
  const logits = torch.randn(4, 5, options)
  const target = torch.tensor([1n, 0n, 4n, 2n])
  const weight = torch.tensor([0.5, 1.0, 2.0, 0.1, 1.5], options)
  const probabilities = F.softmax(torch.randn(4, 5, options), 1)
  const x = torch.randn(3, 4, options)
  const y = torch.randn(3, 4, options)
  const losses = {
    cross_entropy: F.cross_entropy(logits, target),
    cross_entropy_none: new nn.CrossEntropyLoss({ reduction: 'none' })(logits, target),
    cross_entropy_weight: new nn.CrossEntropyLoss({ weight })(logits, target),
    cross_entropy_smoothing: F.cross_entropy(logits, target, { label_smoothing: 0.2, reduction: 'sum' }),
    cross_entropy_ignore: new nn.CrossEntropyLoss({ ignore_index: 4 })(logits, target),
    cross_entropy_probabilities: F.cross_entropy(logits, probabilities),
    nll_loss: F.nll_loss(F.log_softmax(logits, 1), target),
    mse_loss: new nn.MSELoss()(x, y),
    mse_loss_sum: F.mse_loss(x, y, { reduction: 'sum' }),
    l1_loss: new nn.L1Loss()(x, y),
    binary_cross_entropy_with_logits: F.binary_cross_entropy_with_logits(x, torch.sigmoid(y)),
  }
  expect(Object.keys(losses)).toEqual(Object.keys(reference.losses))
  for (const [name, loss] of Object.entries(losses)) expectTensor(loss, reference.losses[name], 1e-12, name)
})

describe('loss modules give Python’s losses, gradients and errors', () => testCases('loss_modules.json'))

interface Clipping {
  max_norm: number
  norm_type: number | 'inf'
  total: Values
  grads: Values[]
}

test('clip_grad_norm_ and clip_grad_value_ equal PyTorch’s', () => {
  for (const { max_norm, norm_type, total, grads } of filled(reference.clipping.norm as Clipping[])) {
    torch.manual_seed(8)
    const params = [torch.zeros(3, 2), torch.zeros(4), torch.zeros(2)].map((p) => p.requires_grad_())
    for (const p of params.slice(0, 2)) p.grad = torch.randn(p.shape)
    const p = norm_type === 'inf' ? Infinity : Number(norm_type)
    expectTensor(nn.utils.clip_grad_norm_(params, max_norm, { norm_type: p }), total, 1e-6)
    expect(grads).toHaveLength(2)
    grads.forEach((grad, i) => {
      expectTensor(params[i]?.grad as torch.Tensor, grad, 1e-6)
    })
    expect(params[2]?.grad).toBeNull()
  }
  const q = torch.zeros(2, { requires_grad: true })
  q.grad = torch.tensor([3, -4])
  expect(nn.utils.clip_grad_norm_(q, 7, 1, true).item()).toBe(7)
  expect(() => nn.utils.clip_grad_norm_(q, 1, { norm_typ: 2 } as never)).toThrow(/did you mean 'norm_type'/)
  torch.manual_seed(8)
  const p = torch.zeros(5, { requires_grad: true })
  p.grad = torch.randn(5)
  nn.utils.clip_grad_value_(p, 0.5)
  expectTensor(p.grad as torch.Tensor, reference.clipping.value)
})

test('a norm that is not finite is an error on request', () => {
  const p = torch.zeros(2, { requires_grad: true })
  p.grad = torch.tensor([Number.NaN, 1])
  expect(() => nn.utils.clip_grad_norm_([p], 1, { error_if_nonfinite: true })).toThrow(/non-finite/)
  expect(nn.utils.clip_grad_norm_([p], 1).item()).toBeNaN()
})

test('nothing to clip has the norm 0', () => {
  expect(nn.utils.clip_grad_norm_([torch.zeros(2, { requires_grad: true })], 1).item()).toBe(0)
})

test.each([
  ['number targets', () => F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 2])), /torch\.tensor\(\[0n, 2n\]\)/],
  ['number indices', () => F.one_hot(torch.tensor([0, 2]), 3), /torch\.tensor\(\[0n, 2n\]\)/],
  ['fractional embedding indices', () => new nn.Embedding(3, 2)(torch.tensor([0, 2])), /torch\.tensor\(\[0n, 2n\]\)/],
  ['a class out of range', () => F.cross_entropy(torch.zeros(2, 3), torch.tensor([0n, 7n])), /out of bounds/],
  ['an embedding index out of range', () => new nn.Embedding(3, 2)(torch.tensor([5n])), /out of range/],
  ['an unknown reduction', () => new nn.MSELoss({ reduction: 'max' as never }), /'none', 'mean' or 'sum'/],
  ['an unknown option', () => new nn.CrossEntropyLoss({ weights: null } as never), /did you mean 'weight'\?/],
  ['a dropout of 1.5', () => new nn.Dropout(1.5), /between 0 and 1/],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message)
})
