// What the recurrent layers share: weights, checks, and the call of native code, which does all time steps at once. The
// semantics are torch/nn/modules/rnn.py's.

import { is_autocast_enabled } from '../../amp/autocast.js'
import { no_grad } from '../../autograd/grad_mode.js'
import { tstorch } from '../../backends/index.js'
import { Cell, recurrentOptions } from '../../core/generated/contract.js'
import { native } from '../../core/native.js'
import { pythonRepr } from '../../core/python_repr.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import { checkCount, checkKeys } from '../../operators/arguments.js'
import { isOptions } from '../../operators/options.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import * as init from '../init.js'
import { Parameter } from '../parameter.js'
import { PackedSequence } from '../utils/rnn.js'
import { Module } from './module.js'

const { handleOf, wrap } = internals

type Mode = 'RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU'
const GATES: Record<Mode, number> = { RNN_TANH: 1, RNN_RELU: 1, GRU: 3, LSTM: 4 }
const CELL: Record<Mode, number> = { RNN_TANH: Cell.Tanh, RNN_RELU: Cell.Relu, LSTM: Cell.Lstm, GRU: Cell.Gru }
/** cuDNN's. */
const CUDNN_MODE: Record<Mode, number> = { RNN_RELU: 0, RNN_TANH: 1, LSTM: 2, GRU: 3 }

type Settings = Values['nn.RNNBase']

/** A state that was given in place, or as the keyword hx. */
export function stateOf<S>(callee: string, hx: S | Keyword<S> | null | undefined): S | null {
  if (!isOptions(hx)) return (hx as S | null | undefined) ?? null
  checkKeys(callee, hx, ['hx'])
  return (hx as Keyword<S>).hx ?? null
}

export interface Keyword<S> {
  hx?: S | null | undefined
}

type WeightName = 'weight_ih' | 'weight_hh' | 'bias_ih' | 'bias_hh' | 'weight_hr'

export interface RNNBase {
  weight_ih_l0: Parameter
  weight_hh_l0: Parameter
  /** Of the other layers and directions: weight_hh_l1, bias_ih_l0_reverse. */
  [weight: `${WeightName}_l${number}` | `${WeightName}_l${number}_reverse`]: Parameter
}

/** What the three layers share: their weights, their checks, their printing. */
export class RNNBase extends Module {
  readonly mode: Mode
  readonly input_size: number
  readonly hidden_size: number
  readonly num_layers: number
  readonly bias: boolean
  readonly batch_first: boolean
  dropout: number
  readonly bidirectional: boolean
  readonly proj_size: number
  /** The names of the weights, by layer and direction. */
  readonly _all_weights: string[][]

  constructor(...args: Arguments['nn.RNNBase']) {
    super()
    const settings = read('nn.RNNBase', args, new.target.name)
    const { mode, input_size, hidden_size, num_layers, bias, dropout, bidirectional, proj_size } = settings
    if (GATES[mode] === undefined) throw new RangeError(`Unrecognized RNN mode: ${mode}`)
    const callee = mode.startsWith('RNN') ? 'RNN' : mode
    for (const [name, count] of Object.entries({ input_size, hidden_size, num_layers })) {
      if (count <= 0) throw new RangeError(`${name} must be greater than zero`)
      checkCount(callee, name, count)
    }
    checkCount(callee, 'proj_size', proj_size, 0)
    if (!(dropout >= 0 && dropout <= 1)) {
      throw new RangeError(
        'dropout should be a number in range [0, 1] representing the probability of an element being zeroed',
      )
    }
    if (proj_size >= hidden_size) throw new RangeError('proj_size has to be smaller than hidden_size')
    if (dropout > 0 && num_layers === 1) {
      warn(
        'dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers ' +
          `greater than 1, but got dropout=${dropout} and num_layers=1`,
      )
    }
    this.mode = mode
    this.input_size = input_size
    this.hidden_size = hidden_size
    this.num_layers = num_layers
    this.bias = bias
    this.batch_first = settings.batch_first
    this.dropout = dropout
    this.bidirectional = bidirectional
    this.proj_size = proj_size
    this._all_weights = this._makeWeights(settings)
    this.reset_parameters()
    this.flatten_parameters()
  }

