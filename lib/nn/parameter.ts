// torch.nn.parameter: what modules learn and keep, also before its size is known.

import { type Handle, native } from '../core/native.js'
import type { Size } from '../core/size.js'
import { internals, type SharedToken, Tensor } from '../core/tensor.js'
import { empty } from '../generated/functions.js'
import { clonedData, copiedData, copyGradient, type Memo } from '../tensor/deepcopy.js'
import { type Arguments, read } from './generated/arguments.js'

/** The handle of given data, or of a new tensor without elements. */
const handleOf = (data: Tensor | null): Handle => internals.handleOf(data ?? empty([0]))

/** A tensor that a module learns: a field of this type is a parameter. Requires grad. Scopes never free it. */
export class Parameter extends Tensor {
  /** Keeps a plain tensor out of a Parameter field. */
  declare readonly __parameter: true

  constructor(...args: Arguments['nn.Parameter']) {
    const { data, requires_grad } = read('nn.Parameter', args)
    super(internals.token, native.data(handleOf(data)))
    internals.setOwner(this, null)
    if (requires_grad) this.requires_grad_()
  }

  /** @internal The copy that torch.deepcopy makes: without the gradient, on its own memory, as in Python. */
  __deepcopy__(_memo: Memo): Parameter {
    const copy = new Parameter(clonedData(this), this.requires_grad)
    return Object.setPrototypeOf(copy, Object.getPrototypeOf(this))
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`
  }
}

/** A tensor that belongs to a module's state and is not learned: a field of this type is a buffer. */
export class Buffer extends Tensor {
  declare readonly __buffer: true

  /** Whether it is part of the state_dict. */
  declare readonly persistent: boolean

  constructor(...args: Arguments['nn.Buffer']) {
    const { data, persistent } = read('nn.Buffer', args)
    super(internals.token, native.alias(handleOf(data)))
    internals.setOwner(this, null)
    Object.defineProperty(this, 'persistent', { value: persistent })
  }

  /** @internal The copy that torch.deepcopy makes. */
  __deepcopy__(memo: Memo): Buffer {
    const copy = new Buffer(copiedData(this, memo), { persistent: this.persistent })
    copyGradient(this, copy, memo)
    return Object.setPrototypeOf(copy, Object.getPrototypeOf(this))
  }
}

/** What an uninitialized tensor answers although it has no elements, as Python's does. */
const ANSWERED = [
  ...[
    'data',
    'dtype',
    'device',
    'grad',
    'grad_fn',
    'is_cpu',
    'is_cuda',
    'is_leaf',
    'is_meta',
    'layout',
    'requires_grad',
  ],
  ...['itemsize', 'element_size', '_version', 'size', 'copy_', 'is_complex', 'is_floating_point', 'half', 'float'],
  ...['double', 'bfloat16', 'char', 'short', 'int', 'long', 'cuda', 'cpu', 'to', 'get_device', 'requires_grad_'],
]

/** Runs `ask` while the tensor's handle is given out. */
function opened<R>(tensor: Tensor, ask: () => R): R {
  internals.withhold(tensor, false)
  try {
    return ask()
  } finally {
    internals.withhold(tensor, true)
  }
}

type Member = (this: Tensor, ...args: unknown[]) => unknown

/** Lets an uninitialized class answer what Tensor itself answers. */
function answer(cls: { prototype: Tensor }): void {
  for (const name of ANSWERED) {
    // Most of Tensor's methods are put there later than this.
    const found = (): PropertyDescriptor =>
      Object.getOwnPropertyDescriptor(Tensor.prototype, name) as PropertyDescriptor
    Object.defineProperty(cls.prototype, name, {
      get(this: Tensor): unknown {
        const { get, value } = found()
        if (get !== undefined) return opened(this, () => get.call(this))
        return (...args: unknown[]) => opened(this, () => (value as Member).apply(this, args))
      },
      set(this: Tensor, value: unknown): void {
        opened(this, () => found().set?.call(this, value))
      },
      configurable: true,
    })
  }
}

/** What tensors without a size have in common. */
interface Uninitialized {
  /** The class that `materialize` makes of it. */
  readonly cls_to_become: { prototype: Tensor }
}

/** Gives an uninitialized tensor its elements: it is the same object, of its ordinary class. */
function become(tensor: Tensor & Uninitialized, args: Arguments['nn.UninitializedParameter.materialize']): void {
  const { shape, device, dtype } = read('nn.UninitializedParameter.materialize', args)
  const made = empty([...shape], { device: device ?? tensor.device, dtype: dtype ?? tensor.dtype })
  tensor.data = made
  internals.withhold(tensor, false)
  Object.setPrototypeOf(tensor, tensor.cls_to_become.prototype)
}

function noShape(): never {
  throw new Error(
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` " +
      'when trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the ' +
      'parameters before accessing their attributes.',
  )
}

