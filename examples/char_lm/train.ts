// The document's section 3: trains a character model, from the start or from a checkpoint.

import torch, { nn } from 'tstorch'
import d2l from 'tstorch/d2l'
import { type Checkpoint, type Run, restore } from './checkpoint.js'
import type { Settings } from './settings.js'
import { fingerprint } from './text.js'

/** A new model of the settings' kind, for a vocabulary. */
export function makeModel(settings: Settings, vocab_size: number, device: string): d2l.CharacterModel {
  const { model, num_hiddens } = settings
  if (model === 'scratch') {
    return new d2l.RNNModelScratch(vocab_size, num_hiddens, device, d2l.get_params, d2l.init_rnn_state, d2l.rnn)
  }
  const layers = {
    rnn: () => new nn.RNN(vocab_size, num_hiddens),
    lstm: () => new nn.LSTM(vocab_size, num_hiddens),
    gru: () => new nn.GRU(vocab_size, num_hiddens),
  }
  return new d2l.RNNModel(layers[model](), vocab_size).to(device)
}

export interface TrainCharLmOptions {
  settings: Settings
  text: string
  epochs: number
  device?: string
  /** Whether the training step is recorded as a CUDA graph: `device` must be a GPU. */
  graph?: boolean
  /** The run to go on with. */
  from?: Checkpoint | undefined
  on_batch?: (loss: number) => void
  /** Called after each epoch; `false` ends the training. */
  on_epoch?: (net: d2l.CharacterModel, run: Run, result: d2l.EpochResult) => boolean | void
  print?: (line: string) => void
}

export async function trainCharLm(options: TrainCharLmOptions) {
  const { settings, text, epochs, device = 'cpu', graph = false, from, ...hooks } = options
  torch.manual_seed(settings.seed)
  const { batch_size, num_steps, random_iter: use_random_iter } = settings
  const [train_iter, vocab] = d2l.load_data_time_machine(batch_size, num_steps, { text, use_random_iter })
  const net = makeModel(settings, vocab.length, device)
  const animator = new d2l.Animator({
    xlabel: 'epoch',
    ylabel: 'perplexity',
    legend: ['train'],
    xlim: [10, Math.max(epochs, 11)],
  })
  const run: Run = { settings, fingerprint: fingerprint(text), epochs: 0, history: { X: [], Y: [] } }
  if (from !== undefined) {
    run.epochs = from.run.epochs
    for (const [i, x] of from.run.history.X.entries()) animator.add(x, [from.run.history.Y[i] as number])
    restore(net, from)
  }
  const { result } = await d2l.train_ch8(net, train_iter, vocab, settings.lr, epochs, device, {
    use_random_iter,
    graph,
    first_epoch: run.epochs + 1,
    animator,
    on_batch: hooks.on_batch,
    print: hooks.print,
    on_epoch: (epoch, result) => {
      run.epochs = epoch
      run.history = { X: animator.X[0] as number[], Y: animator.Y[0] as number[] }
      return hooks.on_epoch?.(net, run, result)
    },
  })
  return { net, vocab, run, result, animator }
}
