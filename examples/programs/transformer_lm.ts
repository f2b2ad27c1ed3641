// A language model of a Transformer's encoder (Vaswani et al. 2017) with learned positions (transformer_lm.py).

import torch, { nn, optim, type Tensor } from 'tstorch'

const [NTOKEN, D_MODEL, NHEAD, D_HID, NLAYERS, BPTT, BATCH] = [40, 32, 4, 48, 2, 12, 8]

class TransformerModel extends nn.Module {
  readonly positions: nn.Embedding
  readonly transformer_encoder: nn.TransformerEncoder
  readonly embedding: nn.Embedding
  readonly dropout: nn.Dropout
  readonly linear: nn.Linear

  constructor(dropout = 0.2) {
    super()
    this.positions = new nn.Embedding(BPTT, D_MODEL)
    const encoder_layers = new nn.TransformerEncoderLayer(D_MODEL, NHEAD, D_HID, dropout)
    this.transformer_encoder = new nn.TransformerEncoder(encoder_layers, NLAYERS)
    this.embedding = new nn.Embedding(NTOKEN, D_MODEL)
    this.dropout = new nn.Dropout(dropout)
    this.linear = new nn.Linear(D_MODEL, NTOKEN)
    this.init_weights()
  }

  init_weights(): void {
    const initrange = 0.1
    this.embedding.weight.data.uniform_(-initrange, initrange)
    this.linear.bias?.data.zero_()
    this.linear.weight.data.uniform_(-initrange, initrange)
  }

  forward(src: Tensor, src_mask: Tensor): Tensor {
    src = this.embedding(src).mul(Math.sqrt(D_MODEL))
    src = this.dropout(src.add(this.positions(torch.arange(src.size(0))).unsqueeze(1)))
    const output = this.transformer_encoder(src, src_mask)
    return this.linear(output)
  }
}

export function make(): () => Tensor {
  const model = new TransformerModel()
  const criterion = new nn.CrossEntropyLoss()
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 })
  const scheduler = new optim.lr_scheduler.StepLR(optimizer, 5, { gamma: 0.95 })
  const tokens = torch.randint(0, NTOKEN, [BPTT + 1, BATCH])
  const src_mask = nn.Transformer.generate_square_subsequent_mask(BPTT)
  model.train()

  return () => {
    const output = model(tokens.index(':-1'), src_mask)
    const loss = criterion(output.view(-1, NTOKEN), tokens.index('1:').reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    scheduler.step()
    return loss
  }
}
