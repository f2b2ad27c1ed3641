// The random generators of GPUs. Seeding does nothing if CUDA cannot be used, as in Python: the same program runs on
// machines with and without a GPU.

import { cuda, device_count, is_available } from '../core/cuda_available.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { seedBits } from '../operators/generator.js'
import { asDevice, type CudaDevice } from './device.js'
import { type Arguments, read } from './generated/arguments.js'

const generatorOf = (device: CudaDevice | undefined) => native.default_generator(asDevice(device).spec)
const everyDevice = (): number[] => Array.from({ length: device_count() }, (_, i) => i)
const randomSeed = (): bigint => crypto.getRandomValues(new BigUint64Array(1))[0] as bigint

/** Seeds the current GPU's generator. `torch.manual_seed` seeds those of all devices. */
export function manual_seed(...args: Arguments['cuda.manual_seed']): void {
  const { seed } = read('cuda.manual_seed', args)
  if (is_available()) native.manual_seed(seedBits('torch.cuda.manual_seed', seed), generatorOf(null))
}

export function manual_seed_all(...args: Arguments['cuda.manual_seed_all']): void {
  const { seed } = read('cuda.manual_seed_all', args)
  const bits = seedBits('torch.cuda.manual_seed_all', seed)
  for (const device of everyDevice()) native.manual_seed(bits, generatorOf(device))
}

/** Seeds the current GPU's generator with a random number. */
export function seed(): void {
  manual_seed(randomSeed())
}

/** Seeds the generators of all GPUs with one random number. */
export function seed_all(): void {
  manual_seed_all(randomSeed())
}

export function initial_seed(): bigint {
  cuda()
  return native.initial_seed(generatorOf(null))
}

/** The state of a GPU's generator, a uint8 tensor on the CPU. */
export function get_rng_state(...args: Arguments['cuda.get_rng_state']): Tensor {
  const { device } = read('cuda.get_rng_state', args)
  cuda()
  return internals.wrap(native.rng_state(generatorOf(device)))
}

export function get_rng_state_all(): Tensor[] {
  return everyDevice().map((device) => get_rng_state(device))
}

export function set_rng_state(...args: Arguments['cuda.set_rng_state']): void {
  const { new_state, device } = read('cuda.set_rng_state', args)
  cuda()
  native.set_rng_state(internals.handleOf(new_state), generatorOf(device))
}

export function set_rng_state_all(...args: Arguments['cuda.set_rng_state_all']): void {
  let device = 0
  for (const state of read('cuda.set_rng_state_all', args).new_states) set_rng_state(state, device++)
}
