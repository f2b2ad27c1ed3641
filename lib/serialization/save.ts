// torch.save.

import { fileURLToPath } from 'node:url'
import { getSystemErrorMap, TextEncoder } from 'node:util'
import { AtomicFile } from '../core/atomic_file.js'
import * as dtypes from '../core/dtype.js'
import { type Handle, native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { zeros } from '../generated/functions.js'
import { get_crc32_options, skipsData } from './config.js'
import { type Arguments, read } from './generated/arguments.js'
import { Pickler } from './pickler.js'
import { Mixed, TensorReducer } from './reduce.js'

interface Content {
  pickle: Uint8Array
  tensors: TensorReducer
}

/** The pickle of an object. Where a storage is seen under several dtypes, it is written once more without one. */
function pickled(callee: string, obj: unknown): Content {
  const mixed = new Set<bigint>()
  for (;;) {
    const tensors = new TensorReducer(mixed)
    try {
      return { pickle: new Pickler(callee, tensors).dump(obj), tensors }
    } catch (error) {
      if (!(error instanceof Mixed)) throw error
      mixed.add(error.storage)
    }
  }
}

interface Records {
  names: string[]
  data: (Handle | Uint8Array)[]
  /** Whose handles are among the data. */
  tensors: Tensor[]
  /** As many bytes as an archive of them takes at most. */
  size: number
}

/** What a record takes beside its data and its name, which is there twice: headers, padding, sums. */
const OVERHEAD = 256

const encoder = new TextEncoder()

function recordsOf({ pickle, tensors }: Content): Records {
  const storages = tensors.storages.map((bytes) => {
    if (skipsData()) return zeros([bytes.numel()], { dtype: dtypes.uint8 })
    return bytes.is_cpu ? bytes : bytes.cpu()
  })
  const texts = { '.format_version': '1', '.storage_alignment': '64', byteorder: 'little' }
  const names = ['data.pkl', ...Object.keys(texts), ...storages.map((_, key) => `data/${key}`)]
  const data = [
    pickle,
    ...Object.values(texts).map((text) => encoder.encode(text)),
    ...storages.map(internals.handleOf),
  ]
  const lengths = [pickle.length, ...storages.map((bytes) => bytes.numel())]
  const size = lengths.reduce((sum, length) => sum + length, 0) + (names.length + 8) * OVERHEAD
  return { names, data, tensors: storages, size }
}

const pathOf = (f: string | { readonly href: string }): string => (typeof f === 'string' ? f : fileURLToPath(f.href))

/** A system's error, as Node's file system throws it. */
function systemError(code: number, file: string): Error {
  const [name, message] = getSystemErrorMap().get(-code) ?? ['EIO', 'i/o error']
  const error = new Error(`cannot write '${file}': ${name}: ${message}, write`)
  return Object.assign(error, { errno: -code, code: name, syscall: 'write', path: file })
}

/**
 * Saves tensors, parameters, numbers, strings, and objects, arrays and Maps of them to a file (path or URL), which is
 * replaced whole or not at all; without a file gives the bytes. `torch.load` reads it, and Python's with
 * `weights_only=True`. Tensors on one storage share it in the file too, and a view takes its whole storage there.
 *
 * What becomes of which value says docs/checkpoints.md. @throws TypeError for what Python would not read, saying where it is; and
 * what the file system says.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.save.html
 */
export function save(obj: unknown): Uint8Array
export function save(...args: Arguments['serialization.save']): void
export function save(...args: Arguments['serialization.save']): Uint8Array | undefined {
  const { obj, f } = read('serialization.save', args, 'save')
  const { names, data, tensors, size } = recordsOf(pickled('save', obj))
  const crc32 = get_crc32_options()
  if (f === null) {
    const bytes = new Uint8Array(size)
    const used = native.write_archive_into(bytes, names, data, crc32)
    native.reachable(tensors)
    return bytes.subarray(0, used)
  }
  const path = pathOf(f)
  const file = new AtomicFile(path)
  try {
    const error = native.write_archive(file.descriptor, names, data, crc32)
    native.reachable(tensors)
    if (error !== 0) throw systemError(error, path)
    file.commit()
  } finally {
    file[Symbol.dispose]()
  }
}

/**
 * `torch.save` to a file, written on another thread. The tensors must not change before the promise is settled.
 * @throws where one did, in a way that its version shows: the file is then as it was.
 */
export async function save_async(...args: Arguments['serialization.save']): Promise<void> {
  const { obj, f } = read('serialization.save', args, 'save_async')
  if (f === null) throw new TypeError("save_async() missing 1 required positional argument: 'f'")
  const content = pickled('save_async', obj)
  const { names, data, tensors } = recordsOf(content)
  const path = pathOf(f)
  const file = new AtomicFile(path)
  try {
    const error = await native.write_archive_async(file.descriptor, names, data, get_crc32_options())
    native.reachable(tensors)
    if (error !== 0) throw systemError(error, path)
    if (content.tensors.isChanged()) {
      throw new Error(
        'save_async(): a tensor changed while it was saved: save torch.deepcopy(obj), or wait for the promise',
      )
    }
    file.commit()
  } finally {
    file[Symbol.dispose]()
  }
}
