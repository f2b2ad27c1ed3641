// Recurrent layers: Elman RNN, LSTM, GRU.

import type { Tensor } from '../../core/tensor.js'
import { type Arguments, type Keywords, read } from '../generated/arguments.js'
import type { PackedSequence } from '../utils/rnn.js'
import { type Keyword, RNNBase, stateOf } from './rnn_base.js'

type Sizes = 'input_size' | 'hidden_size'
export type RNNOptions = Keywords<'nn.RNN', Sizes>
export type LSTMOptions = Keywords<'nn.LSTM', Sizes>
export type RNNBaseOptions = Keywords<'nn.GRU', Sizes>

/** h_0 and c_0. */
type LSTMState = readonly [h_0: Tensor, c_0: Tensor]

/**
 * The output of a call: a Tensor for a Tensor, a PackedSequence for a PackedSequence. It is typed as both, because
 * TypeScript must know the state that a loop replaces without looking at the arguments.
 */
export type RecurrentOutput = Tensor & PackedSequence

/**
 * Recurrent layers of Elman's kind, over whole sequences:
 *
 *     h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)      or relu, by nonlinearity
 *
 * x_t is the input at time t, or, in a higher layer, the output of the layer below. The arguments, Python's, in place or
 * by name:
 *
 * - input_size: features of x_t
 * - hidden_size: features of h_t
 * - num_layers (1): layers stacked on each other
 * - nonlinearity ('tanh'): or 'relu'
 * - bias (true): whether b_ih and b_hh are there
 * - batch_first (false): input and output are (N, L, *) instead of (L, N, *); states are not affected
 * - dropout (0): the probability that an element of a layer's output is zeroed before the next layer, while training
 * - bidirectional (false): whether a second set of weights reads the sequence from its end; outputs hold both directions
 * - device, dtype: of the parameters
 *
 * Called with `input` and `hx`, it returns `[output, h_n]`. With N sequences of length L, and D = 2 where
 * bidirectional, else 1:
 *
 * - input: (L, N, input_size); (N, L, input_size) with batch_first; (L, input_size) for one sequence; or a
 *   PackedSequence, which gives a PackedSequence
 * - hx, the state h_0: (D × num_layers, N, hidden_size), without N for one sequence; zeros where not given
 * - output, h_t of the last layer for every t: (L, N, D × hidden_size), (N, L, D × hidden_size) or (L, D × hidden_size)
 * - h_n, the state after the last step: of h_0's shape
 *
 * Parameters of layer k, with `_reverse` after the names of the second direction; all start in U(-√s, √s),
 * s = 1 / hidden_size:
 *
 * - weight_ih_l[k], W_ih: (hidden_size, input_size), in layers above the first (hidden_size, D × hidden_size)
 * - weight_hh_l[k], W_hh: (hidden_size, hidden_size)
 * - bias_ih_l[k], bias_hh_l[k]: (hidden_size), where bias
 *
 * @throws where the sizes or the dtype of input or state do not fit the layer.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.RNN.html
 * @see J. Elman, Finding Structure in Time, Cognitive Science 14 (1990)
 */
export class RNN extends RNNBase {
  readonly nonlinearity: 'tanh' | 'relu'

  constructor(...args: Arguments['nn.RNN']) {
    const { nonlinearity, ...settings } = read('nn.RNN', args)
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu') {
      throw new RangeError(`Unknown nonlinearity '${nonlinearity}'. Select from 'tanh' or 'relu'.`)
    }
    super({ mode: nonlinearity === 'tanh' ? 'RNN_TANH' : 'RNN_RELU', ...settings })
    this.nonlinearity = nonlinearity
  }

  forward(
    input: Tensor | PackedSequence,
    hx?: Tensor | Keyword<Tensor> | null,
  ): [output: RecurrentOutput, h_n: Tensor] {
    return this.run(input, stateOf('RNN', hx)) as [RecurrentOutput, Tensor]
  }
}

