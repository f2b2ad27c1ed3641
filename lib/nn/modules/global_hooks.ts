// Hooks of all modules, as torch.nn.modules.module has them: for debugging and profiling. They are kept for all modules
// of the thread, until their handle removes them.

import type { RemovableHandle } from '../../core/tensor.js'
import { type Arguments, read } from '../generated/arguments.js'
import { globalHooks, registrationHooks } from './hooks.js'

export { Module } from './module.js'

/**
 * Calls `hook(module, args)` before every forward of every module; what it returns replaces the arguments.
 */
export function register_module_forward_pre_hook(
  ...args: Arguments['nn.modules.module.register_module_forward_pre_hook']
): RemovableHandle {
  return globalHooks.forwardPre.register(read('nn.modules.module.register_module_forward_pre_hook', args).hook)
}

/**
 * Calls `hook(module, args, output)` after every forward of every module, or `hook(module, args, kwargs, output)` where
 * `with_kwargs` is true; what it returns replaces the output. With `always_call` it runs after a forward that threw, too.
 */
export function register_module_forward_hook(
  ...args: Arguments['nn.modules.module.register_module_forward_hook']
): RemovableHandle {
  const { hook, ...registration } = read('nn.modules.module.register_module_forward_hook', args)
  return globalHooks.forward.register(hook, registration)
}

/** As Module.register_full_backward_pre_hook, for all modules. */
export function register_module_full_backward_pre_hook(
  ...args: Arguments['nn.modules.module.register_module_full_backward_pre_hook']
): RemovableHandle {
  return globalHooks.backwardPre.register(read('nn.modules.module.register_module_full_backward_pre_hook', args).hook)
}

/** As Module.register_full_backward_hook, for all modules. */
export function register_module_full_backward_hook(
  ...args: Arguments['nn.modules.module.register_module_full_backward_hook']
): RemovableHandle {
  return globalHooks.backward.register(read('nn.modules.module.register_module_full_backward_hook', args).hook)
}

/**
 * Calls `hook(module, name, buffer)` before a buffer becomes a part of any module, by a method or as a field; what it
 * returns takes its place. Of fields that a class declares it hears when the parts are first asked for.
 */
export function register_module_buffer_registration_hook(
  ...args: Arguments['nn.modules.module.register_module_buffer_registration_hook']
): RemovableHandle {
  const { hook } = read('nn.modules.module.register_module_buffer_registration_hook', args)
  return registrationHooks.buffer.register(hook)
}

/**
 * Calls `hook(module, name, submodule)` before a submodule becomes a part of any module, by a method or as a field; what it
 * returns takes its place. Of fields that a class declares it hears when the parts are first asked for.
 */
export function register_module_module_registration_hook(
  ...args: Arguments['nn.modules.module.register_module_module_registration_hook']
): RemovableHandle {
  const { hook } = read('nn.modules.module.register_module_module_registration_hook', args)
  return registrationHooks.module.register(hook)
}

/**
 * Calls `hook(module, name, parameter)` before a parameter becomes a part of any module, by a method or as a field; what it
 * returns takes its place. Of fields that a class declares it hears when the parts are first asked for.
 */
export function register_module_parameter_registration_hook(
  ...args: Arguments['nn.modules.module.register_module_parameter_registration_hook']
): RemovableHandle {
  const { hook } = read('nn.modules.module.register_module_parameter_registration_hook', args)
  return registrationHooks.parameter.register(hook)
}
