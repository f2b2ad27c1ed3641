// Training and prediction of the character models (the document's section 3).

import torch, { type DeviceLike, nn, optim, type Tensor } from 'tstorch'
import { Animator } from './animator.js'
import type { RNNModel, RNNModelScratch, State } from './rnn.js'
import type { Batch } from './sequences.js'
import type { Vocab } from './text.js'
import { Accumulator, Timer } from './timer.js'
import { grad_clipping, sgd } from './training.js'

export type CharacterModel = RNNModel | RNNModelScratch

/** An optimizer, or a function that updates the parameters, given the batch size. */
export type Updater = optim.Optimizer<object> | ((batch_size: number) => void)

/** Continues `prefix` by the num_preds characters that the model thinks likeliest. */
export function predict_ch8(
  prefix: string,
  num_preds: number,
  net: CharacterModel,
  vocab: Vocab,
  device: DeviceLike,
): string {
  if (prefix === '') throw new RangeError('a prediction needs a prefix of at least one character')
  return torch.no_grad(() => {
    let state: State = net.begin_state(1, device)
    const tokens = [...prefix].map((token) => vocab.get(token))
    const outputs = [tokens[0] as number]
    const input = () => torch.tensor([[outputs.at(-1) as number]], { dtype: torch.int64, device }) // (1, 1)
    for (const token of tokens.slice(1)) {
      state = net(input(), state)[1]
      outputs.push(token)
    }
    for (let i = 0; i < num_preds; i++) {
      const [y, next]: [Tensor, State] = net(input(), state)
      state = next
      outputs.push(y.argmax(1).item())
    }
    return vocab.to_tokens(outputs).join('')
  })
}

export interface EpochResult {
  perplexity: number
  /** Tokens per second. */
  speed: number
}

/** Learns from a batch: token numbers X and Y (batch_size, num_steps) and the state; gives the loss and the next state. */
export type TrainingStep = (X: Tensor, Y: Tensor, state: State) => [loss: Tensor, next: State]

/** One step of training: forward, backward, gradients clipped at 1, update. */
export function training_step_ch8(
  net: CharacterModel,
  loss: (y_hat: Tensor, y: Tensor) => Tensor,
  updater: Updater,
  clip: (net: CharacterModel, theta: number) => void = grad_clipping,
): TrainingStep {
  return (X, Y, state) => {
    const y = Y.T.reshape(-1)
    const [y_hat, next]: [Tensor, State] = net(X, state)
    const l = loss(y_hat, y.long()).mean()
    if (updater instanceof optim.Optimizer) updater.zero_grad()
    l.backward()
    clip(net, 1)
    if (updater instanceof optim.Optimizer) updater.step()
    else updater(1)
    return [l, next]
  }
}

/** Clips without reading the norm from the GPU, so that a CUDA graph can record it. */
const clipOnDevice = (net: CharacterModel, theta: number): void => {
  nn.utils.clip_grad_norm_(net instanceof nn.Module ? net.parameters() : net.params, theta)
}

export interface EpochOptions {
  use_random_iter?: boolean | undefined
  /** Called with the loss of each batch. */
  on_batch?: ((loss: number) => void) | undefined
  /** What learns from a batch (default: `training_step_ch8`). */
  step?: TrainingStep | undefined
}

/** Trains for one pass over the data. Gradients are clipped at 1. */
export function train_epoch_ch8(
  net: CharacterModel,
  train_iter: Iterable<Batch>,
  loss: (y_hat: Tensor, y: Tensor) => Tensor,
  updater: Updater,
  device: DeviceLike,
  { use_random_iter = false, on_batch, step = training_step_ch8(net, loss, updater) }: EpochOptions = {},
): EpochResult {
  let state: State | null = null
  const timer = new Timer()
  const metric = new Accumulator(2) // sum of losses, number of tokens
  for (const [X, Y] of train_iter) {
    // Sequential batches continue with the state of the batch before, but not with its graph.
    const begin: State =
      state === null || use_random_iter ? net.begin_state(X.size(0), device) : state.map((s) => s.detach())
    const [l, next] = step(X.to(device), Y.to(device), begin)
    state = next
    const value = l.item()
    metric.add(value * Y.numel(), Y.numel())
    on_batch?.(value)
  }
  return { perplexity: Math.exp(metric.get(0) / metric.get(1)), speed: metric.get(1) / timer.stop() }
}

export interface TrainOptions extends EpochOptions {
  /** The epoch to begin with, for a resumed run. */
  first_epoch?: number | undefined
  /** Collects the perplexity of every tenth epoch. */
  animator?: Animator | undefined
  /** Called after each epoch, counted from 1; `false` ends the training. */
  on_epoch?: ((epoch: number, result: EpochResult) => boolean | void) | undefined
  /** Records the step of training as a CUDA graph and replays it. `device` must be a GPU. */
  graph?: boolean | undefined
  /** Prints a line; by default to the console. */
  print?: ((line: string) => void) | undefined
}

/** The document's SGD: torch's for a module, the hand-written one for the model from scratch. */
export function updater_ch8(net: CharacterModel, lr: number): Updater {
  if (net instanceof nn.Module) return new optim.SGD(net.parameters(), lr)
  return (batch_size) => sgd(net.params, lr, batch_size)
}

/**
 * Trains a character model and prints the result. Every ten epochs it prints a continuation of 'time traveller'.
 * Between epochs the event loop gets its turn.
 */
export async function train_ch8(
  net: CharacterModel,
  train_iter: Iterable<Batch>,
  vocab: Vocab,
  lr: number,
  num_epochs: number,
  device: DeviceLike,
  options: TrainOptions = {},
): Promise<{ result: EpochResult; animator: Animator }> {
  const { first_epoch = 1, on_epoch, graph = false, print = console.log } = options
  const loss = new nn.CrossEntropyLoss()
  const animator =
    options.animator ??
    new Animator({ xlabel: 'epoch', ylabel: 'perplexity', legend: ['train'], xlim: [10, num_epochs] })
  const updater = updater_ch8(net, lr)
  const step = graph
    ? torch.cuda.graphed_step(training_step_ch8(net, loss, updater, clipOnDevice))
    : training_step_ch8(net, loss, updater)
  const predict = (prefix: string) => predict_ch8(prefix, 50, net, vocab, device)
  let result: EpochResult = { perplexity: Number.NaN, speed: 0 }
  for (let epoch = first_epoch; epoch <= num_epochs; epoch++) {
    result = train_epoch_ch8(net, train_iter, loss, updater, device, { ...options, step })
    if (epoch % 10 === 0) {
      print(predict('time traveller'))
      animator.add(epoch, [result.perplexity])
    }
    const goesOn = on_epoch?.(epoch, result) ?? true
    await new Promise((resolve) => setImmediate(resolve))
    if (!goesOn) break
  }
  print(`perplexity ${result.perplexity.toFixed(1)}, ${result.speed.toFixed(1)} tokens/sec on ${device}`)
  print(predict('time traveller'))
  print(predict('traveller'))
  return { result, animator }
}
