// torch.nn.functional: the operators under generated/, and what PyTorch writes in Python around them.

export * from '../../generated/nn_functional.js'
export type { Reduction } from '../../operators/reduction.js'
export * from './activation.js'
export * from './attention.js'
export * from './dropout.js'
export * from './embedding.js'
export * from './image.js'
export { linear } from './linear.js'
export { linear_cross_entropy } from './linear_cross_entropy.js'
export * from './loss.js'
export * from './normalization.js'
export * from './pooling.js'
