// torch.nn.utils: all parameters as one vector, and back.

import { internals, type Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { describe } from '../../operators/describe.js'
import { type Arguments, read } from '../generated/arguments.js'

/** Checks that the parameters are tensors, all on one device. */
function onOneDevice(callee: string, parameters: unknown): Tensor[] {
  const iterable =
    !internals.isTensor(parameters) && typeof (parameters as Iterable<Tensor>)?.[Symbol.iterator] === 'function'
  const list = iterable ? [...(parameters as Iterable<Tensor>)] : []
  if (!iterable || !list.every(internals.isTensor)) {
    throw new TypeError(`${callee}(): the parameters must be an iterable of Tensors, not ${describe(parameters)}`)
  }
  if (list.some(({ device }) => device !== list[0]?.device)) {
    throw new TypeError('Found two parameters on different devices, this is currently not supported.')
  }
  return list
}

/**
 * The elements of all parameters, one after the other: a vector (n), through which gradients flow back to them.
 * @throws if they are not all on one device.
 */
export function parameters_to_vector(...args: Arguments['nn.utils.parameters_to_vector']): Tensor {
  const { parameters } = read('nn.utils.parameters_to_vector', args)
  return torch.cat(onOneDevice('parameters_to_vector', parameters).map((parameter) => parameter.view(-1)))
}

/**
 * Undoes parameters_to_vector: each parameter takes its part of `vec` (n) as its data, a view of it and no copy.
 * @throws if the parameters are not all on one device, or if `vec` has too few elements.
 */
export function vector_to_parameters(...args: Arguments['nn.utils.vector_to_parameters']): void {
  const { vec, parameters } = read('nn.utils.vector_to_parameters', args)
  let start = 0
  for (const parameter of onOneDevice('vector_to_parameters', parameters)) {
    const count = parameter.numel()
    parameter.data = vec.narrow(0, start, count).view_as(parameter).data
    start += count
  }
}
