// A checkpoint of torch.save's zip format: a pickle and the storages that it names.

import { endianness } from 'node:os'
import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { clone, empty } from '../generated/functions.js'
import type { Archive } from './archive.js'
import { get_default_load_endianness, LoadEndianness, skipsData } from './config.js'
import { UnpicklingError } from './error.js'
import { construct, globalNamed } from './globals.js'
import { isMeta, type MapLocation, type Restore, restorer } from './locations.js'
import { Finisher } from './objects.js'
import { Storage, StorageType } from './storage.js'
import { type Host, PickleBytes, Unpickler } from './unpickler.js'

/** Reads the next pickle, and makes of it what JavaScript gets. */
export function unpickled(input: PickleBytes, host: Host): unknown {
  const unpickler = new Unpickler(input, host)
  const root = unpickler.load()
  return new Finisher(unpickler.tuples).finish(root)
}

/** What a persistent id says of a storage. */
export interface StorageId {
  type: StorageType
  key: string
  location: string
  bytes: number
  rest: readonly unknown[]
}

export function storageIdIn(id: readonly unknown[]): StorageId {
  const [, type, key, location, count, ...rest] = id
  if (!(type instanceof StorageType)) throw new UnpicklingError('a storage of an unknown class')
  if (typeof key !== 'string' || typeof location !== 'string') throw new UnpicklingError('a storage without a name')
  const bytes = Number.isSafeInteger(count) ? (count as number) * (type.dtype?.itemsize ?? 1) : -1
  if (bytes < 0 || !Number.isSafeInteger(bytes)) throw new UnpicklingError(`a storage of ${String(count)} elements`)
  return { type, key, location, bytes, rest }
}

/** Whether the bytes of numbers are to be turned round. */
function isSwapped(archive: Archive): boolean {
  const order = archive.word('byteorder') ?? defaultOrder()
  if (order !== 'little' && order !== 'big') throw new UnpicklingError(`Unknown endianness type: ${order}`)
  return order !== NATIVE
}

const NATIVE = endianness() === 'LE' ? 'little' : 'big'

function defaultOrder(): string {
  const order = get_default_load_endianness() ?? LoadEndianness.LITTLE
  if (order === LoadEndianness.NATIVE) return NATIVE
  return order === LoadEndianness.BIG ? 'big' : 'little'
}

/** Reads a checkpoint. `fetched`: records that are read already. */
export function readCheckpoint(archive: Archive, map: MapLocation | null, fetched?: Map<string, Tensor>): unknown {
  if (archive.has('constants.pkl')) {
    throw new UnpicklingError('it is a TorchScript archive, which torch.jit.load reads')
  }
  if (!archive.has('data.pkl')) throw new UnpicklingError('it is an archive without a data.pkl, not one of torch.save')
  const swapped = isSwapped(archive)
  const restore = restorer(map)
  const meta = isMeta(map)
  const storages = new Map<string, Tensor>()

  const persistent = (id: readonly unknown[]): Storage => {
    const { type, key, location, bytes: size } = storageIdIn(id)
    let bytes = storages.get(key)
    if (bytes === undefined) {
      if (meta) {
        bytes = empty([size], { dtype: dtypes.uint8, device: 'meta' })
      } else {
        bytes = stored(archive, `data/${key}`, size, fetched)
        if (swapped) bytes = swappedBytes(bytes, type)
        bytes = restore(bytes, location)
      }
      storages.set(key, bytes)
    }
    return new Storage(type.dtype, bytes)
  }
  const host = hostOf(persistent, restore)
  return unpickled(new PickleBytes(archive.bytes('data.pkl')), host)
}

export const hostOf = (persistent: Host['persistent'], restore: Restore): Host => ({
  persistent,
  construct,
  global: (path) => globalNamed(path, restore),
})

function stored(archive: Archive, name: string, size: number, fetched: Map<string, Tensor> | undefined): Tensor {
  const ready = fetched?.get(name)
  if (ready?.numel() === size) return ready
  return archive.record(name, size, !skipsData())
}

/** The bytes of each element the other way round, in memory of their own: a mapped file stays as it is. */
function swappedBytes(bytes: Tensor, { dtype }: StorageType): Tensor {
  if (dtype === null || dtype.itemsize === 1) return bytes
  const copy = clone(bytes)
  native.byteswap(internals.handleOf(copy), dtype.is_complex ? dtype.itemsize / 2 : dtype.itemsize)
  return copy
}
