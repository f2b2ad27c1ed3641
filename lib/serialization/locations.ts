// Where storages go: the locations that checkpoints name, and torch.load's map_location.

import { device_count, is_available } from '../core/cuda_available.js'
import { Device, type DeviceLike, device } from '../core/device.js'
import { internals, type Tensor } from '../core/tensor.js'
import { empty } from '../generated/functions.js'
import { describe } from '../operators/describe.js'
import { isPlainObject } from '../operators/options.js'
import { type Arguments, read } from './generated/arguments.js'

/** Moves a storage, given as its bytes (uint8), from where it was saved: to a tensor's device, or to a device. */
export type LocationFunction = (storage: Tensor, location: string) => Tensor | DeviceLike | null | undefined

/**
 * Where storages go: to one device; from locations to locations; or as a function says, for which nothing (null) is
 * where it was saved.
 */
export type MapLocation =
  | DeviceLike
  | Readonly<Record<string, DeviceLike>>
  | ReadonlyMap<string, DeviceLike>
  | LocationFunction

/** Gives the location of a storage, or nothing. */
export type Tagger = (storage: Tensor) => string | null | undefined
/** Gives the storage at a location, or nothing. */
export type Deserializer = (storage: Tensor, location: string) => Tensor | null | undefined

interface Package {
  priority: number
  tagger: Tagger
  deserializer: Deserializer
}

/** The number of the CUDA device that a location names. @throws where there is none. */
export function validate_cuda_device(...args: Arguments['serialization.validate_cuda_device']): number {
  const { location } = read('serialization.validate_cuda_device', args)
  const { index } = device(location)
  if (!is_available()) {
    throw new Error(
      'Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on ' +
        "a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU.",
    )
  }
  const number = index ?? 0
  if (number >= device_count()) {
    throw new Error(
      `Attempting to deserialize object on CUDA device ${number} but torch.cuda.device_count() is ${device_count()}. ` +
        'Please use torch.load with map_location to map your storages to an existing device.',
    )
  }
  return number
}

const onDevice =
  (type: string): Tagger =>
  (storage) =>
    storage.device.type === type ? storage.device.spec : null

const packages: Package[] = [
  { priority: 10, tagger: onDevice('cpu'), deserializer: (storage, location) => (location === 'cpu' ? storage : null) },
  {
    priority: 20,
    tagger: onDevice('cuda'),
    deserializer: (storage, location) =>
      /^cuda(:\d+)?$/.test(location) ? storage.to(`cuda:${validate_cuda_device(location)}`) : null,
  },
  {
    priority: 22,
    tagger: onDevice('meta'),
    deserializer: (storage, location) =>
      location === 'meta' ? empty(storage.shape, { dtype: storage.dtype, device: 'meta' }) : null,
  },
]

/**
 * Names the locations of storages on other devices, and moves storages there. `tagger` gives a storage's location, or
 * nothing; `deserializer` gives the storage at a location, or nothing. A storage is its bytes, a uint8 tensor. The lowest
 * priority is asked first.
 */
export function register_package(...args: Arguments['serialization.register_package']): void {
  packages.push(read('serialization.register_package', args))
  packages.sort((a, b) => a.priority - b.priority)
}

/** What a checkpoint says of where a storage, or the storage of a tensor, is: 'cpu', 'cuda:0'. */
export function location_tag(...args: Arguments['serialization.location_tag']): string {
  const { storage } = read('serialization.location_tag', args)
  for (const { tagger } of packages) {
    const location = tagger(storage)
    if (location) return location
  }
  throw new Error(`don't know how to determine data location of a storage on ${storage.device}`)
}

/** Moves a storage, given as its bytes, to where it was saved. */
export function default_restore_location(...args: Arguments['serialization.default_restore_location']): Tensor {
  const { storage, location } = read('serialization.default_restore_location', args)
  for (const { deserializer } of packages) {
    const restored = deserializer(storage, location)
    if (restored !== null && restored !== undefined) return restored
  }
  throw new Error(`don't know how to restore data location of torch.storage.UntypedStorage (tagged with ${location})`)
}

export type Restore = (storage: Tensor, location: string) => Tensor

/** Whether all goes to the meta device: then nothing is read. */
export const isMeta = (map: MapLocation | null): boolean =>
  map === 'meta' || (map instanceof Device && map.type === 'meta')

/** What `map_location` does with each storage. */
export function restorer(map: MapLocation | null): Restore {
  if (map === null) return default_restore_location
  if (typeof map === 'string' || map instanceof Device) {
    const { spec } = device(map)
    return (storage) => default_restore_location(storage, spec)
  }
  if (typeof map === 'function') {
    return (storage, location) => {
      const result = map(storage, location)
      if (result === null || result === undefined) return default_restore_location(storage, location)
      if (typeof result === 'string' || result instanceof Device) {
        return default_restore_location(storage, device(result).spec)
      }
      return sameBytes(storage, result)
    }
  }
  if (map instanceof Map || isPlainObject(map)) {
    const places = map instanceof Map ? map : new Map(Object.entries(map))
    return (storage, location) =>
      default_restore_location(storage, device((places.get(location) as DeviceLike | undefined) ?? location).spec)
  }
  throw new TypeError(
    `load(): argument 'map_location' must be a device, an object or Map of locations, or a function, not ${describe(map)}`,
  )
}

/** Tensors are made on what the user's function gives: it must hold what they need. */
function sameBytes(storage: Tensor, result: unknown): Tensor {
  if (!internals.isTensor(result)) {
    throw new TypeError(`load(): map_location must give the storage, a device or null, not ${describe(result)}`)
  }
  if (result.dtype !== storage.dtype || result.numel() !== storage.numel() || !result.is_contiguous()) {
    throw new TypeError('load(): map_location must give the storage on some device, as its bytes')
  }
  return result
}
