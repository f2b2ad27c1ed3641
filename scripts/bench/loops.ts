// The document's training steps in tstorch, as loops.py has them in PyTorch: prints the time of each step in
// microseconds, as JSON.

import torch, { nn, optim, type Tensor } from '../../lib/index.js'

const F = nn.functional
const STEPS = {
  sine: 300,
  character_rnn: 40,
  character_lstm: 25,
  character_scratch: 60,
  add: 200_000,
  add_in_scope: 2000,
}

/** How many steps one call of a loop does, where it is not one. */
const PER_CALL: Record<string, number> = { add_in_scope: 100 }

function sine(): () => void {
  const rnn = new nn.RNN(1, 10, { batch_first: true })
  const linear = new nn.Linear(10, 1)
  const model = new nn.ModuleList<nn.Module>([rnn, linear])
  const criterion = new nn.MSELoss()
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 })
  const [x, y, hidden] = [torch.randn(1, 19, 1), torch.randn(1, 19, 1), torch.zeros(1, 1, 10)]
  return () => {
    const [out] = rnn(x, hidden)
    const loss = criterion(linear(out.view(-1, 10)).unsqueeze(0), y)
    model.zero_grad()
    loss.backward()
    optimizer.step()
  }
}

function character(layer: nn.RNNBase): () => void {
  const linear = new nn.Linear(512, 28)
  const criterion = new nn.CrossEntropyLoss()
  const params = [...layer.parameters(), ...linear.parameters()]
  const optimizer = new optim.SGD(params, { lr: 1 })
  const x = torch.randint(0, 28, [32, 35])
  const y = torch.randint(0, 28, [35 * 32])
  return () => {
    const [out] = layer(F.one_hot(x.T, 28).to(torch.float32))
    const loss = criterion(linear(out.reshape(-1, 512)), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 1)
    optimizer.step()
    loss.item()
  }
}

function characterScratch(): () => void {
  const [W_xh, W_hh, W_hq] = [
    torch.randn(28, 512).mul(0.01),
    torch.randn(512, 512).mul(0.01),
    torch.randn(512, 28).mul(0.01),
  ]
  const [b_xh, b_hh, b_q] = [torch.zeros(512), torch.zeros(512), torch.zeros(28)]
  const params = [W_xh, W_hh, W_hq, b_xh, b_hh, b_q].map((p) => p.requires_grad_(true))
  const criterion = new nn.CrossEntropyLoss()
  const x = torch.randint(0, 28, [32, 35])
  const y = torch.randint(0, 28, [35 * 32])
  return () => {
    let hidden = torch.zeros(32, 512)
    const outputs: Tensor[] = []
    for (const x_t of F.one_hot(x.T, 28).to(torch.float32)) {
      hidden = torch.tanh(x_t.mm(W_xh).add(b_xh).add(hidden.mm(W_hh)).add(b_hh))
      outputs.push(hidden.mm(W_hq).add(b_q))
    }
    const loss = criterion(torch.cat(outputs), y)
    loss.backward()
    const grads = params.map((p) => p.grad as Tensor)
    const norm = grads
      .map((grad) => grad.pow(2).sum())
      .reduce((sum, square) => sum.add(square))
      .sqrt()
    torch.no_grad(() => {
      if (norm.item() > 1) for (const grad of grads) grad.mul_(norm.reciprocal())
      params.forEach((p, i) => {
        p.sub_(grads[i] as Tensor)
        ;(grads[i] as Tensor).zero_()
      })
    })
    loss.item()
  }
}

function add(): () => void {
  const [a, b] = [torch.randn(4, 4), torch.randn(4, 4)]
  return () => {
    a.add(b)
  }
}

/** A hundred additions in a scope, which count as one step each. */
function addInScope(): () => void {
  const [a, b] = [torch.randn(4, 4), torch.randn(4, 4)]
  return () =>
    torch.scope(() => {
      for (let i = 0; i < 100; i++) a.add(b)
    })
}

const loops: Record<keyof typeof STEPS, () => () => void> = {
  sine,
  character_rnn: () => character(new nn.RNN(28, 512)),
  character_lstm: () => character(new nn.LSTM(28, 512)),
  character_scratch: characterScratch,
  add,
  add_in_scope: addInScope,
}

const results: Record<string, number> = {}
for (const [name, make] of Object.entries(loops)) {
  torch.manual_seed(0)
  const step = make()
  const steps = STEPS[name as keyof typeof STEPS]
  for (let i = 0; i < steps / 2; i++) step()
  const started = performance.now()
  for (let i = 0; i < steps; i++) step()
  results[name] = ((performance.now() - started) / steps / (PER_CALL[name] ?? 1)) * 1000
}
console.log(JSON.stringify({ threads: torch.get_num_threads(), version: process.version, loops: results }))
