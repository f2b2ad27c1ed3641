// The document's section 4: nn.RNN and a linear layer on top of it, and the shapes of what they give.
//
//   npm run concise

import torch, { nn, type Tensor } from 'tstorch'
import { isMain, print, runMain } from './command.js'

export class SimpleRNN extends nn.Module {
  readonly num_hiddens: number
  readonly rnn_layer: nn.RNN
  readonly linear: nn.Linear

  constructor(
    readonly batch_size: number,
    input_size: number,
    hidden_size: number,
    out_size: number,
  ) {
    super()
    this.num_hiddens = hidden_size
    this.rnn_layer = new nn.RNN(input_size, hidden_size)
    this.linear = new nn.Linear(hidden_size, out_size)
  }

  /** X: (seq, batch, feature); state: (layer, batch, hidden). Returns the output (seq × batch, out) and the new state. */
  forward(X: Tensor, state: Tensor): [output: Tensor, state_new: Tensor] {
    const [hidden, state_new] = this.rnn_layer(X, state) // (seq, batch, hidden)
    const output = this.linear(hidden.view(-1, hidden.size(-1))) // (seq × batch, out)
    return [output, state_new]
  }

  init_hidden_state(): Tensor {
    return torch.zeros(1, this.batch_size, this.num_hiddens)
  }
}

export function concise(): [output: Tensor, state_new: Tensor] {
  const [seq_len, batch_size, input_size, hidden_size, out_size] = [3, 5, 27, 10, 9]
  const X = torch.rand(seq_len, batch_size, input_size)
  const model = new SimpleRNN(batch_size, input_size, hidden_size, out_size)
  return model(X, model.init_hidden_state())
}

async function main(): Promise<void> {
  const [output, state_new] = concise()
  print('output:', output.shape)
  print('new state:', state_new.shape)
}

if (isMain(import.meta.url)) void runMain(main)