/**
 * Layers of gated recurrent units, over whole sequences (σ is the sigmoid, ⊙ the product element by element):
 *
 *     r_t = σ(W_ir x_t + b_ir + W_hr h_(t-1) + b_hr)               reset gate
 *     z_t = σ(W_iz x_t + b_iz + W_hz h_(t-1) + b_hz)               update gate
 *     n_t = tanh(W_in x_t + b_in + r_t ⊙ (W_hn h_(t-1) + b_hn))    new state
 *     h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_(t-1)
 *
 * As in PyTorch, and unlike in the paper, r_t scales the product W_hn h_(t-1), not h_(t-1) before it.
 *
 * Arguments, inputs, outputs and their shapes are RNN's, without nonlinearity.
 *
 * Parameters of layer k, with `_reverse` after the names of the second direction; all start in U(-√s, √s),
 * s = 1 / hidden_size. The gates' rows come in the order r, z, n:
 *
 * - weight_ih_l[k]: (3 × hidden_size, input_size), in layers above the first (3 × hidden_size, D × hidden_size)
 * - weight_hh_l[k]: (3 × hidden_size, hidden_size)
 * - bias_ih_l[k], bias_hh_l[k]: (3 × hidden_size), where bias
 *
 * @throws where the sizes or the dtype of input or state do not fit the layer.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.GRU.html
 * @see K. Cho et al., Learning Phrase Representations using RNN Encoder-Decoder (2014), https://arxiv.org/abs/1406.1078
 */
export class GRU extends RNNBase {
  constructor(...args: Arguments['nn.GRU']) {
    super({ mode: 'GRU', ...read('nn.GRU', args) })
  }

  forward(
    input: Tensor | PackedSequence,
    hx?: Tensor | Keyword<Tensor> | null,
  ): [output: RecurrentOutput, h_n: Tensor] {
    return this.run(input, stateOf('GRU', hx)) as [RecurrentOutput, Tensor]
  }
}

/**
 * Layers of long short-term memory, over whole sequences (σ is the sigmoid, ⊙ the product element by element):
 *
 *     i_t = σ(W_ii x_t + b_ii + W_hi h_(t-1) + b_hi)       input gate
 *     f_t = σ(W_if x_t + b_if + W_hf h_(t-1) + b_hf)       forget gate
 *     g_t = tanh(W_ig x_t + b_ig + W_hg h_(t-1) + b_hg)    what the cell is offered
 *     o_t = σ(W_io x_t + b_io + W_ho h_(t-1) + b_ho)       output gate
 *     c_t = f_t ⊙ c_(t-1) + i_t ⊙ g_t                      cell state
 *     h_t = o_t ⊙ tanh(c_t)                                hidden state; with proj_size, W_hr times that
 *
 * Arguments are RNN's, without nonlinearity, and proj_size (0: no projection), below hidden_size, the size of h_t after
 * the multiplication by W_hr. Called with `input` and `hx`, it returns `[output, [h_n, c_n]]`. With N sequences of length
 * L, D = 2 where bidirectional, else 1, and H = proj_size where that is above 0, else hidden_size:
 *
 * - input: as of RNN, a PackedSequence too
 * - hx, the states [h_0, c_0]: (D × num_layers, N, H) and (D × num_layers, N, hidden_size), without N for one sequence;
 *   zeros where not given
 * - output, h_t of the last layer for every t: (L, N, D × H), (N, L, D × H) with batch_first, or (L, D × H)
 * - h_n, c_n, the states after the last step: of h_0's and c_0's shapes
 *
 * Parameters of layer k, with `_reverse` after the names of the second direction; all start in U(-√s, √s),
 * s = 1 / hidden_size. The gates' rows come in the order i, f, g, o:
 *
 * - weight_ih_l[k]: (4 × hidden_size, input_size), in layers above the first (4 × hidden_size, D × H)
 * - weight_hh_l[k]: (4 × hidden_size, H)
 * - bias_ih_l[k], bias_hh_l[k]: (4 × hidden_size), where bias
 * - weight_hr_l[k]: (proj_size, hidden_size), where proj_size is above 0
 *
 * @throws where the sizes or the dtype of input or states do not fit the layer.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LSTM.html
 * @see S. Hochreiter, J. Schmidhuber, Long Short-Term Memory, Neural Computation 9 (1997); the forget gate: F. Gers et
 *   al., Learning to Forget (2000); the projection: H. Sak et al. (2014), https://arxiv.org/abs/1402.1128
 */
export class LSTM extends RNNBase {
  constructor(...args: Arguments['nn.LSTM']) {
    super({ mode: 'LSTM', ...read('nn.LSTM', args) })
  }

  forward(
    input: Tensor | PackedSequence,
    hx?: LSTMState | Keyword<LSTMState> | null,
  ): [output: RecurrentOutput, state: [h_n: Tensor, c_n: Tensor]] {
    const state = stateOf<LSTMState>('LSTM', hx)
    if (state !== null && (!Array.isArray(state) || state.length !== 2)) {
      throw new TypeError('LSTM: the state must be an array [h_0, c_0]')
    }
    const [output, h_n, c_n] = this.run(input, state?.[0], state?.[1])
    return [output as RecurrentOutput, [h_n as Tensor, c_n as Tensor]]
  }
}
