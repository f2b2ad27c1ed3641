import { device } from '../core/device.js'
import { type NativeGenerator, native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { type Arguments, read } from './generated/arguments.js'

const NOT_CLONED = Symbol('a torch.Generator')

/** A source of random numbers of its own: `new torch.Generator().manual_seed(0)`. */
export class Generator {
  /** @internal */
  readonly native: NativeGenerator
  /** @internal Keeps structured cloning from making an object without a generator. */
  readonly __not_cloned = NOT_CLONED

  constructor(...args: Arguments['torch.Generator']) {
    this.native = native.make_generator(device(read('torch.Generator', args).device).spec)
  }

  /** Restarts the sequence of the seed. Gives Python's numbers for Python's seed. */
  manual_seed(...args: Arguments['Generator.manual_seed']): this {
    const { seed } = read('Generator.manual_seed', args)
    native.manual_seed(seed, this.native)
    return this
  }

  initial_seed(): bigint {
    return native.initial_seed(this.native)
  }

  /** The whole state, a uint8 tensor. */
  get_state(): Tensor {
    return internals.wrap(native.rng_state(this.native))
  }

  set_state(...args: Arguments['Generator.set_state']): this {
    const { state } = read('Generator.set_state', args)
    native.set_rng_state(internals.handleOf(state), this.native)
    return this
  }
}

/** Seeds the default generators of every device. */
export function manual_seed(...args: Arguments['torch.manual_seed']): void {
  const { seed } = read('torch.manual_seed', args)
  native.manual_seed(seed)
}

export function initial_seed(): bigint {
  return native.initial_seed()
}

/** The state of the CPU's default generator, a uint8 tensor. */
export function get_rng_state(): Tensor {
  return internals.wrap(native.rng_state())
}

export function set_rng_state(...args: Arguments['torch.set_rng_state']): void {
  native.set_rng_state(internals.handleOf(read('torch.set_rng_state', args).new_state))
}

/** Seeds the default generator with a number that is random itself, and gives that number. */
export function seed(): bigint {
  const chosen = crypto.getRandomValues(new BigUint64Array(1))[0] as bigint
  manual_seed(chosen)
  return chosen
}
