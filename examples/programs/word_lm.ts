// A word language model: LSTM, tied weights, a state that is carried on, gradient descent by hand (word_lm.py).

import torch, { nn, type Tensor } from 'tstorch'

const F = nn.functional
const [NTOKEN, NINP, NLAYERS, BPTT, BATCH, CLIP] = [60, 32, 2, 10, 12, 0.25]

type State = [h: Tensor, c: Tensor]

class RNNModel extends nn.Module {
  readonly drop: nn.Dropout
  readonly encoder: nn.Embedding
  readonly rnn: nn.LSTM
  readonly decoder: nn.Linear

  constructor(dropout = 0.2) {
    super()
    this.drop = new nn.Dropout(dropout)
    this.encoder = new nn.Embedding(NTOKEN, NINP)
    this.rnn = new nn.LSTM(NINP, NINP, NLAYERS, { dropout })
    this.decoder = new nn.Linear(NINP, NTOKEN)
    this.decoder.weight = this.encoder.weight
    this.init_weights()
  }

  init_weights(): void {
    const initrange = 0.1
    nn.init.uniform_(this.encoder.weight, -initrange, initrange)
    if (this.decoder.bias !== null) nn.init.zeros_(this.decoder.bias)
    nn.init.uniform_(this.decoder.weight, -initrange, initrange)
  }

  forward(input: Tensor, hidden: State): [output: Tensor, hidden: State] {
    const emb = this.drop(this.encoder(input))
    let [output, next] = this.rnn(emb, hidden)
    output = this.drop(output) as typeof output
    const decoded = this.decoder(output).view(-1, NTOKEN)
    return [F.log_softmax(decoded, { dim: 1 }), next]
  }

  init_hidden(bsz: number): State {
    const [weight] = this.parameters() as [nn.Parameter]
    return [weight.new_zeros([NLAYERS, bsz, NINP]), weight.new_zeros([NLAYERS, bsz, NINP])]
  }
}

export function make(): () => Tensor {
  const model = new RNNModel()
  const criterion = new nn.NLLLoss()
  const tokens = torch.randint(0, NTOKEN, [BPTT * 8 + 1, BATCH])
  let hidden = model.init_hidden(BATCH)
  const lr = 5
  let batch = 0

  return () => {
    const i = (batch % 8) * BPTT
    const data = tokens.index(`${i}:${i + BPTT}`)
    const targets = tokens.index(`${i + 1}:${i + 1 + BPTT}`).view(-1)
    batch += 1
    model.zero_grad()
    hidden = [hidden[0].detach(), hidden[1].detach()]
    const [output, next] = model(data, hidden)
    hidden = next
    const loss = criterion(output, targets)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    for (const p of model.parameters()) p.data.add_(p.grad as Tensor, { alpha: -lr })
    return loss
  }
}
