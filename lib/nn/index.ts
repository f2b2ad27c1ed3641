// torch.nn
export * as functional from './functional/index.js'
export * as init from './init.js'
export { CELU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh } from './modules/activation.js'
export { ModuleDict, ModuleList, ParameterList, Sequential } from './modules/container.js'
export { Dropout } from './modules/dropout.js'
export type { BackwardHook, BackwardPreHook, ForwardHook, ForwardPreHook } from './modules/hooks.js'
export * as modules from './modules/index.js'
export { Identity, LazyLinear, Linear } from './modules/linear.js'
export { CrossEntropyLoss, L1Loss, MSELoss, NLLLoss } from './modules/loss.js'
export { Module } from './modules/module.js'
export { GRU, LSTM, type LSTMOptions, RNN, type RNNBaseOptions, type RNNOptions } from './modules/rnn.js'
export { RNNBase } from './modules/rnn_base.js'
export { Embedding } from './modules/sparse.js'
export type {
  LoadPostHook,
  LoadPreHook,
  LoadResult,
  LocalMetadata,
  StateDict,
  StateDictHook,
  StateDictPreHook,
} from './modules/state_dict.js'
export * as parameter from './parameter.js'
export { Buffer, Parameter, UninitializedBuffer, UninitializedParameter } from './parameter.js'
export * as utils from './utils/index.js'
