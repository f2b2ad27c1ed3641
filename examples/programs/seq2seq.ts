// Sequence to sequence with additive attention (Bahdanau et al. 2014) and teacher forcing: sequences are reversed
// (seq2seq.py).

import torch, { nn, optim, type Tensor } from 'tstorch'

const F = nn.functional
const [VOCAB, HIDDEN, LENGTH, BATCH, SOS] = [12, 32, 7, 16, 0]

class EncoderRNN extends nn.Module {
  readonly embedding: nn.Embedding
  readonly gru: nn.GRU
  readonly dropout: nn.Dropout

  constructor(input_size: number, hidden_size: number, dropout_p = 0.1) {
    super()
    this.embedding = new nn.Embedding(input_size, hidden_size)
    this.gru = new nn.GRU(hidden_size, hidden_size, { batch_first: true })
    this.dropout = new nn.Dropout(dropout_p)
  }

  forward(input: Tensor): [output: Tensor, hidden: Tensor] {
    const embedded = this.dropout(this.embedding(input))
    const [output, hidden] = this.gru(embedded)
    return [output, hidden]
  }
}

class BahdanauAttention extends nn.Module {
  readonly Wa: nn.Linear
  readonly Ua: nn.Linear
  readonly Va: nn.Linear

  constructor(hidden_size: number) {
    super()
    this.Wa = new nn.Linear(hidden_size, hidden_size)
    this.Ua = new nn.Linear(hidden_size, hidden_size)
    this.Va = new nn.Linear(hidden_size, 1)
  }

  forward(query: Tensor, keys: Tensor): [context: Tensor, weights: Tensor] {
    const scores = this.Va(torch.tanh(this.Wa(query).add(this.Ua(keys)))) // (N, L, 1)
    const weights = F.softmax(scores.squeeze(2).unsqueeze(1), { dim: -1 }) // (N, 1, L)
    return [torch.bmm(weights, keys), weights]
  }
}

class AttnDecoderRNN extends nn.Module {
  readonly embedding: nn.Embedding
  readonly attention: BahdanauAttention
  readonly gru: nn.GRU
  readonly out: nn.Linear
  readonly dropout: nn.Dropout

  constructor(hidden_size: number, output_size: number, dropout_p = 0.1) {
    super()
    this.embedding = new nn.Embedding(output_size, hidden_size)
    this.attention = new BahdanauAttention(hidden_size)
    this.gru = new nn.GRU(2 * hidden_size, hidden_size, { batch_first: true })
    this.out = new nn.Linear(hidden_size, output_size)
    this.dropout = new nn.Dropout(dropout_p)
  }

  forward(
    encoder_outputs: Tensor,
    encoder_hidden: Tensor,
    target_tensor: Tensor | null = null,
  ): [outputs: Tensor, hidden: Tensor] {
    let decoder_input: Tensor = torch.full([BATCH, 1], SOS, { dtype: torch.long })
    let decoder_hidden = encoder_hidden
    const decoder_outputs: Tensor[] = []
    for (let i = 0; i < LENGTH; i++) {
      const [output, hidden] = this.forward_step(decoder_input, decoder_hidden, encoder_outputs)
      decoder_hidden = hidden
      decoder_outputs.push(output)
      if (target_tensor !== null) {
        decoder_input = target_tensor.index(':', i).unsqueeze(1)
      } else {
        const [, topi] = output.topk(1)
        decoder_input = topi.squeeze(-1).detach()
      }
    }
    return [F.log_softmax(torch.cat(decoder_outputs, { dim: 1 }), { dim: -1 }), decoder_hidden]
  }

  forward_step(input: Tensor, hidden: Tensor, encoder_outputs: Tensor): [output: Tensor, hidden: Tensor] {
    const embedded = this.dropout(this.embedding(input))
    const query = hidden.permute(1, 0, 2) // (N, 1, hidden)
    const [context] = this.attention(query, encoder_outputs)
    const input_gru = torch.cat([embedded, context], { dim: 2 })
    const [output, next] = this.gru(input_gru, hidden)
    return [this.out(output), next]
  }
}

export function make(): () => Tensor {
  const [encoder, decoder] = [new EncoderRNN(VOCAB, HIDDEN), new AttnDecoderRNN(HIDDEN, VOCAB)]
  const encoder_optimizer = new optim.Adam(encoder.parameters(), { lr: 3e-3 })
  const decoder_optimizer = new optim.Adam(decoder.parameters(), { lr: 3e-3 })
  const criterion = new nn.NLLLoss()
  const input_tensor = torch.randint(1, VOCAB, [BATCH, LENGTH])
  const target_tensor = input_tensor.flip(1)

  return () => {
    encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    const [encoder_outputs, encoder_hidden] = encoder(input_tensor)
    const teacher = torch.rand(1).item() < 0.7 ? target_tensor : null
    const [decoder_outputs] = decoder(encoder_outputs, encoder_hidden, teacher)
    const loss = criterion(decoder_outputs.view(-1, VOCAB), target_tensor.reshape(-1))
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
    return loss
  }
}
