// What compiles and what does not, of calls in place and by keyword. Nothing runs this file: that it compiles is the test,
// and that what is marked as an error is one.

import torch, { nn, optim, type Tensor } from '../../lib/index.js'

export function calls(x: Tensor, kind: 'SGD' | 'Adam', cell: 'RNN' | 'GRU'): unknown[] {
  const linear = new nn.Linear(3, 4, { bias: false })
  const state: Tensor | null = null
  return [
    new nn.Linear({ in_features: 3, out_features: 4 }),
    new nn.Linear(3, { out_features: 4, dtype: torch.float64 }),
    new nn.Linear(3, 4, true, 'cpu', torch.float64),
    // @ts-expect-error: out_features is missing
    new nn.Linear(3),
    // @ts-expect-error: a string is no size
    new nn.Linear('3', 4),
    // @ts-expect-error: misspelt
    new nn.Linear(3, 4, { biass: false }),
    // @ts-expect-error: no such nonlinearity
    new nn.RNN(3, 4, { nonlinearity: 'relux' }),
    // @ts-expect-error: maximize is a keyword alone
    new optim.SGD(linear.parameters(), 0.1, 0.9, 0, 0, false, true),
    new optim.SGD(linear.parameters(), 0.1, 0.9, { maximize: true }),
    new optim.SGD([{ params: linear.parameters(), lr: 0.1 }], { lr: 0.2, momentum: undefined }),
    new optim.SGD([{ params: linear.parameters(), name: 'all' }]),
    new optim.Adam(linear.named_parameters(), { lr: 1e-3, betas: [0.9, 0.99] }),
    new optim[kind](linear.parameters(), { lr: 0.1 }),
    new nn[cell](3, 4, { batch_first: true })(x, { hx: state }),
    new nn.LSTM(3, 4)(x, { hx: null }),
    nn.init.kaiming_uniform_(linear.weight, Math.sqrt(5), { nonlinearity: 'relu' }),
    nn.utils.clip_grad_norm_(linear.parameters(), { max_norm: 1 }),
    linear.named_parameters({ prefix: 'x', recurse: false }),
    linear.to('cpu', torch.float64).to({ dtype: torch.float32 }).train({ mode: false }),
    x.backward(null, true),
    x.backward({ retain_graph: true }),
    // @ts-expect-error: misspelt
    x.backward({ retain_grph: true }),
    torch.autograd.grad(x, [x], { create_graph: true }),
    torch.full([2], 1, { dtype: torch.int64 }),
    new torch.Generator({ device: 'cpu' }).manual_seed(2n),
  ]
}

/** A module and an optimizer of a user's. */
export class Net extends nn.Module {
  linear = new nn.Linear(1, 2)
  override train(mode = true): this {
    return super.train(mode)
  }
  forward(x: Tensor): Tensor {
    return this.linear(x)
  }
}

export class Descent extends optim.Optimizer<{ lr: number }> {
  constructor(params: Iterable<Tensor>, lr = 0.1) {
    super(params, { lr })
  }
  override step(): undefined {
    for (const { params, lr } of this.param_groups) for (const p of params) p.data.sub_(p.grad?.mul(lr) ?? 0)
  }
}
