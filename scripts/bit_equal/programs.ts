// Twelve training programs of 20 steps; programs.py has the same programs, line by line.

import torch, { nn, type Tensor } from '../../lib/index.js'

const F = nn.functional
const { clip_grad_norm_, clip_grad_value_ } = nn.utils
const { pack_padded_sequence, pad_packed_sequence } = nn.utils.rnn
const STEPS = 20

interface Optimizer {
  zero_grad(): void
  step(): void
}

function train(
  parameters: Tensor[],
  optimizer: Optimizer,
  lossOf: (step: number) => Tensor,
  clip?: (parameters: Tensor[]) => void,
): number[] {
  const losses: number[] = []
  for (let step = 0; step < STEPS; step++) {
    const loss = lossOf(step)
    optimizer.zero_grad()
    loss.backward()
    clip?.(parameters)
    optimizer.step()
    losses.push(loss.item())
  }
  return losses
}

const parametersOf = (...modules: nn.Module[]): Tensor[] => modules.flatMap((module) => module.parameters())

/** nn.RNN learns a sine wave, one sequence of 49 points. */
function sine_rnn() {
  const [rnn, out] = [new nn.RNN(1, 10, { batch_first: true }), new nn.Linear(10, 1)]
  const parameters = parametersOf(rnn, out)
  const points = torch.sin(torch.linspace(0, 10, 50)).view(1, 50, 1)
  const loss = () => {
    const [hidden] = rnn(points.index(':, :-1'), torch.zeros(1, 1, 10))
    return F.mse_loss(out(hidden), points.index(':, 1:'))
  }
  return train(parameters, new torch.optim.Adam(parameters, { lr: 0.01 }), loss)
}

/** A character model: one-hot tokens, nn.RNN, clipping by norm, plain SGD. */
function char_rnn() {
  const [rnn, out] = [new nn.RNN(28, 96), new nn.Linear(96, 28)]
  const parameters = parametersOf(rnn, out)
  const tokens = torch.randint(0, 28, [36, 32])
  const loss = () => {
    const x = F.one_hot(tokens.index(':-1'), 28).to(torch.float32)
    const [hidden] = rnn(x)
    return F.cross_entropy(out(hidden).view(-1, 28), tokens.index('1:').reshape(-1))
  }
  return train(parameters, new torch.optim.SGD(parameters, { lr: 1 }), loss, (p) => clip_grad_norm_(p, 1))
}

/** Two layers of nn.LSTM in both directions with dropout; Adam with weight decay. */
function bilstm_dropout() {
  const lstm = new nn.LSTM(16, 32, { num_layers: 2, bidirectional: true, dropout: 0.3 })
  const out = new nn.Linear(64, 5)
  const parameters = parametersOf(lstm, out)
  const [x, y] = [torch.randn(12, 20, 16), torch.randint(0, 5, [20])]
  const loss = () => {
    const [hidden] = lstm(x)
    return F.cross_entropy(out(hidden.mean(0)), y)
  }
  return train(parameters, new torch.optim.Adam(parameters, { lr: 0.003, weight_decay: 0.01 }), loss)
}

/** nn.GRU over packed sequences of different lengths; AdamW with amsgrad. */
function packed_gru() {
  const [gru, out] = [new nn.GRU(6, 24, { bidirectional: true }), new nn.Linear(48, 3)]
  const parameters = parametersOf(gru, out)
  const [x, y, lengths] = [torch.randn(9, 8, 6), torch.randint(0, 3, [8]), [4, 9, 1, 7, 7, 2, 9, 5]]
  const loss = () => {
    const packed = pack_padded_sequence(x, lengths, { enforce_sorted: false })
    const [output, h_n] = gru(packed)
    const [padded] = pad_packed_sequence(output)
    const logits = out(torch.cat([h_n.index(0), h_n.index(1)], 1))
    return F.cross_entropy(logits, y).add(padded.pow(2).mean().mul(0.01))
  }
  return train(parameters, new torch.optim.AdamW(parameters, { lr: 0.01, amsgrad: true }), loss)
}

