// torch.optim
export { Adam, type AdamOptions, AdamW, type AdamWOptions } from './adam.js'
export { Optimizer, type OptimizerStateDict, type ParamGroup } from './optimizer.js'
export { SGD, type SGDOptions } from './sgd.js'
