// Calls whose tensors nothing else needs, under a garbage collector that runs all the time: node --gc-interval=7
// dist/test/memory/collected.js. A handle must not die while native code is still to read it.

import { native } from '../../lib/core/native.js'
import torch, { autograd, nn, optim, type Tensor } from '../../lib/index.js'

class Twice extends autograd.Function {
  static override forward(ctx: InstanceType<typeof autograd.FunctionCtx>, x: Tensor): [Tensor, Tensor] {
    ctx.save_for_backward(x.mul(1), x.add(1))
    return [x.mul(2), x.mul(3)]
  }
  static override backward(ctx: InstanceType<typeof autograd.FunctionCtx>, a: Tensor, b: Tensor): Tensor {
    return a
      .mul(2)
      .add(b.mul(3))
      .mul(ctx.saved_tensors[0] as Tensor)
  }
}

class Kept extends autograd.Function {
  static override forward(ctx: InstanceType<typeof autograd.FunctionCtx>, x: Tensor): Tensor {
    ctx.y = x.exp()
    return ctx.y
  }
  static override backward(ctx: InstanceType<typeof autograd.FunctionCtx>, grad: Tensor): Tensor {
    return grad.mul(ctx.y)
  }
}

const table = torch.arange(1000).view(10, 100)
const leaf = torch.ones(2, { requires_grad: true })
const rnn = new nn.LSTM(3, 4, { num_layers: 2, bidirectional: true })
const gru = new nn.GRU(3, 4)
const linear = new nn.Linear(8, 2)
const optimizer = new optim.Adam([...rnn.parameters(), ...linear.parameters()], { lr: 1e-3 })

for (let i = 0; i < Number(process.argv[2] ?? 500); i++) {
  table.index([i % 10, 3, 2], [1, 2, 3], null)
  torch.zeros(10, 100).index_set_(
    [
      [1, 2],
      [3, 4],
    ],
    [5, 6],
  )
  const [p, q] = Twice.apply(leaf.mul(1))
  autograd.grad([p.sum(), q.sum()], [leaf])
  autograd.backward([leaf.mul(2).sum(), leaf.exp().sum()], [torch.ones([]), torch.ones([])])
  torch.cat([torch.ones(2), torch.zeros(1), leaf.mul(3)])
  torch.einsum('i,j->ij', torch.ones(2), torch.ones(3))
  const [out] = rnn(torch.randn(5, 2, 3), [torch.zeros(4, 2, 4), torch.zeros(4, 2, 4)])
  nn.functional.cross_entropy(linear(out).view(-1, 2), torch.randint(0, 2, [10])).backward()
  nn.utils.clip_grad_norm_(rnn.parameters(), 1)
  optimizer.step()
  optimizer.zero_grad()
  gru(nn.utils.rnn.pack_sequence([torch.ones(3, 3), torch.ones(2, 3)]))
  torch.utils.checkpoint
    .checkpoint((x: Tensor) => x.mul(leaf), torch.ones(2))
    .sum()
    .backward()
  autograd.functional.jacobian((x: Tensor) => x.exp(), torch.ones(2))
  leaf.mul(2).register_hook((grad) => grad.mul(2))
  // What goes through native code in a circle, and is needed until the backward.
  let called = 0
  const loss = (() => {
    const y = Kept.apply(leaf.mul(2))
    y.register_hook((grad) => {
      called++
      return grad.mul(y)
    })
    y.grad_fn?.register_prehook(() => void called++)
    return y.sum()
  })()
  const array = torch.full([300], i).to_typed_array()
  native.collect_garbage(i % 10 === 0)
  loss.backward()
  if (called !== 2 || array.some((value) => value !== i)) throw new Error(`round ${i}: ${called} hooks were called`)
}
console.log('done')
