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

  /**
   * Restarts the sequence of the seed, a whole number of 64 bits; a negative one names the unsigned one with the same
   * bits. Gives Python's numbers for Python's seed.
   */
  manual_seed(...args: Arguments['Generator.manual_seed']): this {
    const { seed } = read('Generator.manual_seed', args)
    native.manual_seed(seedBits('Generator.manual_seed', seed), this.native)
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

/** The CPU's, from which operators draw where no generator is given. */
export const default_generator: Generator = Object.create(Generator.prototype, {
  // Asked for when it is needed: a thread may have said by then that it draws from one of its own.
  native: { get: () => (defaultNative ??= native.default_generator('cpu')) },
  __not_cloned: { value: NOT_CLONED, enumerable: true },
})
let defaultNative: NativeGenerator | undefined

/** The seed's 64 bits, as native code takes them. */
export function seedBits(callee: string, seed: number | bigint): bigint {
  const bits = BigInt(seed)
  if (bits < -(2n ** 63n) || bits >= 2n ** 64n) {
    throw new RangeError(`${callee}(): the seed must be between -2^63 and 2^64 - 1, got ${seed}`)
  }
  return BigInt.asIntN(64, bits)
}

/** Seeds the default generators of every device, and gives the CPU's. */
export function manual_seed(...args: Arguments['torch.manual_seed']): Generator {
  const { seed } = read('torch.manual_seed', args)
  native.manual_seed(seedBits('torch.manual_seed', seed))
  return default_generator
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
