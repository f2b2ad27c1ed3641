// torch.nn.utils.stateless

import { warn } from '../../core/warn.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Rest } from '../modules/call_types.js'
import type { Module } from '../modules/module.js'
import { callWith } from './functional_call.js'

/**
 * torch.func.functional_call, under its name of old.
 * @deprecated for torch.func.functional_call
 */
export function functional_call<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.stateless.functional_call']>
): ReturnType<M>
export function functional_call(...args: Arguments['nn.utils.stateless.functional_call']): unknown
export function functional_call(...given: Arguments['nn.utils.stateless.functional_call']): unknown {
  const key = 'nn.utils.stateless.functional_call'
  const { module, parameters_and_buffers, args, kwargs, tie_weights, strict } = read(key, given)
  warn(
    '`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future version ' +
      'of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.',
  )
  return callWith(module, parameters_and_buffers, args, kwargs, tie_weights, strict)
}
