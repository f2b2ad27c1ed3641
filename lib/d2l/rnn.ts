// Character models: a recurrent network from scratch (the document's section 3), and one of layers.

import torch, { type DeviceLike, nn, type Tensor } from 'tstorch'

/** The hidden state, and for an LSTM the cell state too. */
export type State = Tensor[]

export type Params = Tensor[]

/** W_xh, W_hh, b_xh, b_hh, W_hq, b_q: weights from N(0, 0.01²), biases zero. */
export function get_params(vocab_size: number, num_hiddens: number, device: DeviceLike): Params {
  const num_inputs = vocab_size
  const num_outputs = vocab_size
  const normal = (size: number[]) => torch.randn(size, { device }).mul(0.01)
  // Hidden layer.
  const W_xh = normal([num_inputs, num_hiddens])
  const W_hh = normal([num_hiddens, num_hiddens])
  const b_xh = torch.zeros(num_hiddens, { device })
  const b_hh = torch.zeros(num_hiddens, { device })
  // Output layer.
  const W_hq = normal([num_hiddens, num_outputs])
  const b_q = torch.zeros(num_outputs, { device })
  const params = [W_xh, W_hh, b_xh, b_hh, W_hq, b_q]
  for (const param of params) param.requires_grad_(true)
  return params
}

/** The first hidden state: zeros (batch_size, num_hiddens). */
export function init_rnn_state(batch_size: number, num_hiddens: number, device: DeviceLike): State {
  return [torch.zeros([batch_size, num_hiddens], { device })]
}

/** X: (num_steps, batch_size, vocab_size). Returns (num_steps × batch_size, vocab_size) and the last state. */
export function rnn(X: Tensor, [hidden]: State, params: Params): [output: Tensor, state: State] {
  const [W_xh, W_hh, b_xh, b_hh, W_hq, b_q] = params as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
  let h = hidden as Tensor
  const outputs: Tensor[] = []
  for (const x_t of X) {
    h = x_t.mm(W_xh).add(b_xh).add(h.mm(W_hh)).add(b_hh).tanh() // (batch_size, num_hiddens)
    outputs.push(h.mm(W_hq).add(b_q)) // (batch_size, vocab_size)
  }
  return [torch.cat(outputs), [h]]
}

export type GetParams = typeof get_params
export type InitState = typeof init_rnn_state
export type ForwardFn = typeof rnn

export interface RNNModelScratch {
  (X: Tensor, state: State): [output: Tensor, state: State]
}

/** A recurrent network made of three functions: parameters, first state, forward. */
export class RNNModelScratch extends torch.Callable {
  readonly vocab_size: number
  readonly num_hiddens: number
  params: Params
  private readonly _init_state: InitState
  private readonly _forward_fn: ForwardFn

  constructor(
    vocab_size: number,
    num_hiddens: number,
    device: DeviceLike,
    get_params: GetParams,
    init_state: InitState,
    forward_fn: ForwardFn,
  ) {
    super()
    this.vocab_size = vocab_size
    this.num_hiddens = num_hiddens
    this.params = get_params(vocab_size, num_hiddens, device)
    this._init_state = init_state
    this._forward_fn = forward_fn
  }

  /** X: (batch_size, num_steps), token numbers. */
  override __call__(X: Tensor, state: State): [output: Tensor, state: State] {
    const inputs = nn.functional.one_hot(X.T, this.vocab_size).float() // (num_steps, batch_size, vocab_size)
    return this._forward_fn(inputs, state, this.params)
  }

  begin_state(batch_size: number, device: DeviceLike): State {
    return this._init_state(batch_size, this.num_hiddens, device)
  }
}

/** A recurrent layer, then a linear layer. */
export class RNNModel extends nn.Module {
  readonly rnn: nn.RNN | nn.LSTM | nn.GRU
  readonly vocab_size: number
  readonly num_hiddens: number
  readonly num_directions: number
  readonly linear: nn.Linear

  constructor(rnn_layer: nn.RNN | nn.LSTM | nn.GRU, vocab_size: number) {
    super()
    this.rnn = rnn_layer
    this.vocab_size = vocab_size
    this.num_hiddens = rnn_layer.hidden_size
    this.num_directions = rnn_layer.bidirectional ? 2 : 1
    this.linear = new nn.Linear(this.num_hiddens * this.num_directions, vocab_size)
  }

  /** inputs: (batch_size, num_steps), token numbers. Returns (num_steps × batch_size, vocab_size) and the state. */
  forward(inputs: Tensor, state: State): [output: Tensor, state: State] {
    const X = nn.functional.one_hot(inputs.T, this.vocab_size).float()
    const [Y, next] = this._run(X, state)
    return [this.linear(Y.reshape(-1, Y.size(-1))), next]
  }

  private _run(X: Tensor, state: State): [output: Tensor, state: State] {
    if (this.rnn instanceof nn.LSTM) return this.rnn(X, state as [Tensor, Tensor])
    const [Y, h] = this.rnn(X, state[0])
    return [Y, [h]]
  }

  begin_state(batch_size: number, device: DeviceLike): State {
    const size = [this.num_directions * this.rnn.num_layers, batch_size, this.num_hiddens]
    const zeros = () => torch.zeros(size, { device })
    return this.rnn instanceof nn.LSTM ? [zeros(), zeros()] : [zeros()]
  }
}
