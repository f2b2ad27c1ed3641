// The format of torch.save before it wrote archives: pickles one after the other, then the storages. PyTorch writes it
// with `_use_new_zipfile_serialization=False`.

import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals } from '../core/tensor.js'
import { hostOf, storageIdIn, unpickled } from './checkpoint.js'
import { UnpicklingError } from './error.js'
import { type MapLocation, restorer } from './locations.js'
import { type Buildable, Dict, Global } from './objects.js'
import { rebuildFunctions } from './rebuild.js'
import { Storage } from './storage.js'
import { type Host, PickleBytes, Unpickler } from './unpickler.js'

const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL = 1001

/** A pickle of plain values has no use for names. */
const PLAIN: Host = {
  global(path) {
    throw new UnpicklingError(`${path} where plain values are expected`)
  },
  persistent() {
    throw new UnpicklingError('a storage where plain values are expected')
  },
}

const plain = (input: PickleBytes): unknown => new Unpickler(input, PLAIN).load()

/** Stands for a tensor while it is only looked which storages there are. */
class Placeholder implements Buildable {
  build(): void {}
}

/** Where a tar archive says that it is one: the format of PyTorch's first versions. */
const isTar = (bytes: Uint8Array): boolean => Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar'

export function readLegacy(bytes: Uint8Array, map: MapLocation | null): unknown {
  if (isTar(bytes)) {
    throw new UnpicklingError('Cannot use `weights_only=True` with files saved in the legacy .tar format')
  }
  const input = new PickleBytes(bytes)
  if (!isLegacy(input)) throw new UnpicklingError('Invalid magic number; corrupt file?')
  const version = plain(input)
  if (version !== PROTOCOL) throw new UnpicklingError(`Invalid protocol version: ${String(version)}`)
  if (!(plain(input) instanceof Dict)) throw new UnpicklingError('it does not say on which system it was written')
  const start = input.position
  const restore = restorer(map)

  // Which storages there are, and where: they stand behind the pickle, each after its length.
  const sizes = new Map<string, number>()
  const look = hostOf((id) => {
    const { key, type } = storageIdIn(id)
    if (!sizes.has(key)) sizes.set(key, type.dtype?.itemsize ?? 1)
    return new Placeholder()
  }, restore)
  new Unpickler(input, {
    ...look,
    construct: () => new Placeholder(),
    global: (path) => (rebuildFunctions.has(path) ? new Global(path, () => new Placeholder()) : look.global(path)),
  }).load()
  const places = new Map<string, [from: number, size: number]>()
  const keys = plain(input)
  if (!Array.isArray(keys)) throw new UnpicklingError('it does not say which storages it has')
  for (const key of keys) {
    const item = sizes.get(key)
    if (item === undefined) throw new UnpicklingError(`a storage ${String(key)} that no tensor has`)
    const size = Number(input.int64()) * item
    if (!(size >= 0)) throw new UnpicklingError('a storage of less than no bytes')
    places.set(key, [input.skip(size), size])
  }

  const storages = new Map<string, Storage>()
  const persistent = (id: readonly unknown[]): Storage => {
    const { type, key, location, bytes: size, rest } = storageIdIn(id)
    const place = places.get(key)
    if (place === undefined || place[1] < size) throw new UnpicklingError(`the storage ${key} is cut off`)
    let storage = storages.get(key)
    if (storage === undefined) {
      const data = bytes.subarray(place[0], place[0] + place[1])
      const tensor = internals.wrap(native.from_bytes(data, dtypes.uint8.code, [data.length]))
      storage = new Storage(type.dtype, restore(tensor, location))
      storages.set(key, storage)
    }
    const [view = null] = rest
    if (view === null) return storage
    const offset = Array.isArray(view) ? view[1] : null
    if (!Number.isSafeInteger(offset) || offset < 0) throw new UnpicklingError('a view of a storage without an offset')
    return new Storage(type.dtype, storage.bytes, offset)
  }
  return unpickled(new PickleBytes(bytes.subarray(start)), hostOf(persistent, restore))
}

function isLegacy(input: PickleBytes): boolean {
  try {
    return plain(input) === MAGIC
  } catch {
    return false
  }
}
