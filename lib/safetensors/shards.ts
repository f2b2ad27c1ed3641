// Large models in several files, and which tensor is in which: as Python's huggingface_hub writes and reads them.

import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, win32 } from 'node:path'
import { AtomicFile } from '../core/atomic_file.js'
import type { Tensor } from '../core/tensor.js'
import { SafetensorError } from './error.js'
import { type Arguments, read, type Values } from './generated/arguments.js'
import { load_file } from './load.js'
import { duplicates, type LoadResult, loadInto } from './model.js'
import { filePieces } from './save.js'

const PATTERN = 'model{suffix}.safetensors'
const INDEX = '.index.json'
/** No index of a real model is longer. */
const LONGEST_INDEX = 10 << 20

/** Which tensors go into which file. Made by `split_torch_state_dict_into_shards`. */
export interface StateDictSplit {
  is_sharded: boolean
  metadata: { total_size: number }
  filename_to_tensors: Record<string, string[]>
  tensor_to_filename: Record<string, string>
}

const UNITS: Record<string, number> = { TB: 1e12, GB: 1e9, MB: 1e6, KB: 1e3 }

function bytesIn(size: number | string): number {
  if (typeof size === 'number') return size
  const text = size.trim()
  const [value, unit] = [text.slice(0, -2).trim(), text.slice(-2).toUpperCase()]
  if (!Object.hasOwn(UNITS, unit)) {
    throw new RangeError(`max_shard_size must be a number of bytes or end with TB, GB, MB or KB, not '${size}'`)
  }
  if (!/^\d+(\.\d*)?$|^\.\d+$/.test(value)) throw new RangeError(`max_shard_size '${size}' has no number`)
  return Math.trunc(Number(value) * (UNITS[unit] as number))
}

const nameOf = (pattern: string, suffix: string): string => pattern.replaceAll('{suffix}', suffix)

function checkPattern(callee: string, pattern: string): void {
  if (!pattern.includes('{suffix}') || !pattern.endsWith('.safetensors') || basename(pattern) !== pattern) {
    throw new RangeError(
      `${callee}(): filename_pattern must be a name with {suffix} that ends with .safetensors, not '${pattern}'`,
    )
  }
}

const plain = <T>(): Record<string, T> => Object.create(null)

function split(
  state: Readonly<Record<string, Tensor>>,
  pattern: string,
  size: number | string,
  callee: string,
): StateDictSplit {
  checkPattern(callee, pattern)
  const most = bytesIn(size)
  const shards: string[][] = []
  let current: string[] = []
  let [filled, total] = [0, 0]
  for (const [name, tensor] of Object.entries(state)) {
    const bytes = tensor.numel() * tensor.itemsize
    total += bytes
    if (bytes > most) {
      shards.push([name])
      continue
    }
    if (filled + bytes > most) {
      shards.push(current)
      ;[current, filled] = [[], 0]
    }
    current.push(name)
    filled += bytes
  }
  if (current.length > 0 || shards.length === 0) shards.push(current)
  const number = (i: number) => String(i).padStart(5, '0')
  const [filename_to_tensors, tensor_to_filename] = [plain<string[]>(), plain<string>()]
  for (const [i, names] of shards.entries()) {
    const suffix = shards.length === 1 ? '' : `-${number(i + 1)}-of-${number(shards.length)}`
    const file = nameOf(pattern, suffix)
    filename_to_tensors[file] = names
    for (const name of names) tensor_to_filename[name] = file
  }
  return { is_sharded: shards.length > 1, metadata: { total_size: total }, filename_to_tensors, tensor_to_filename }
}

/** Which tensors go into which file, so that none takes more than `max_shard_size`, but for single tensors that do. */
export function split_torch_state_dict_into_shards(
  ...args: Arguments['safetensors.split_torch_state_dict_into_shards']
): StateDictSplit {
  const callee = 'split_torch_state_dict_into_shards'
  const { state_dict, filename_pattern, max_shard_size } = read(`safetensors.${callee}`, args)
  return split(state_dict, filename_pattern, max_shard_size, callee)
}

/** Python's json.dump, which writes ASCII alone. */
const jsonText = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** Removes the files of an earlier saving that were not replaced. */
function removeOthers(folder: string, pattern: string, written: ReadonlySet<string>): void {
  const [before = '', after = ''] = pattern.split('{suffix}')
  for (const file of readdirSync(folder)) {
    if (written.has(file) || !file.startsWith(before)) continue
    const rest = file.slice(before.length).replace(/^-\d{5}-of-\d{5}/, '')
    if (rest === after || rest === after + INDEX) rmSync(join(folder, file), { force: true })
  }
}

type Settings = Omit<Values['safetensors.save_torch_state_dict'], 'state_dict'>

