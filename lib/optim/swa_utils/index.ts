// torch.optim.swa_utils
export {
  type AverageFunction,
  get_ema_avg_fn,
  get_ema_multi_avg_fn,
  get_swa_avg_fn,
  get_swa_multi_avg_fn,
  type MultiAverageFunction,
} from './average.js'
export { AveragedModel } from './averaged_model.js'
export { SWALR } from './swalr.js'
export { update_bn } from './update_bn.js'
