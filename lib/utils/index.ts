// torch.utils
export * as checkpoint from './checkpoint.js'
export * as tensorboard from './tensorboard/index.js'
