// torch.nn
export * as attention from './attention/index.js'
export * as functional from './functional/index.js'
export { LinearCrossEntropyOptions } from './functional/linear_cross_entropy_options.js'
export * as init from './init.js'
export * from './modules/activation.js'
export * from './modules/adaptive.js'
export * from './modules/adaptive_pooling.js'
export { BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm } from './modules/batchnorm.js'
export { Bilinear } from './modules/bilinear.js'
export * from './modules/channelshuffle.js'
export { ModuleList, Sequential } from './modules/container.js'
export { Conv1d, Conv2d, Conv3d } from './modules/conv.js'
export { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './modules/conv_transpose.js'
export * from './modules/distance.js'
export * from './modules/dropout.js'
export * from './modules/flatten.js'
export * from './modules/fold.js'
export type { BackwardHook, BackwardPreHook, ForwardHook, ForwardPreHook } from './modules/hooks.js'
export * as modules from './modules/index.js'
export { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from './modules/instancenorm.js'
export * from './modules/lazy_conv.js'
export * from './modules/lazy_norm.js'
export { Identity, LazyLinear, Linear } from './modules/linear.js'
export { LinearCrossEntropyLoss } from './modules/linear_cross_entropy.js'
export * from './modules/loss.js'
export * from './modules/loss_classes.js'
export * from './modules/loss_distances.js'
export { Module } from './modules/module.js'
export { ModuleDict } from './modules/module_dict.js'
export { MultiheadAttention } from './modules/multihead_attention.js'
export { CrossMapLRN2d, GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm } from './modules/normalization.js'
export * from './modules/padding.js'
export { ParameterDict, ParameterList } from './modules/parameter_containers.js'
export * from './modules/pixelshuffle.js'
export * from './modules/pooling.js'
export { PReLU } from './modules/prelu.js'
export { GRU, LSTM, type LSTMOptions, RNN, type RNNBaseOptions, type RNNOptions } from './modules/rnn.js'
export { RNNBase } from './modules/rnn_base.js'
export { GRUCell, LSTMCell, RNNCell, RNNCellBase } from './modules/rnn_cells.js'
export * from './modules/softmax.js'
export { Embedding, EmbeddingBag } from './modules/sparse.js'
export type {
  LoadPostHook,
  LoadPreHook,
  LoadResult,
  LocalMetadata,
  StateDict,
  StateDictHook,
  StateDictPreHook,
} from './modules/state_dict.js'
export {
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from './modules/transformer.js'
export * from './modules/upsampling.js'
export * as parameter from './parameter.js'
export { Buffer, Parameter, UninitializedBuffer, UninitializedParameter } from './parameter.js'
export * as utils from './utils/index.js'
