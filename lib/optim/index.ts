// torch.optim
export { Adam, type AdamOptions, AdamW, type AdamWOptions } from './adam.js'
export { LBFGS, type LBFGSOptions } from './lbfgs.js'
export * as lr_scheduler from './lr_scheduler/index.js'
export { Optimizer, type OptimizerStateDict, type ParamGroup } from './optimizer.js'
export { SGD, type SGDOptions } from './sgd.js'
export * as swa_utils from './swa_utils/index.js'
