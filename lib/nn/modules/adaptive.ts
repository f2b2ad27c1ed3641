import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { type Named, NamedTuple } from '../../operators/operator.js'
import { type Arguments, read } from '../generated/arguments.js'
import { ModuleList, Sequential } from './container.js'
import { Linear } from './linear.js'
import { Module } from './module.js'

/** The log-probability of each target, and the mean of their negatives. */
export type AdaptiveOutput = Named<[output: Tensor, loss: Tensor], { readonly output: Tensor; readonly loss: Tensor }>

type Cluster = Sequential<[Linear, Linear]>

/**
 * A softmax over very many classes, of which few are frequent. The classes, numbered from the most frequent one on, are cut
 * into clusters: the head has a score for each class before the first cutoff and for each later cluster, each cluster has
 * the scores of its own classes, from fewer features the rarer they are. Only the clusters that the targets lie in are
 * computed.
 *
 * `cutoffs`: the first classes of the clusters after the head. `div_value`: cluster i has in_features / div_valueⁱ⁺¹
 * features. `head_bias`: whether the head has a bias. Weights start as Linear's.
 *
 * Shapes: input (N, in_features) or (in_features); target int64 (N) or (), from 0 to n_classes - 1; output as the target;
 * loss ().
 * @throws RangeError for cutoffs that do not increase from 1 to n_classes - 1; Error for targets out of range, and for
 * shapes that do not fit
 * @see `torch.nn.AdaptiveLogSoftmaxWithLoss`; Grave et al. 2017, Efficient softmax approximation for GPUs
 */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  readonly in_features: number
  readonly n_classes: number
  /** The ends of the head's own classes and of the clusters. */
  readonly cutoffs: readonly number[]
  readonly div_value: number
  readonly head_bias: boolean
  /** How many classes the head has itself. */
  readonly shortlist_size: number
  readonly n_clusters: number
  readonly head_size: number
  head: Linear
  tail: ModuleList<Cluster>

  constructor(...args: Arguments['nn.AdaptiveLogSoftmaxWithLoss']) {
    super()
    const { in_features, n_classes, cutoffs, div_value, head_bias, device, dtype } = read(
      'nn.AdaptiveLogSoftmaxWithLoss',
      args,
    )
    const [first] = cutoffs
    if (first === undefined) throw new RangeError('cutoffs should be a sequence of length larger than 0')
    if (first <= 0 || cutoffs.some((cutoff, i) => cutoff >= ([...cutoffs, n_classes][i + 1] as number))) {
      throw new RangeError(
        'cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is ' +
          'between 1 and n_classes-1',
      )
    }
    this.in_features = in_features
    this.n_classes = n_classes
    this.cutoffs = [...cutoffs, n_classes]
    this.div_value = div_value
    this.head_bias = head_bias
    this.shortlist_size = first
    this.n_clusters = cutoffs.length
    this.head_size = first + cutoffs.length
    this.head = new Linear(in_features, this.head_size, { bias: head_bias, device, dtype })
    this.tail = new ModuleList()
    cutoffs.forEach((start, i) => {
      const features = Math.floor(in_features / div_value ** (i + 1))
      const classes = (this.cutoffs[i + 1] as number) - start
      const projection = new Linear(in_features, features, { bias: false, device, dtype })
      this.tail.append(new Sequential(projection, new Linear(features, classes, { bias: false, device, dtype })))
    })
  }

  reset_parameters(): void {
    this.head.reset_parameters()
    for (const cluster of this.tail) for (const layer of [cluster[0], cluster[1]]) layer.reset_parameters()
  }

  forward(given: Tensor, givenTarget: Tensor): AdaptiveOutput {
    checkShapes(given, givenTarget)
    const batched = givenTarget.dim() > 0
    const [input, target] = batched ? [given, givenTarget] : [given.unsqueeze(0), givenTarget.unsqueeze(0)]
    const batch = target.size(0)
    let output = input.new_zeros([batch])
    // Of each row the column of the head's scores: its class, or the cluster that this lies in.
    const columns = target.new_empty([batch])
    let found = 0
    let low = 0
    for (const [i, high] of this.cutoffs.entries()) {
      const rows = target.ge(low).logical_and(target.lt(high)).nonzero().squeeze(1)
      const count = rows.numel()
      found += count
      if (count > 0 && i === 0) {
        columns.index_copy_(0, rows, target.index_select(0, rows))
      } else if (count > 0) {
        columns.index_fill_(0, rows, this.shortlist_size + i - 1)
        const own = target.index_select(0, rows).sub(low)
        const logits = this.tail.at(i - 1)(input.index_select(0, rows))
        const chosen = torch.log_softmax(logits, 1).gather(1, own.unsqueeze(1))
        output.index_copy_(0, rows, chosen.squeeze(1))
      }
      low = high
    }
    if (found !== batch) {
      throw new Error(
        `Target values should be in [0, ${this.n_classes - 1}], but values in range [${target.min().item()}, ` +
          `${target.max().item()}] were found. `,
      )
    }
    const head = torch.log_softmax(this.head(input), 1)
    output = output.add(head.gather(1, columns.unsqueeze(1)).squeeze(1))
    const loss = output.neg().mean()
    const results = [batched ? output : output.squeeze(0), loss]
    return new NamedTuple(['output', 'loss'], results) as unknown as AdaptiveOutput
  }

  /** The log-probabilities of all classes: input (N, in_features), result (N, n_classes). */
  log_prob(input: Tensor): Tensor {
    return this._logProbabilities(input, this.head(input))
  }

  private _logProbabilities(input: Tensor, headScores: Tensor): Tensor {
    const head = torch.log_softmax(headScores, 1)
    const clusters = [...this.tail].map((cluster, i) =>
      torch.log_softmax(cluster(input), 1).add(head.select(1, this.shortlist_size + i).unsqueeze(1)),
    )
    return torch.cat([head.narrow(1, 0, this.shortlist_size), ...clusters], 1)
  }

  /** The most probable class of each row: input (N, in_features), result (N). Clusters are computed where they may win. */
  predict(input: Tensor): Tensor {
    const head = this.head(input)
    const best = torch.argmax(head, 1)
    const beyond = best.ge(this.shortlist_size)
    const rows = beyond.nonzero().squeeze(1)
    if (rows.numel() === 0) return best
    if (rows.numel() === best.numel()) return torch.argmax(this._logProbabilities(input, head), 1)
    const some = this._logProbabilities(input.index_select(0, rows), head.index_select(0, rows))
    return best.index_copy_(0, rows, torch.argmax(some, 1))
  }
}

function checkShapes(input: Tensor, target: Tensor): void {
  const dims = target.dim()
  if (dims > 1) throw new Error('0D or 1D target tensor expected, multi-target not supported')
  if (dims === 1 && input.size(0) !== target.size(0)) {
    throw new Error('Input and target should have the same size in the batch dimension.')
  }
  if (input.dim() === dims + 1) return
  throw new Error(
    `${dims}D target tensor expects ${dims + 1}D input tensors, but found inputs with size ${input.shape}`,
  )
}