/** nn.LSTM with projections; SGD with Nesterov's momentum. */
function lstm_projected() {
  const lstm = new nn.LSTM(8, 40, { num_layers: 2, proj_size: 12, batch_first: true })
  const out = new nn.Linear(12, 8)
  const parameters = parametersOf(lstm, out)
  const x = torch.randn(10, 15, 8)
  const loss = () => {
    const [hidden] = lstm(x.index(':, :-1'))
    return F.smooth_l1_loss(out(hidden), x.index(':, 1:'))
  }
  const optimizer = new torch.optim.SGD(parameters, { lr: 0.2, momentum: 0.9, nesterov: true })
  return train(parameters, optimizer, loss)
}

/** A language model: embedding, nn.LSTM whose state is carried on, clipping, the learning rate divided by four. */
function stateful_lstm() {
  const embedding = new nn.Embedding(50, 40)
  const lstm = new nn.LSTM(40, 64, { num_layers: 2, dropout: 0.2 })
  const out = new nn.Linear(64, 50)
  const parameters = parametersOf(embedding, lstm, out)
  const tokens = torch.randint(0, 50, [STEPS * 10 + 1, 12])
  const optimizer = new torch.optim.SGD(parameters, { lr: 20 })
  let state: [Tensor, Tensor] | null = null
  const loss = (step: number) => {
    const [group] = optimizer.param_groups
    if (step === STEPS / 2 && group !== undefined) group.lr = (group.lr as number) / 4
    const [x, y] = [tokens.narrow(0, step * 10, 10), tokens.narrow(0, step * 10 + 1, 10)]
    const [hidden, [h, c]]: [Tensor, [Tensor, Tensor]] = lstm(embedding(x), state)
    state = [h.detach(), c.detach()]
    return F.nll_loss(F.log_softmax(out(hidden), -1).view(-1, 50), y.reshape(-1))
  }
  return train(parameters, optimizer, loss, (p) => clip_grad_norm_(p, 0.25))
}

/** A recurrent network from matrix products alone, with its own step of gradient descent. */
function scratch_rnn() {
  const sizes = [[20, 48], [48, 48], [48], [48, 20], [20]]
  const parameters = sizes.map((size) => torch.randn(size).mul(0.1).requires_grad_())
  const [w_xh, w_hh, b_h, w_hq, b_q] = parameters as [Tensor, Tensor, Tensor, Tensor, Tensor]
  const tokens = torch.randint(0, 20, [13, 16])
  const losses: number[] = []
  for (let step = 0; step < STEPS; step++) {
    let h = torch.zeros(16, 48)
    const outputs: Tensor[] = []
    for (const x of F.one_hot(tokens.index(':-1'), 20).float()) {
      h = torch.tanh(x.matmul(w_xh).add(h.matmul(w_hh)).add(b_h))
      outputs.push(h.matmul(w_hq).add(b_q))
    }
    const loss = F.cross_entropy(torch.cat(outputs), tokens.index('1:').reshape(-1))
    loss.backward()
    const gradients = parameters.map((p) => p.grad as Tensor)
    const norm = torch.sqrt(gradients.map((g) => g.pow(2).sum()).reduce((a, b) => a.add(b)))
    torch.no_grad(() => {
      parameters.forEach((p, i) => {
        const grad = gradients[i] as Tensor
        if (norm.item() > 1) grad.mul_(norm.reciprocal())
        p.sub_(grad.mul(1.5))
        grad.zero_()
      })
    })
    losses.push(loss.item())
  }
  return losses
}

/** Linear layers, small and large, with dropout; AdamW. */
function mlp_adamw() {
  const layers = [new nn.Linear(8, 64), new nn.Linear(64, 200), new nn.Linear(200, 1)] as const
  const parameters = parametersOf(...layers)
  const x = torch.randn(32, 8)
  const y = x.pow(2).sum(1, { keepdim: true })
  const loss = () => {
    let h = F.dropout(F.relu(layers[0](x)), 0.1)
    h = F.gelu(layers[1](h))
    return F.mse_loss(layers[2](h), y)
  }
  return train(parameters, new torch.optim.AdamW(parameters, { lr: 0.01, weight_decay: 0.1 }), loss)
}

