// The model that is served: a recurrent network that tells the shape of a wave from its samples. It is trained here, in
// seconds, on waves that are made as they are needed.

import torch, { nn, optim, type Tensor } from 'tstorch'

const F = nn.functional

export const SAMPLES = 64
export const CLASSES = ['sine', 'square', 'sawtooth', 'noise'] as const

/** How many samples the network takes in one step. */
const PATCH = 4

export class WaveClassifier extends nn.Module {
  gru: nn.GRU
  linear: nn.Linear

  constructor(hidden_size = 128) {
    super()
    this.gru = new nn.GRU(PATCH, hidden_size, { batch_first: true })
    this.linear = new nn.Linear(hidden_size, CLASSES.length)
  }

  /** The logits (batch, classes) of waves (batch, samples). */
  forward(x: Tensor): Tensor {
    const [, h_n] = this.gru(x.view(x.size(0), SAMPLES / PATCH, PATCH)) // h_n: (1, batch, hidden)
    return this.linear(h_n.squeeze(0))
  }
}

/** Waves (count, samples) of random frequency, phase and size, with some noise, and their classes (count). */
export function waves(count: number): [x: Tensor, y: Tensor] {
  const y = torch.randint(0, CLASSES.length, [count])
  const frequency = torch.empty(count, 1).uniform_(2, 6)
  const phase = torch
    .rand(count, 1)
    .add(torch.linspace(0, 1, SAMPLES).mul(frequency))
    .frac()
  const sine = phase.mul(2 * Math.PI).sin()
  const shapes = torch.stack([sine, sine.sign(), phase.mul(2).sub(1), torch.rand(count, SAMPLES).mul(2).sub(1)])
  const clean = shapes.index(y, torch.arange(count)).mul(torch.empty(count, 1).uniform_(0.5, 1.5))
  return [clean.add(torch.randn(count, SAMPLES).mul(0.05)), y]
}

export function train(steps = 200, seed = 0): WaveClassifier {
  torch.manual_seed(seed)
  const model = new WaveClassifier()
  const optimizer = new optim.Adam(model.parameters(), { lr: 5e-3 })
  for (let i = 0; i < steps; i++) {
    const [x, y] = waves(32)
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
  }
  return model.eval()
}

/** How many of new waves a model tells right. */
export function accuracy(model: WaveClassifier, count = 1000): number {
  return torch.no_grad(() => {
    const [x, y] = waves(count)
    return model(x).argmax(1).eq(y).float().mean().item()
  })
}
