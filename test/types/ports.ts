// What programs ported from Python write, line by line. Compiled with everything else, and never run: where a type falls
// behind, the build fails.

import torch, { nn, optim, type Tensor } from '../../lib/index.js'

/** A state that may be null is replaced in a loop, by an operator, a method, a function, a layer. */
export function states(X: Tensor, H: Tensor | null): void {
  H ??= torch.zeros(1)
  for (const x of X) {
    const z = torch.matmul(x, H)
    H = z
    const m = x.matmul(H)
    H = m
    const f = nn.functional.dropout(H, 0.5)
    H = f
    const [first] = torch.split(H, 1)
    H = first
  }
}
export function layers(rnn: nn.RNN, lstm: nn.LSTM, xs: Tensor[]): void {
  let h: Tensor | null = null
  for (const x of xs) {
    const [out, next] = rnn(x, h)
    h = next
    out.sum()
  }
  let s: [Tensor, Tensor] | null = null
  for (const x of xs) {
    const [out, next] = lstm(x, s)
    s = next
    out.sum()
  }
}
class Emb extends nn.Module {
  forward(idx: Tensor, targets: Tensor | null = null, n = 3): Tensor {
    return targets === null ? idx : idx.mul(n)
  }
  generate(idx: Tensor): Tensor {
    const y = this(idx)
    return y.mul(2)
  }
}
class Wrap<T extends nn.Module> extends nn.Module {
  constructor(readonly inner: T) {
    super()
  }
  forward(x: Tensor): Tensor {
    return this.inner(x)
  }
}
export function generators(generator: torch.Generator | undefined): void {
  torch.randn(2, { generator })
  torch.rand([2], { generator })
  torch.empty(2).normal_(0, 1, { generator })
  torch.randperm(3, { generator })
}
export function rates(o: optim.SGD, p: optim.Adam): void {
  o.param_groups[0].lr *= 0.5
  for (const g of p.param_groups) g.lr *= 0.5
}
export function containers(seq: nn.Sequential, list: nn.ModuleList<nn.Linear>): void {
  const own = new nn.Sequential(new nn.Linear(1, 2), new nn.ReLU())
  own[0].weight.sum()
  const named = new nn.Sequential({ fc: new nn.Linear(1, 2), act: new nn.ReLU() })
  named.fc.weight.sum()
  const any: nn.Sequential[] = [own, named, new nn.Sequential(...[new nn.ReLU()])]
  any.at(0)?.(torch.ones(1)).sum()
  const [x]: Tensor[] = [seq[0](torch.ones(1))]
  list[0].weight.sum()
  x?.sum()
}
export function chosen(kind: 'RNN' | 'LSTM' | 'GRU'): void {
  const m = new nn[kind](1, 2, { num_layers: 2, batch_first: true })
  m.hidden_size.toFixed()
  const n = new nn[kind]({ input_size: 1, hidden_size: 2 })
  n.hidden_size.toFixed()
}
export function weights(lstm: nn.LSTM): void {
  lstm.weight_hh_l0.data.mul_(2)
  lstm.bias_ih_l1_reverse.data.mul_(2)
}
export class Descent extends optim.Optimizer {
  constructor(params: Iterable<Tensor>, lr = 1) {
    super(params, { lr })
  }
  override step(closure?: () => Tensor): Tensor | undefined {
    for (const group of this.param_groups)
      for (const p of group.params) if (p.grad !== null) p.data.add_(p.grad, { alpha: -group.lr })
    return closure?.()
  }
}
export const trained: optim.Optimizer[] = [new optim.SGD([torch.ones(1)]), new Descent([torch.ones(1)])]
export function lists(x: Tensor): void {
  const l: number[] = x.tolist()
  const m: number[][] = x.tolist()
  const [p, q] = x.split(2)
  const [r, t] = torch.split(x, [1, 2], 0)
  const [u, v] = x.chunk(2)
  for (const s of [p, q, r, t, u, v]) s.sum()
  l.length + m.length
}
export function settings(betas: number[]): optim.Adam {
  return new optim.Adam([torch.ones(1)], { betas })
}
export { Emb, Wrap }

// A module of the table of settings.
export const celu = (x: Tensor): Tensor =>
  new nn.CELU({ alpha: 2 })(x).add(new nn.Sequential(new nn.CELU(), new nn.ReLU())(x))

/** Normalisation: what a block of a network and its initialisation write. */
export class Block extends nn.Module {
  norm = new nn.BatchNorm2d(8)
  ln = new nn.LayerNorm([8, 4, 4], { bias: false })
  gn = new nn.GroupNorm(2, 8, 1e-6, false)
  forward(x: Tensor): Tensor {
    return this.gn(this.ln(this.norm(x)))
  }
}
export function calm(m: nn.Module): void {
  if (m instanceof nn.BatchNorm2d || m instanceof nn.modules.batchnorm._BatchNorm) {
    m.weight?.data.normal_(1, 0.02)
    if (m.bias !== null) nn.init.constant_(m.bias, 0)
    m.running_mean?.zero_()
  }
}
