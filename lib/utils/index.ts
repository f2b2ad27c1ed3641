// torch.utils
export * as benchmark from './benchmark/index.js'
export * as checkpoint from './checkpoint.js'
export * as data from './data/index.js'
export { Progress, type ProgressOptions, progress } from './progress/index.js'
export { summary } from './summary/index.js'
export * as tensorboard from './tensorboard/index.js'
