// The operators that Python exposes, each found in libtorch when it is first called.

import { defaultDevice } from '../core/default_device.js'
import { internals, type Tensor } from '../core/tensor.js'
import { factories, overloads } from './generated/overloads.js'
import { Operator, operatorFunction, operatorMethod } from './operator.js'
import { isOptions, ownFields } from './options.js'

const operators = new Map<string, Operator>()

function operatorOf(name: string): Operator {
  let operator = operators.get(name)
  if (operator === undefined) {
    operator = new Operator(`aten::${name}`, overloads[name]?.[0])
    operators.set(name, operator)
  }
  return operator
}

/** The function torch.NAME. Its type is the caller's to say: generated files hold the signatures. */
export function operatorNamed<F>(name: string): F {
  const invoke = operatorFunction(name, operatorOf(name), overloads[name]?.[1] ?? 0)
  return (factories.has(name) ? asFactory(name, invoke) : invoke) as F
}

/** The factories that put what they make on the default device: of Python's list, those that are operators. */
const PLACING = new Set(
  (
    'arange bartlett_window blackman_window empty empty_permuted empty_quantized empty_strided eye fft_fftfreq ' +
    'fft_rfftfreq hamming_window hann_window kaiser_window linspace logspace ones rand randint randn randperm range ' +
    'scalar_tensor sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor ' +
    'sparse_csr_tensor tril_indices triu_indices zeros'
  ).split(' '),
)

/** The arguments with the default device, where no device and no tensor for the result is given. */
function placed(args: unknown[]): unknown[] {
  const device = defaultDevice()
  if (device === null) return args
  const last = args.at(-1)
  if (!isOptions(last)) return [...args, { device }]
  const { device: given, out } = ownFields(last)
  return (given ?? out ?? null) === null ? [...args.slice(0, -1), { ...last, device }] : args
}

/**
 * The arguments of a sparse constructor with its tensors on the device and its values of the dtype that the options ask
 * for: the operators take both as they are.
 */
function converted(args: unknown[]): unknown[] {
  const options = args.at(-1)
  if (!isOptions(options)) return args
  const { device = null, dtype = null } = ownFields(options) as { device?: never; dtype?: never }
  if (device === null && dtype === null) return args
  const values = Object.hasOwn(options, 'values') ? options.values : args.filter(internals.isTensor).at(-1)
  const moved = (value: unknown) => {
    if (!internals.isTensor(value)) return value
    return value.to({ device: device ?? value.device, dtype: value === values && dtype !== null ? dtype : value.dtype })
  }
  const named = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, moved(value)]))
  return [...args.slice(0, -1).map(moved), named]
}

/** Python's factories take `requires_grad` beside what their operators take, and know the default device. */
function asFactory(name: string, make: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  const isPlacing = PLACING.has(name)
  const isSparse = name.startsWith('sparse_')
  const invoke = (...given: unknown[]): unknown => {
    const here = isPlacing ? placed(given) : given
    const args = isSparse ? converted(here) : here
    const options = args.at(-1)
    if (!isOptions(options) || !Object.hasOwn(options, 'requires_grad')) return make(...args)
    const { requires_grad, ...rest } = options
    const made = make(...args.slice(0, -1), rest) as Tensor
    return requires_grad ? made.requires_grad_() : made
  }
  return Object.defineProperty(invoke, 'name', { value: name })
}

/** The method Tensor.NAME. */
export function methodNamed(name: string): (...args: unknown[]) => unknown {
  return operatorMethod(name, operatorOf(name), overloads[name]?.[2] ?? 0)
}

/** An operator as it is in ATen: sizes come as a list, and nothing of Python's is added. Its type is the caller's to say. */
export function atenNamed<F>(name: string): F {
  return operatorFunction(name, operatorOf(name), 0) as F
}
