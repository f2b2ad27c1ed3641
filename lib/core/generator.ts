import { type DeviceLike, device } from './device.js'
import { type NativeGenerator, native } from './native.js'
import { internals, type Tensor } from './tensor.js'

/** A source of random numbers of its own: `new torch.Generator().manual_seed(0)`. */
export class Generator {
  /** @internal */
  readonly native: NativeGenerator

  constructor(on: DeviceLike = 'cpu') {
    this.native = native.make_generator(device(on).spec)
  }

  /** Restarts the sequence of the seed. Gives Python's numbers for Python's seed. */
  manual_seed(seed: number | bigint): this {
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

  set_state(state: Tensor): this {
    native.set_rng_state(internals.handleOf(state), this.native)
    return this
  }
}

/** Seeds the default generators of every device. */
export function manual_seed(seed: number | bigint): void {
  native.manual_seed(seed)
}

export function initial_seed(): bigint {
  return native.initial_seed()
}

/** The state of the CPU's default generator, a uint8 tensor. */
export function get_rng_state(): Tensor {
  return internals.wrap(native.rng_state())
}

export function set_rng_state(state: Tensor): void {
  native.set_rng_state(internals.handleOf(state))
}

/** Seeds the default generator with a number that is random itself, and gives that number. */
export function seed(): bigint {
  const chosen = crypto.getRandomValues(new BigUint64Array(1))[0] as bigint
  manual_seed(chosen)
  return chosen
}
