// torch.optim.lr_scheduler
export { ChainedScheduler, SequentialLR } from './compose.js'
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from './cosine.js'
export { CyclicLR } from './cyclic.js'
export { ConstantLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR } from './decay.js'
export { LambdaLR, MultiplicativeLR } from './lambda.js'
export { LRScheduler, type SchedulerStateDict } from './lr_scheduler.js'
export { OneCycleLR } from './one_cycle.js'
export { ReduceLROnPlateau } from './plateau.js'
