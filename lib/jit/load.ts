import { requireCuda } from '../core/cuda_available.js'
import { device as deviceOf } from '../core/device.js'
import { native } from '../core/native.js'
import { memoryBytes, withFile } from '../core/zip.js'
import { checkArchive } from './archive.js'
import { type Arguments, read } from './generated/arguments.js'
import { moduleOf, type ScriptModule } from './script_module.js'

/** What comes before an error that is about a file. */
function about(file: string, error: unknown): unknown {
  if (error instanceof Error && !('code' in error)) error.message = `${file}: ${error.message}`
  return error
}

/**
 * Loads a module that torch.jit.save wrote, from a file's name or its bytes. A file is read straight into the tensors'
 * memory. `map_location` puts tensors onto a device, whichever they were saved from. `_extra_files` names extra files of
 * the archive: each value becomes the file's bytes, or stays where there is no such file.
 * @throws where the file is damaged or another's. It is looked at before libtorch reads it, and holds no code but
 * TorchScript's; a class's `__setstate__` runs.
 */
export function load(...args: Arguments['jit.load']): ScriptModule {
  const { f, map_location, _extra_files: extra, _restore_shapes } = read('jit.load', args)
  if (_restore_shapes) throw new TypeError('torch.jit.load(): _restore_shapes is not supported')
  const device = map_location === null ? null : deviceOf(map_location)
  if (device?.type === 'cuda') requireCuda()
  const names = Object.keys(extra ?? {})
  const source = sourceOf(f)
  const [module, contents] = loadFrom(source, device?.spec ?? null, names)
  names.forEach((name, i) => {
    const content = contents[i]
    if (extra !== null && content) extra[name] = new Uint8Array(content)
  })
  return moduleOf(module)
}

function sourceOf(f: unknown): string | Uint8Array {
  if (typeof f === 'string') return f
  if (ArrayBuffer.isView(f)) return new Uint8Array(f.buffer, f.byteOffset, f.byteLength)
  if (f instanceof ArrayBuffer) return new Uint8Array(f)
  throw new TypeError("torch.jit.load(): f must be a file's name, or its bytes as an ArrayBuffer or a typed array")
}

function loadFrom(source: string | Uint8Array, device: string | null, names: readonly string[]) {
  try {
    if (typeof source === 'string') withFile(source, checkArchive)
    else checkArchive(memoryBytes(source))
    return native.jit_load(source, device, names)
  } catch (error) {
    throw typeof source === 'string' ? about(source, error) : error
  }
}