/** In float64: momentum with dampening, weight decay, clipping by value. */
function mlp_sgd() {
  const dtype = torch.float64
  const layers = [new nn.Linear(5, 20, { dtype }), new nn.Linear(20, 3, { bias: false, dtype })] as const
  const parameters = parametersOf(...layers)
  const [x, y] = [torch.randn(24, 5, { dtype }), torch.randint(0, 3, [24])]
  const loss = () => F.cross_entropy(layers[1](torch.tanh(layers[0](x))), y, { label_smoothing: 0.1 })
  const optimizer = new torch.optim.SGD(parameters, { lr: 0.5, momentum: 0.9, dampening: 0.1, weight_decay: 0.001 })
  return train(parameters, optimizer, loss, (p) => clip_grad_value_(p, 0.1))
}

/** Bags of words: the mean of embeddings, one of them padding; Adam. */
function embedding_classifier() {
  const [embedding, out] = [new nn.Embedding(100, 32, { padding_idx: 0 }), new nn.Linear(32, 4)]
  const parameters = parametersOf(embedding, out)
  const [words, y] = [torch.randint(0, 100, [40, 12]), torch.randint(0, 4, [40])]
  const loss = () => F.cross_entropy(out(embedding(words).mean(1)), y)
  return train(parameters, new torch.optim.Adam(parameters, { lr: 0.02, betas: [0.8, 0.99] }), loss)
}

/** Convolutions, normalization of batches and pooling, from functions; SGD with momentum. */
function convolution() {
  const shapes = [[8, 1, 3, 3], [8], [16, 8, 3, 3], [16], [10, 16 * 4], [10]]
  const parameters = shapes.map((shape) => {
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1)
    return torch.randn(shape).div(Math.sqrt(inputs)).requires_grad_()
  })
  const [w_1, b_1, w_2, b_2, w_3, b_3] = parameters as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
  const [x, y] = [torch.randn(16, 1, 12, 12), torch.randint(0, 10, [16])]
  const [mean, variance] = [torch.zeros(8), torch.ones(8)]
  const loss = () => {
    let h = F.batch_norm(torch.conv2d(x, w_1, b_1), mean, variance, { training: true })
    h = F.max_pool2d(F.relu(h), 2)
    h = F.relu(torch.conv2d(h, w_2, b_2))
    h = F.adaptive_avg_pool2d(h, 2).flatten(1)
    return F.cross_entropy(F.linear(h, w_3, b_3), y)
  }
  return train(parameters, new torch.optim.SGD(parameters, { lr: 0.05, momentum: 0.9 }), loss)
}

/** A block of causal attention with normalization of layers; AdamW, clipping by norm. */
function attention() {
  const embedding = new nn.Embedding(30, 32)
  const [qkv, project, out] = [new nn.Linear(32, 96), new nn.Linear(32, 32), new nn.Linear(32, 30)]
  const parameters = parametersOf(embedding, qkv, project, out)
  const tokens = torch.randint(0, 30, [8, 17])
  const loss = () => {
    let x = embedding(tokens.index(':, :-1'))
    const parts = qkv(F.layer_norm(x, [32])).split(32, 2) as Tensor[]
    const [q, k, v] = parts.map((t) => t.view(8, 16, 4, 8).transpose(1, 2)) as [Tensor, Tensor, Tensor]
    const attended = F.scaled_dot_product_attention(q, k, v, { is_causal: true })
    x = x.add(project(attended.transpose(1, 2).reshape(8, 16, 32)))
    return F.cross_entropy(out(x).view(-1, 30), tokens.index(':, 1:').reshape(-1))
  }
  const optimizer = new torch.optim.AdamW(parameters, { lr: 0.01 })
  return train(parameters, optimizer, loss, (p) => clip_grad_norm_(p, 0.5))
}

const PROGRAMS = [
  ...[sine_rnn, char_rnn, bilstm_dropout, packed_gru, lstm_projected, stateful_lstm],
  ...[scratch_rnn, mlp_adamw, mlp_sgd, embedding_classifier, convolution, attention],
]

/** The losses of each program. */
export function losses(fused: boolean): Record<string, number[]> {
  torch.backends.tstorch.fused = fused
  const all: Record<string, number[]> = {}
  for (const program of PROGRAMS) {
    torch.manual_seed(42)
    all[program.name] = program()
  }
  torch.backends.tstorch.fused = true
  return all
}