  /** Makes the fields weight_ih_l0, weight_hh_l0, bias_ih_l0, ... and returns their names, by layer and direction. */
  private _makeWeights({ device, dtype }: Settings): string[][] {
    const { input_size, hidden_size, proj_size, bidirectional } = this
    const rows = GATES[this.mode] * hidden_size
    const state = proj_size > 0 ? proj_size : hidden_size
    const names: string[][] = []
    for (let layer = 0; layer < this.num_layers; layer++) {
      const columns = layer === 0 ? input_size : state * (bidirectional ? 2 : 1)
      for (const direction of bidirectional ? ['', '_reverse'] : ['']) {
        const shapes: [name: string, shape: number[]][] = [
          ['weight_ih', [rows, columns]],
          ['weight_hh', [rows, state]],
        ]
        if (this.bias) shapes.push(['bias_ih', [rows]], ['bias_hh', [rows]])
        if (proj_size > 0) shapes.push(['weight_hr', [proj_size, hidden_size]])
        const made = shapes.map(([name, shape]) => {
          const full = `${name}_l${layer}${direction}`
          this.register_parameter(full, new Parameter(torch.empty(shape, { device, dtype })))
          return full
        })
        names.push(made)
      }
    }
    return names
  }

  reset_parameters(): void {
    const bound = 1 / Math.sqrt(this.hidden_size)
    for (const weight of this.parameters()) init.uniform_(weight, -bound, bound)
  }

  private _weight(name: string): Parameter {
    return (this as unknown as Record<string, Parameter>)[name] as Parameter
  }

  /** The weights of each layer and direction: [weight_ih, weight_hh, bias_ih, bias_hh]. */
  get all_weights(): Parameter[][] {
    return this._all_weights.map((names) => names.map((name) => this._weight(name)))
  }

  /**
   * On a GPU, puts the weights into one block of memory, where cuDNN reads them: it would gather them there at every
   * call otherwise. Done by the layer itself when it is made or moved.
   */
  flatten_parameters(): void {
    const weights = this.all_weights.flat()
    const first = weights[0] as Parameter
    const usable =
      weights.every((weight) => weight.is_cuda && weight.device === first.device && weight.dtype === first.dtype) &&
      torch.cudnn_is_acceptable(first)
    if (!usable) return
    const perLayer = (this.all_weights[0] as Parameter[]).length
    no_grad(() => {
      aten._cudnn_rnn_flatten_weight(
        weights,
        perLayer,
        this.input_size,
        CUDNN_MODE[this.mode],
        this.hidden_size,
        this.proj_size,
        this.num_layers,
        this.batch_first,
        this.bidirectional,
      )
    })
  }

  protected override moved(): void {
    this.flatten_parameters()
  }

  /** Checks the input's sizes, and gives its number of sequences: null for a single one without a batch dimension. */
  private _checkInput(input: Tensor, packed: PackedSequence | null): number | null {
    const name = this.constructor.name
    if (!internals.isTensor(input)) {
      throw new TypeError(`${name}: the input must be a Tensor or a PackedSequence`)
    }
    const sizes = native.sizes(handleOf(input))
    const dim = sizes.length
    if (packed !== null && dim !== 2) throw new RangeError(`input must have 2 dimensions, got ${dim}`)
    if (dim !== 2 && dim !== 3) throw new RangeError(`${name}: Expected input to be 2D or 3D, got ${dim}D instead`)
    const weight = this._weight('weight_ih_l0')
    const alike = native.dtype(handleOf(input)) === native.dtype(handleOf(weight))
    if (!alike && !is_autocast_enabled('cpu') && !is_autocast_enabled('cuda')) {
      const [given, own] = [input.dtype, weight.dtype]
      throw new TypeError(
        `RNN input dtype (${given}) does not match weight dtype (${own}). Convert input: input.to(${own}), or convert ` +
          `model: model.to(${given})`,
      )
    }
    const size = sizes[dim - 1]
    if (size !== this.input_size) {
      throw new RangeError(
        `${name}: input.size(-1) must be equal to input_size. Expected ${this.input_size}, got ${size}`,
      )
    }
    if (packed !== null) return Number(packed.batch_sizes.select(0, 0).item())
    return dim === 2 ? null : (sizes[this.batch_first ? 0 : 1] as number)
  }

