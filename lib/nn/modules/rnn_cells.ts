// Recurrent cells: one step of the layers in rnn.ts, for loops that are written out.

import type { Tensor } from '../../core/tensor.js'
import { empty, gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell } from '../../generated/functions.js'
import { type Arguments, read } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import { Module } from './module.js'
import { type Keyword, stateOf } from './rnn_base.js'

type Weights = readonly [
  weight_ih: Parameter,
  weight_hh: Parameter,
  bias_ih: Parameter | null,
  bias_hh: Parameter | null,
]

/** What the cells share: their weights, `num_chunks` times hidden_size rows of them, their checks, their printing. */
export class RNNCellBase extends Module {
  readonly input_size: number
  readonly hidden_size: number
  readonly bias: boolean
  declare weight_ih: Parameter
  declare weight_hh: Parameter
  declare bias_ih: Parameter | null
  declare bias_hh: Parameter | null

  constructor(...args: Arguments['nn.RNNCellBase']) {
    super()
    const settings = read('nn.RNNCellBase', args, new.target.name)
    const { input_size, hidden_size, bias, num_chunks, device, dtype } = settings
    this.input_size = input_size
    this.hidden_size = hidden_size
    this.bias = bias
    const rows = num_chunks * hidden_size
    const made = (...shape: number[]): Parameter => new Parameter(empty(shape, { device, dtype }))
    this.weight_ih = made(rows, input_size)
    this.weight_hh = made(rows, hidden_size)
    this.register_parameter('bias_ih', bias ? made(rows) : null)
    this.register_parameter('bias_hh', bias ? made(rows) : null)
    this.reset_parameters()
  }

  /** All weights from U(-√k, √k), k = 1 / hidden_size. */
  reset_parameters(): void {
    const bound = this.hidden_size > 0 ? 1 / Math.sqrt(this.hidden_size) : 0
    for (const weight of this.parameters()) init.uniform_(weight, -bound, bound)
  }

  /**
   * The states after a step, through `step`, which knows batches alone. A sample by itself becomes a batch of one, and
   * states that are not given are zeros.
   */
  protected stepped(
    input: Tensor,
    states: readonly Tensor[] | null,
    names: readonly string[],
    step: (input: Tensor, states: Tensor[], weights: Weights) => Tensor[],
  ): Tensor[] {
    this._check('input', input)
    names.forEach((name, i) => {
      if (states !== null) this._check(name, states[i] as Tensor)
    })
    const { weight_ih, weight_hh, bias_ih, bias_hh } = this
    const weights: Weights = [weight_ih, weight_hh, bias_ih, bias_hh]
    const single = input.dim() === 1
    const batch = single ? input.unsqueeze(0) : input
    const after = step(batch, this._batched(batch, states, names.length, single), weights)
    return single ? after.map((state) => state.squeeze(0)) : after
  }

  private _batched(input: Tensor, states: readonly Tensor[] | null, count: number, single: boolean): Tensor[] {
    if (states !== null) return states.map((state) => (single ? state.unsqueeze(0) : state))
    return new Array<Tensor>(count).fill(input.new_zeros([input.size(0), this.hidden_size]))
  }

  private _check(name: string, tensor: Tensor): void {
    const dims = tensor.dim()
    if (dims === 1 || dims === 2) return
    throw new RangeError(`${this.constructor.name}: Expected ${name} to be 1D or 2D, got ${dims}D instead`)
  }

  override extra_repr(): string {
    return `${this.input_size}, ${this.hidden_size}${this.bias ? '' : ', bias=False'}`
  }
}

const STATE = ['hidden']

/**
 * One step of an Elman network:
 *
 *     h' = tanh(W_ih x + b_ih + W_hh h + b_hh)      or relu, by nonlinearity
 *
 * - input_size, hidden_size: the sizes of x and h
 * - bias (true): whether b_ih and b_hh are there
 * - nonlinearity ('tanh'): or 'relu'
 * - device, dtype: of the parameters
 *
 * Called with `input`, x, (N, input_size) or (input_size), and `hx`, h, (N, hidden_size) or (hidden_size), zeros where
 * not given; returns h', of h's shape.
 *
 * Parameters, which start in U(-√k, √k), k = 1 / hidden_size: weight_ih (hidden_size, input_size), weight_hh
 * (hidden_size, hidden_size), bias_ih and bias_hh (hidden_size).
 *
 * @throws where the nonlinearity has another name, or input or state have other sizes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.RNNCell.html
 * @see J. Elman, Finding Structure in Time, Cognitive Science 14 (1990)
 */
export class RNNCell extends RNNCellBase {
  readonly nonlinearity: 'tanh' | 'relu'

  constructor(...args: Arguments['nn.RNNCell']) {
    const { nonlinearity, ...settings } = read('nn.RNNCell', args)
    super({ ...settings, num_chunks: 1 })
    this.nonlinearity = nonlinearity
  }

