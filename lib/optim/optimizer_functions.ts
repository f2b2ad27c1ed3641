// torch.optim.optimizer
export {
  register_optimizer_step_post_hook,
  register_optimizer_step_pre_hook,
  type StateDictHook,
  type StateHook,
  type StepPostHook,
  type StepPreHook,
} from './hooks.js'
export { Optimizer } from './optimizer.js'
