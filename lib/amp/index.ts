// torch.amp
export { type AutocastDevice, type AutocastOptions, autocast, is_autocast_available } from './autocast.js'
export { GradScaler, type GradScalerOptions, type GradScalerState } from './grad_scaler.js'
