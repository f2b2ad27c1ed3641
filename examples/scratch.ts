// The document's section 3 in one sitting: a recurrent network, written from scratch, learns to continue a text.
//
//   npm run scratch                              512 hidden values, 500 epochs of The Time Machine, as in the document
//   npm run scratch -- --epochs 30 --text FILE   a short run, on another text
//
// examples/char_lm.ts (npm start) trains this model too, and nn.RNN, LSTM, GRU, with progress, checkpoints and resume.

import { parseArgs } from 'node:util'
import torch, { nn, optim, type Tensor } from 'tstorch'
import d2l from 'tstorch/d2l'
import { readText } from './char_lm/text.js'
import { isMain, print, runMain, wholeNumber } from './command.js'

type Params = [W_xh: Tensor, W_hh: Tensor, b_xh: Tensor, b_hh: Tensor, W_hq: Tensor, b_q: Tensor]
type State = [hidden: Tensor]
type Net = (X: Tensor, state: State) => [output: Tensor, state: State]

function get_params(vocab_size: number, num_hiddens: number): Params {
  const normal = (...size: number[]) => torch.randn(size).mul(0.01)
  const [W_xh, W_hh] = [normal(vocab_size, num_hiddens), normal(num_hiddens, num_hiddens)]
  const [b_xh, b_hh] = [torch.zeros(num_hiddens), torch.zeros(num_hiddens)]
  const [W_hq, b_q] = [normal(num_hiddens, vocab_size), torch.zeros(vocab_size)]
  const params: Params = [W_xh, W_hh, b_xh, b_hh, W_hq, b_q]
  for (const param of params) param.requires_grad_()
  return params
}

const init_rnn_state = (batch_size: number, num_hiddens: number): State => [torch.zeros(batch_size, num_hiddens)]

function rnn(X: Tensor, [hidden]: State, [W_xh, W_hh, b_xh, b_hh, W_hq, b_q]: Params): [output: Tensor, state: State] {
  const outputs: Tensor[] = []
  for (const x_t of X) {
    hidden = torch.tanh(x_t.mm(W_xh).add(b_xh).add(hidden.mm(W_hh)).add(b_hh)) // (batch, hiddens)
    outputs.push(hidden.mm(W_hq).add(b_q)) // (batch, vocab)
  }
  return [torch.cat(outputs, { dim: 0 }), [hidden]] // (num_steps × batch, vocab)
}

/** Continues `prefix` by the num_preds characters that the model thinks likeliest. */
function predict(prefix: string, num_preds: number, net: Net, state: State, vocab: d2l.Vocab): string {
  return torch.no_grad(() => {
    const outputs: number[] = []
    let next = 0
    for (let i = 0; i < prefix.length + num_preds; i++) {
      outputs.push(i < prefix.length ? vocab.get(prefix.charAt(i)) : next)
      const [y, new_state] = net(torch.tensor([outputs.slice(-1)], { dtype: torch.int64 }), state) // (1, 1) to (1, vocab)
      next = y.argmax({ dim: 1 }).item()
      state = new_state
    }
    return vocab.to_tokens(outputs).join('')
  })
}

/** Scales the gradients so that their norm, over all parameters together, is at most theta. */
function grad_clipping(params: Params, theta: number): void {
  const grads = params.map((param) => param.grad as Tensor)
  const norm = torch
    .stack(grads.map((grad) => grad.pow(2).sum()))
    .sum()
    .sqrt()
    .item()
  if (norm > theta) for (const grad of grads) grad.mul_(theta / norm)
}

/** Trains a model and gives the loss of each batch. */
export function train(text: string, num_epochs: number, seed = 0): number[] {
  const [num_hiddens, batch_size, num_steps, lr] = [512, 32, 10, 1]
  torch.manual_seed(seed)
  const [train_iter, vocab] = d2l.load_data_time_machine(batch_size, num_steps, { text })
  const params = get_params(vocab.length, num_hiddens)
  // (batch, num_steps), token numbers, to (num_steps, batch, vocab)
  const net: Net = (X, state) => rnn(nn.functional.one_hot(X.T, vocab.length).float(), state, params)
  const loss = new nn.CrossEntropyLoss()
  const updater = new optim.SGD(params, { lr })
  const losses: number[] = []
  for (let epoch = 1; epoch <= num_epochs; epoch++) {
    let state = init_rnn_state(batch_size, num_hiddens)
    const metric = new d2l.Accumulator(2) // sum of losses, number of characters
    for (const [X, Y] of train_iter) {
      const [y_hat, [hidden]] = net(X, state)
      const l = loss(y_hat, Y.T.reshape(-1)) // (num_steps × batch, vocab), (num_steps × batch)
      updater.zero_grad()
      l.backward()
      grad_clipping(params, 1)
      updater.step()
      state = [hidden.detach()] // the next batch goes on with this state, but not with its graph
      losses.push(l.item())
      metric.add(l.item() * Y.numel(), Y.numel())
    }
    if (epoch % 10 > 0 && epoch < num_epochs) continue
    const perplexity = Math.exp(metric.get(0) / metric.get(1))
    const prediction = predict('time traveller', 50, net, init_rnn_state(1, num_hiddens), vocab)
    print(`epoch ${epoch}, perplexity ${perplexity.toFixed(1)}: ${prediction}`)
  }
  return losses
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { epochs: { type: 'string', default: '500' }, text: { type: 'string' } } })
  const { name, content } = await readText(values.text)
  print(`text: ${name}`)
  train(content, wholeNumber('--epochs', values.epochs, 1))
}

if (isMain(import.meta.url)) void runMain(main)
