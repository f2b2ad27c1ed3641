// Calls with and without keywords in a program where each keyword's name is on Object.prototype too: node
// dist/test/polluted.js polluted prints the results as JSON, and so does `clean`, where none is.

import torch, { nn, optim } from '../lib/index.js'
import { signatures } from '../lib/operators/generated/signatures.js'

const named = Object.values(signatures).flatMap((signature) =>
  [...signature.matchAll(/(\w+):/g)].map(([, name]) => name),
)
/** Keywords of operators and of what Python has not. */
const OTHERS = ['out', 'copy', 're', 'im', 'record_shapes', 'sort_by', 'row_limit', 'group_by_input_shape']

if (process.argv[2] === 'polluted') {
  for (const name of [...named, ...OTHERS] as string[]) {
    if (!(name in Object.prototype)) (Object.prototype as Record<string, unknown>)[name] = 'polluted'
  }
}

const x = () => torch.arange(6).float().view(2, 3)
const results: unknown[] = []
const show = (value: unknown) => results.push(String(value))

torch.manual_seed(0)
show(torch.zeros([2, 2]))
show(torch.zeros([2, 2], { dtype: torch.float64 }))
show(torch.ones(2, { requires_grad: true }))
show(torch.tensor([1, 2]))
show(torch.tensor([[true]], { dtype: torch.int64 }))
show(torch.full([2], 3))
show(torch.rand(3))
show(torch.randn([2], { generator: new torch.Generator().manual_seed(1) }))
show(x().sum())
show(x().sum(1, { keepdim: true }))
show(x().max(1).values)
show(x().add(1, { alpha: 2 }))
show(x().to(torch.int64))
show(x().to({ dtype: torch.float64 }))
show(x().to_typed_array())
show(torch.add(x(), { re: 1, im: 2 } as never))
show(torch.cat([x(), x()], { dim: 1 }))
show(torch.meshgrid(torch.ones(2), torch.ones(1), { indexing: 'ij' }))
show(torch.einsum('ij->i', x()))
show(torch.unique(x()))
show(nn.functional.cross_entropy(x(), torch.tensor([0n, 2n])))
show(nn.functional.dropout(x(), { p: 0 }))
show(torch.linalg.norm(x()))
show(torch.fft.fft(x()).abs())
show(torch.signal.windows.hann(4))
show(torch.masked.sum(x()))
show(torch.profiler.profile(() => x().add(1)).key_averages().length)
const layer = new nn.LSTM({ input_size: 3, hidden_size: 2 })
const optimizer = new optim.Adam(layer.parameters(), { lr: 0.1 })
for (let i = 0; i < 3; i++) {
  optimizer.zero_grad()
  const loss = nn.functional.mse_loss(layer(x())[0], torch.zeros(2, 2))
  loss.backward()
  nn.utils.clip_grad_norm_(layer.parameters(), 1)
  optimizer.step()
  show(loss)
}
optimizer.load_state_dict(optimizer.state_dict())
layer.load_state_dict(layer.state_dict())
show(layer)
show(
  torch.utils.checkpoint.checkpoint((t) => t.exp(), torch.ones(2, { requires_grad: true }), { use_reentrant: false }),
)
show(torch.no_grad(() => x().mul(2)))
show(torch.autograd.functional.jacobian((t) => t.mul(2), torch.ones(2)))
console.log(JSON.stringify(results))