function noShare(): never {
  throw new Error(
    "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters before " +
      'calling `module.share_memory()`.',
  )
}

/**
 * A parameter whose size is not known yet: what a lazy module has until its first forward. Its dtype, device and
 * requires_grad are known and may be changed; it may be given to an optimizer, which updates it once it has a size.
 * @throws {RangeError} on any other use, as Python's ValueError.
 */
export class UninitializedParameter extends Parameter {
  declare readonly cls_to_become: typeof Parameter

  constructor(...args: Arguments['nn.UninitializedParameter']) {
    const { requires_grad, device, dtype } = read('nn.UninitializedParameter', args)
    super(empty([0], { device, dtype }), requires_grad)
    internals.withhold(this, true)
  }

  /** Makes it an ordinary parameter of this shape, on the same device and in the same dtype unless told otherwise. */
  materialize(...args: Arguments['nn.UninitializedParameter.materialize']): void {
    become(this, args)
  }

  /** @throws There is none yet. */
  override get shape(): Size {
    return noShape()
  }

  override share(): SharedToken {
    return noShare()
  }

  /** @internal The copy that torch.deepcopy makes. */
  override __deepcopy__(_memo: Memo): UninitializedParameter {
    const { requires_grad, device, dtype } = this
    return new UninitializedParameter({ requires_grad, device, dtype })
  }

  override toString(): string {
    return `<${this.constructor.name}>`
  }
}

/** A buffer whose size is not known yet, as UninitializedParameter. */
export class UninitializedBuffer extends Buffer {
  declare readonly cls_to_become: typeof Buffer

  constructor(...args: Arguments['nn.UninitializedBuffer']) {
    const { requires_grad, device, dtype, persistent } = read('nn.UninitializedBuffer', args)
    super(empty([0], { device, dtype, requires_grad }), { persistent })
    internals.withhold(this, true)
  }

  /** Makes it an ordinary buffer of this shape, on the same device and in the same dtype unless told otherwise. */
  materialize(...args: Arguments['nn.UninitializedParameter.materialize']): void {
    become(this, args)
  }

  /** @throws There is none yet. */
  override get shape(): Size {
    return noShape()
  }

  override share(): SharedToken {
    return noShare()
  }

  /** @internal The copy that torch.deepcopy makes. */
  override __deepcopy__(_memo: Memo): UninitializedBuffer {
    const { requires_grad, device, dtype } = this
    return new UninitializedBuffer({ requires_grad, device, dtype, persistent: this.persistent })
  }

  override toString(): string {
    return `<${this.constructor.name}>`
  }
}

for (const [cls, ordinary] of [
  [UninitializedParameter, Parameter],
  [UninitializedBuffer, Buffer],
] as const) {
  answer(cls)
  Object.defineProperty(cls.prototype, 'cls_to_become', { value: ordinary })
}

/** Whether `param` is an UninitializedParameter or an UninitializedBuffer. */
export function is_lazy(param: unknown): param is UninitializedParameter | UninitializedBuffer {
  return param instanceof UninitializedParameter || param instanceof UninitializedBuffer
}
