// torch.autograd
export { detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly } from './anomaly.js'
export { backward, grad } from './backward.js'
export { AutogradFunction as Function, FunctionCtx, once_differentiable } from './function.js'
export * as functional from './functional.js'
export {
  enable_grad,
  inference_mode,
  is_grad_enabled,
  is_inference_mode_enabled,
  no_grad,
  set_grad_enabled,
} from './grad_mode.js'
export { gradcheck, gradgradcheck } from './gradcheck.js'
