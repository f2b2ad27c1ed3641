// The helpers of Dive into Deep Learning that the document uses.
//   import d2l from 'tstorch/d2l'

export { Animator, type AnimatorOptions } from './animator.js'
export * as default from './index.js'
export { type LoadDataOptions, load_data_time_machine } from './load_data.js'
export {
  type ForwardFn,
  type GetParams,
  get_params,
  type InitState,
  init_rnn_state,
  type Params,
  RNNModel,
  RNNModelScratch,
  rnn,
  type State,
} from './rnn.js'
export {
  type Batch,
  SeqDataLoader,
  type SeqDataOptions,
  seq_data_iter_random,
  seq_data_iter_sequential,
} from './sequences.js'
export {
  type Corpus,
  count_corpus,
  load_corpus_time_machine,
  preprocess,
  tokenize,
  Vocab,
  type VocabOptions,
} from './text.js'
export { cached_time_machine, read_time_machine } from './time_machine.js'
export { Accumulator, Timer } from './timer.js'
export {
  type CharacterModel,
  type EpochOptions,
  type EpochResult,
  predict_ch8,
  type TrainingStep,
  type TrainOptions,
  train_ch8,
  train_epoch_ch8,
  training_step_ch8,
  type Updater,
  updater_ch8,
} from './train_rnn.js'
export { grad_clipping, type HasParams, sgd, try_gpu } from './training.js'
