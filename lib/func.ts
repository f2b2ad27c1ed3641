// torch.func: modules as functions of their tensors.

import type { Tensor } from './core/tensor.js'
import { stack } from './generated/functions.js'
import { type Arguments, read } from './nn/generated/arguments.js'
import type { Rest } from './nn/modules/call_types.js'
import type { Module } from './nn/modules/module.js'
import { callWith } from './nn/utils/functional_call.js'
import { isOptions } from './operators/options.js'

type Tensors = Readonly<Record<string, Tensor>>

/**
 * Calls a module with the tensors given, by their names in its state_dict, in the places of its own, which it keeps;
 * gradients reach those given. Several dicts may share the names. `args` is an array of arguments, or a single one that
 * is none; `{ kwargs }` has keyword arguments, which may be the last of the array too. With `tie_weights`, a tensor that the module has under several names takes all
 * of its places; with `strict`, every tensor of the module must be given, and no other. A buffer that the module replaces
 * is put into the dict that had it.
 * @throws if a name is in several dicts, or if several values are given for one tensor that is tied.
 */
export function functional_call<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['func.functional_call']>
): ReturnType<M>
export function functional_call(...args: Arguments['func.functional_call']): unknown
export function functional_call(...given: Arguments['func.functional_call']): unknown {
  const { module, parameter_and_buffer_dicts, args, kwargs, tie_weights, strict } = read('func.functional_call', given)
  return callWith(module, oneOf(parameter_and_buffer_dicts), args, kwargs, tie_weights, strict)
}

/** The tensors of all dicts. */
function oneOf(dicts: Tensors | readonly Tensors[]): Tensors {
  if (!Array.isArray(dicts)) return dicts as Tensors
  if (!dicts.every(isOptions))
    throw new TypeError('Expected all elements of parameter_and_buffer_dicts to be dictionaries')
  const names = dicts.flatMap(Object.keys)
  const repeated = [...new Set(names.filter((name, i) => names.indexOf(name) !== i))]
  if (repeated.length > 0) {
    throw new RangeError(
      `[${repeated.map((name) => `'${name}'`).join(', ')}] appeared in multiple dictionaries; behavior of functional ` +
        'call is ambiguous',
    )
  }
  return Object.assign({}, ...dicts)
}

/**
 * The parameters and the buffers of several modules of one class, those of each name stacked along a new first
 * dimension.
 * @throws if there are no modules, or if they differ in class, mode or what requires gradients.
 */
export function stack_module_state(
  ...args: Arguments['func.stack_module_state']
): [parameters: Record<string, Tensor>, buffers: Record<string, Tensor>] {
  const models = [...read('func.stack_module_state', args).models]
  const [first] = models
  if (first === undefined) throw new RangeError('stack_module_state: Expected at least one model, got 0.')
  if (models.some(({ training }) => training !== first.training)) {
    throw new RangeError('stack_module_state: Expected all models to have the same training/eval mode.')
  }
  if (models.some((model) => model.constructor !== first.constructor)) {
    throw new RangeError('stack_module_state: Expected all models to be of the same class.')
  }
  return [
    stacked(models.map((model) => model.named_parameters())),
    stacked(models.map((model) => model.named_buffers())),
  ]
}

function stacked(named: readonly (readonly [string, Tensor])[][]): Record<string, Tensor> {
  const byName = named.map((list) => new Map(list))
  const result: Record<string, Tensor> = {}
  for (const name of byName[0]?.keys() ?? []) {
    const tensors = byName.map((tensorsOf) => tensorsOf.get(name) as Tensor)
    const requiring = tensors.filter(({ requires_grad }) => requires_grad).length
    if (requiring !== 0 && requiring !== tensors.length) {
      throw new RangeError(`Expected ${name} from each model to have the same .requires_grad`)
    }
    const all: Tensor = stack(tensors)
    result[name] = requiring > 0 ? all.detach().requires_grad_() : all
  }
  return result
}