function save(callee: string, state_dict: Readonly<Record<string, Tensor>>, settings: Settings): void {
  const { save_directory, filename_pattern, max_shard_size, metadata, is_main_process } = settings
  const pattern = filename_pattern ?? PATTERN
  const state: Record<string, Tensor> = Object.assign(plain(), state_dict)
  const left = duplicates(state, {}, settings.shared_tensors_to_discard ?? [])
  for (const name of left.keys()) delete state[name]
  const about = { ...Object.fromEntries(left), ...metadata }
  const {
    is_sharded,
    metadata: sizes,
    filename_to_tensors,
    tensor_to_filename,
  } = split(state, pattern, max_shard_size, callee)
  const contents: [file: string, parts: Iterable<Uint8Array>][] = Object.entries(filename_to_tensors).map(
    ([file, names]) => {
      const tensors: Record<string, Tensor> = plain()
      for (const name of names) tensors[name] = state[name] as Tensor
      return [file, filePieces(callee, tensors, { format: 'pt', ...(is_sharded ? {} : about) })]
    },
  )
  if (is_sharded) {
    const index = { metadata: { ...sizes, ...about }, weight_map: tensor_to_filename }
    contents.push([nameOf(pattern, '') + INDEX, [Buffer.from(jsonText(index))]])
  }
  const files: AtomicFile[] = []
  try {
    for (const [name, parts] of contents) {
      const file = new AtomicFile(join(save_directory, name))
      files.push(file)
      for (const part of parts) file.write(part)
      file.flush()
    }
    // All is on the disk. From here on little time passes until the last has its name.
    for (const file of files) file.commit()
  } finally {
    for (const file of files) file[Symbol.dispose]()
  }
  if (is_main_process) removeOthers(save_directory, pattern, new Set(contents.map(([name]) => name)))
}

/**
 * Writes tensors into a folder: into one file, or where they take more than `max_shard_size` into several, with an index.
 * All are written before the first gets its name; files of an earlier saving are removed. `force_contiguous` is Python's:
 * here every tensor is saved as if contiguous.
 */
export function save_torch_state_dict(...args: Arguments['safetensors.save_torch_state_dict']): void {
  const { state_dict, ...settings } = read('safetensors.save_torch_state_dict', args)
  save('save_torch_state_dict', state_dict, settings)
}

/** Writes a module's state into a folder, as `save_torch_state_dict`. */
export function save_torch_model(...args: Arguments['safetensors.save_torch_model']): void {
  const { model, ...settings } = read('safetensors.save_torch_model', args)
  save('save_torch_model', model.state_dict(), settings)
}

// --- reading --------------------------------------------------------------------------------------------------

const isThere = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isFile() === true

/** The index, or the file, of a folder. */
function findIn(folder: string, pattern: string | null): string {
  const name = nameOf(pattern ?? PATTERN, '')
  for (const file of [join(folder, name + INDEX), join(folder, name)]) if (isThere(file)) return file
  const files = pattern === null ? readdirSync(folder).filter((file) => file.endsWith('.safetensors')) : []
  if (files.length === 1) return join(folder, files[0] as string)
  throw new SafetensorError(
    `${folder} has no ${name}${INDEX} and no ${name}${files.length === 0 ? '' : `, but ${files.length} other files of the kind`}`,
  )
}

/** Each file, with the tensors that it is to have. */
function readIndex(file: string): Map<string, string[]> {
  const wrong = (what: string) => new SafetensorError(`${file} is no index of safetensors files: ${what}`)
  if (statSync(file).size > LONGEST_INDEX) throw wrong(`it is longer than ${LONGEST_INDEX} bytes`)
  let index: unknown
  try {
    index = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw error instanceof SyntaxError ? wrong(error.message) : error
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw wrong('it has no weight_map')
  const files = new Map<string, string[]>()
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string') throw wrong(`the file of '${name}' is no string`)
    // On any system: both kinds of slashes, and the letters of drives.
    const { root } = win32.parse(shard)
    if (root !== '' || shard.split(/[/\\]/).includes('..') || !shard.endsWith('.safetensors') || shard.includes('\0')) {
      throw wrong(`'${shard}' is no safetensors file in its folder`)
    }
    files.set(shard, [...(files.get(shard) ?? []), name])
  }
  return files
}

/**
 * The tensors of a model by name, from its folder, its index (model.safetensors.index.json) or its only file.
 * @throws {SafetensorError} that says what is wrong with the index or a file.
 */
export function load_torch_state_dict(...args: Arguments['safetensors.load_torch_state_dict']): Record<string, Tensor> {
  const { checkpoint_path, filename_pattern, device, backend } = read('safetensors.load_torch_state_dict', args)
  if (filename_pattern !== null) checkPattern('load_torch_state_dict', filename_pattern)
  const file = statSync(checkpoint_path).isDirectory() ? findIn(checkpoint_path, filename_pattern) : checkpoint_path
  if (!file.endsWith('.json')) return load_file(file, device, { backend })
  const state: Record<string, Tensor> = plain()
  for (const [shard, names] of readIndex(file)) {
    const tensors = load_file(join(dirname(file), shard), device, { backend })
    const missing = names.find((name) => !Object.hasOwn(tensors, name))
    if (missing !== undefined) throw new SafetensorError(`${shard} has no '${missing}', which ${file} says is in it`)
    Object.assign(state, tensors)
  }
  return state
}

/** Loads a model from its folder, its index or its only file. Gives the names that lack on either side. */
export function load_torch_model(...args: Arguments['safetensors.load_torch_model']): LoadResult {
  const { model, checkpoint_path, strict, ...settings } = read('safetensors.load_torch_model', args)
  return loadInto(model, load_torch_state_dict(checkpoint_path, settings), strict)
}