  forward(input: Tensor, hx?: Tensor | Keyword<Tensor> | null): Tensor {
    const { nonlinearity } = this
    const state = stateOf<Tensor>('RNNCell', hx)
    const [next] = this.stepped(input, state && [state], STATE, (batch, [h], weights) => {
      if (nonlinearity === 'tanh') return [rnn_tanh_cell(batch, h as Tensor, ...weights)]
      if (nonlinearity === 'relu') return [rnn_relu_cell(batch, h as Tensor, ...weights)]
      throw new Error(`Unknown nonlinearity: ${nonlinearity}`)
    })
    return next as Tensor
  }

  override extra_repr(): string {
    const { nonlinearity } = this
    return super.extra_repr() + (nonlinearity === 'tanh' ? '' : `, nonlinearity=${nonlinearity}`)
  }
}

/** h_0 and c_0. */
type LSTMState = readonly [h_0: Tensor, c_0: Tensor]

const LSTM_STATES = ['hx[0]', 'hx[1]']

/**
 * One step of long short-term memory (σ is the sigmoid, ⊙ the product element by element):
 *
 *     i = σ(W_ii x + b_ii + W_hi h + b_hi)      f = σ(W_if x + b_if + W_hf h + b_hf)
 *     g = tanh(W_ig x + b_ig + W_hg h + b_hg)   o = σ(W_io x + b_io + W_ho h + b_ho)
 *     c' = f ⊙ c + i ⊙ g                        h' = o ⊙ tanh(c')
 *
 * - input_size, hidden_size: the sizes of x, and of h and c
 * - bias (true): whether the b are there
 * - device, dtype: of the parameters
 *
 * Called with `input`, x, (N, input_size) or (input_size), and `hx`, [h, c], each (N, hidden_size) or (hidden_size),
 * zeros where not given; returns [h', c'], of their shapes: `[h, c] = cell(x, [h, c])`.
 *
 * Parameters, which start in U(-√k, √k), k = 1 / hidden_size, the rows in the order i, f, g, o: weight_ih
 * (4 × hidden_size, input_size), weight_hh (4 × hidden_size, hidden_size), bias_ih and bias_hh (4 × hidden_size).
 *
 * @throws where input or states have other sizes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LSTMCell.html
 * @see S. Hochreiter, J. Schmidhuber, Long Short-Term Memory, Neural Computation 9 (1997)
 */
export class LSTMCell extends RNNCellBase {
  constructor(...args: Arguments['nn.LSTMCell']) {
    super({ ...read('nn.LSTMCell', args), num_chunks: 4 })
  }

  forward(input: Tensor, hx?: LSTMState | Keyword<LSTMState> | null): [h: Tensor, c: Tensor] {
    const states = stateOf<LSTMState>('LSTMCell', hx)
    if (states !== null && (!Array.isArray(states) || states.length !== 2)) {
      throw new TypeError('LSTMCell: the state must be an array [h_0, c_0]')
    }
    const next = this.stepped(input, states, LSTM_STATES, (batch, held, weights) => lstm_cell(batch, held, ...weights))
    return next as [Tensor, Tensor]
  }
}

/**
 * One step of gated recurrent units (σ is the sigmoid, ⊙ the product element by element):
 *
 *     r = σ(W_ir x + b_ir + W_hr h + b_hr)      z = σ(W_iz x + b_iz + W_hz h + b_hz)
 *     n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))
 *     h' = (1 - z) ⊙ n + z ⊙ h
 *
 * - input_size, hidden_size: the sizes of x and h
 * - bias (true): whether the b are there
 * - device, dtype: of the parameters
 *
 * Called with `input`, x, (N, input_size) or (input_size), and `hx`, h, (N, hidden_size) or (hidden_size), zeros where
 * not given; returns h', of h's shape.
 *
 * Parameters, which start in U(-√k, √k), k = 1 / hidden_size, the rows in the order r, z, n: weight_ih
 * (3 × hidden_size, input_size), weight_hh (3 × hidden_size, hidden_size), bias_ih and bias_hh (3 × hidden_size).
 *
 * @throws where input or state have other sizes.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.GRUCell.html
 * @see K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (2014), https://arxiv.org/abs/1406.1078
 */
export class GRUCell extends RNNCellBase {
  constructor(...args: Arguments['nn.GRUCell']) {
    super({ ...read('nn.GRUCell', args), num_chunks: 3 })
  }

  forward(input: Tensor, hx?: Tensor | Keyword<Tensor> | null): Tensor {
    const state = stateOf<Tensor>('GRUCell', hx)
    const [next] = this.stepped(input, state && [state], STATE, (batch, [h], weights) => [
      gru_cell(batch, h as Tensor, ...weights),
    ])
    return next as Tensor
  }
}