  /** A given state in the order and with the batch dimension of the computation; null stands for zeros. */
  private _stateOf(
    given: Tensor | null | undefined,
    batch: number | null,
    size: number,
    what: string,
    order: Tensor | null,
  ): Tensor | null {
    if (given === null || given === undefined) return null
    if (!internals.isTensor(given)) throw new TypeError(`${this.constructor.name}: ${what} must be a Tensor`)
    const layers = this.num_layers * (this.bidirectional ? 2 : 1)
    const expected = batch === null ? [layers, size] : [layers, batch, size]
    const sizes = native.sizes(handleOf(given))
    if (sizes.length !== expected.length || sizes.some((n, i) => n !== expected[i])) {
      throw new RangeError(
        `${this.constructor.name}: Expected ${what} size [${expected.join(', ')}], got [${sizes.join(', ')}]`,
      )
    }
    if (batch === null) return given.unsqueeze(1)
    return order === null ? given : given.index_select(1, order)
  }

  /** All layers and time steps. Without h_0 and, in an LSTM, c_0, the states start at zero. */
  protected run(
    input: Tensor | PackedSequence,
    h_0: Tensor | null | undefined,
    c_0?: Tensor | null | undefined,
  ): [output: Tensor | PackedSequence, ...states: Tensor[]] {
    const packed = input instanceof PackedSequence ? input : null
    const data = packed === null ? (input as Tensor) : packed.data
    const batch = this._checkInput(data, packed)
    const order = packed?.sorted_indices ?? null
    const lstm = this.mode === 'LSTM'
    const state = this.proj_size > 0 ? this.proj_size : this.hidden_size
    const h = this._stateOf(h_0, batch, state, lstm ? 'hidden[0]' : 'hidden', order)
    const c = this._stateOf(c_0, batch, this.hidden_size, 'hidden[1]', order)
    const batchDim = this.batch_first ? 0 : 1
    const sequences = batch === null ? data.unsqueeze(batchDim) : data
    const options = recurrentOptions({
      has_biases: this.bias,
      num_layers: this.num_layers,
      dropout: this.dropout,
      train: this.training,
      bidirectional: this.bidirectional,
      batch_first: this.batch_first,
      fused: tstorch.fused,
    })
    // A parametrized weight is a tensor that nothing else holds: from its handle to the call nothing may be made.
    const weights = this.all_weights.flat()
    const [output, ...states] = native
      .recurrent(
        CELL[this.mode],
        handleOf(sequences),
        packed === null ? null : handleOf(packed.batch_sizes),
        h === null ? null : handleOf(h),
        c === null ? null : handleOf(c),
        weights.map(handleOf),
        options,
      )
      .map(wrap) as [Tensor, ...Tensor[]]
    if (packed !== null) {
      const back = packed.unsorted_indices
      return [
        packed.with_data(output),
        ...(back === null ? states : states.map((tensor) => tensor.index_select(1, back))),
      ]
    }
    if (batch !== null) return [output, ...states]
    return [output.squeeze(batchDim), ...states.map((tensor) => tensor.squeeze(1))]
  }

  override extra_repr(): string {
    let text = `${this.input_size}, ${this.hidden_size}`
    if (this.proj_size !== 0) text += `, proj_size=${this.proj_size}`
    if (this.num_layers !== 1) text += `, num_layers=${this.num_layers}`
    if (!this.bias) text += ', bias=False'
    if (this.batch_first) text += ', batch_first=True'
    if (this.dropout !== 0)
      text += `, dropout=${Number.isInteger(this.dropout) ? `${this.dropout}.0` : pythonRepr(this.dropout)}`
    if (this.bidirectional) text += ', bidirectional=True'
    return text
  }
}
