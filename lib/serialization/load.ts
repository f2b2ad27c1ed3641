// torch.load.

import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { load_file } from '../safetensors/index.js'
import { Archive, type Mapping } from './archive.js'
import { readCheckpoint } from './checkpoint.js'
import { get_default_mmap_options, MAP_SHARED } from './config.js'
import { UnpicklingError } from './error.js'
import { type Arguments, read } from './generated/arguments.js'
import { readLegacy } from './legacy.js'
import type { MapLocation } from './locations.js'

/** The bytes of a file, in memory. */
type Bytes = ArrayBuffer | ArrayBufferView

/** With these bytes every zip archive begins. */
const ZIP = [0x50, 0x4b, 0x03, 0x04]
const isZip = (first: Uint8Array): boolean => ZIP.every((byte, i) => first[i] === byte)

interface Given {
  /** A path, or the bytes. */
  source: string | Uint8Array
  map: MapLocation | null
  mapping: Mapping
}

function given(callee: string, args: readonly unknown[]): Given {
  const { f, map_location, weights_only, mmap, pickle_module } = read('serialization.load', args, callee)
  if (pickle_module !== null || weights_only === false) {
    throw new Error(
      `${callee}(): only weights are loaded, as with weights_only: true. No code of a checkpoint runs here; ` +
        'torch.serialization.add_safe_globals lets it use classes of yours',
    )
  }
  const source = sourceOf(f)
  if (mmap === true && typeof source !== 'string') {
    throw new TypeError('f must be a file path in order to use the mmap argument')
  }
  const mapping = mmap !== true ? 0 : get_default_mmap_options() === MAP_SHARED ? 2 : 1
  return { source, map: map_location as MapLocation | null, mapping }
}

const sourceOf = (f: string | { readonly href: string } | Bytes): string | Uint8Array =>
  typeof f === 'string' ? f : 'href' in f ? fileURLToPath(f.href) : bytesOf(f)

const bytesOf = (bytes: Bytes): Uint8Array =>
  ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes)

/** Says of which file something is said. */
function told({ source }: Given, error: unknown): unknown {
  if (!(error instanceof UnpicklingError)) return error
  const name = typeof source === 'string' ? source : 'the bytes given'
  return new UnpicklingError(`Weights only load failed (${name}): ${error.message}`, { cause: error })
}

/** Runs `body` with a file that is open. */
function withFile<T>({ source, mapping }: Given, path: string, body: (descriptor: number, first: Uint8Array) => T): T {
  // Opening what is no file may wait for ever.
  if (!statSync(path).isFile()) throw new Error(`load(): '${source}' is not a file`)
  const descriptor = openSync(path, mapping === 2 ? 'r+' : 'r')
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`load(): '${source}' is not a file`)
    const first = new Uint8Array(ZIP.length)
    readSync(descriptor, first, 0, ZIP.length, 0)
    return body(descriptor, first)
  } finally {
    closeSync(descriptor)
  }
}

/** What there is to read: an archive, or the bytes of an older format. */
function openedAs(what: Given): Archive | Uint8Array {
  const { source, mapping } = what
  if (typeof source !== 'string') return isZip(source) ? new Archive(source, 0) : source
  return withFile(what, source, (descriptor, first) => {
    if (isZip(first)) return new Archive(descriptor, mapping)
    checkUnmapped(mapping)
    return readFileSync(descriptor)
  })
}

/** The same for a file or its bytes. */
export const opened = (f: string | { readonly href: string } | Bytes): Archive | Uint8Array =>
  openedAs({ source: sourceOf(f), map: null, mapping: 0 })

function checkUnmapped(mapping: Mapping): void {
  if (mapping === 0) return
  throw new Error('mmap can only be used with files that torch.save wrote as zip archives, as it does by default')
}

function safetensorsIn({ source, map }: Given): Record<string, unknown> | null {
  if (typeof source !== 'string' || !source.endsWith('.safetensors')) return null
  if (typeof map === 'function' || (typeof map === 'object' && map !== null && !('spec' in map))) {
    throw new TypeError('load(): of a safetensors file, map_location must be a device')
  }
  return load_file(source, (map as string | null) ?? 'cpu')
}

/**
 * Loads what `torch.save` saved, here or in Python, from a file (path or URL) or its bytes. No code runs: a checkpoint
 * holds tensors, parameters, numbers, strings and containers of them, and what `torch.serialization.add_safe_globals`
 * allows; anything else is refused by its name.
 *
 * `map_location` says on which device the tensors go: a device, an object or Map of locations, or a function of a storage
 * (its bytes, a uint8 tensor) and its location. With `mmap: true` the tensors lie in the mapped file, of which only what
 * is used is read; writes to them stay in this process. Dicts become objects without prototype, or Maps where a key is no
 * string (docs/checkpoints.md).
 *
 * @throws {UnpicklingError} for a damaged file, or one that holds something else.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.load.html
 */
// biome-ignore lint/suspicious/noExplicitAny: what a file holds the program knows
export function load<T = any>(...args: Arguments['serialization.load']): T {
  const what = given('load', args)
  const tensors = safetensorsIn(what)
  if (tensors !== null) return tensors as T
  try {
    const source = openedAs(what)
    if (!(source instanceof Archive)) return readLegacy(source, what.map) as T
    using archive = source
    return readCheckpoint(archive, what.map) as T
  } catch (error) {
    throw told(what, error)
  }
}

/** `torch.load`, with the file read on another thread: only the tensors' making takes the event loop's time. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export async function load_async<T = any>(...args: Arguments['serialization.load']): Promise<T> {
  const what = given('load_async', args)
  const tensors = safetensorsIn(what)
  if (tensors !== null) return tensors as T
  try {
    const source = await openedAsync(what)
    if (!(source instanceof Archive)) return readLegacy(source, what.map) as T
    using archive = source
    const needed = what.mapping === 0 && typeof what.source === 'string' && what.map !== 'meta'
    const fetched = needed ? await archive.fetch(archive.names('data/')) : undefined
    return readCheckpoint(archive, what.map, fetched) as T
  } catch (error) {
    throw told(what, error)
  }
}

/** The same as `openedAs`; an older format is read on another thread. */
async function openedAsync(what: Given): Promise<Archive | Uint8Array> {
  const { source, mapping } = what
  if (typeof source !== 'string') return openedAs(what)
  const archive = withFile(what, source, (descriptor, first) =>
    isZip(first) ? new Archive(descriptor, mapping) : null,
  )
  if (archive !== null) return archive
  checkUnmapped(mapping)
  return readFile(source)
}
