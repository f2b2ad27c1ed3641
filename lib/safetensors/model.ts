// Models whose parameters share memory under several names: one of the names is written, the others are left out.

import { internals, type Tensor } from '../core/tensor.js'
import type { Module } from '../nn/modules/module.js'
import { type Arguments, read } from './generated/arguments.js'
import { load_file } from './load.js'
import { save_file } from './save.js'

/** Names of the same elements of the same memory, sorted; those with one name are left out. */
function sharedNames(state: Readonly<Record<string, Tensor>>): string[][] {
  // Candidates by what is cheap to compare.
  const groups = new Map<string, [tensor: Tensor, names: string[]][]>()
  for (const [name, tensor] of Object.entries(state)) {
    if (!internals.isTensor(tensor) || tensor.numel() === 0) continue
    const key = `${tensor.device} ${tensor.dtype} ${tensor.storage_offset()} ${tensor.shape}`
    const group = groups.get(key) ?? []
    groups.set(key, group)
    const same = group.find(([other]) => other.is_set_to(tensor))
    if (same === undefined) group.push([tensor, [name]])
    else same[1].push(name)
  }
  const names = [...groups.values()].flat().map(([, names]) => names.sort())
  return names.filter(({ length }) => length > 1)
}

/** The names that are left out, and the one that stands for each: one that `preferred` has, else the first that is not to be discarded. */
export function duplicates(
  state: Readonly<Record<string, Tensor>>,
  preferred: object = {},
  discarded: readonly string[] = [],
): Map<string, string> {
  const kept = new Map<string, string>()
  for (const names of sharedNames(state)) {
    const keep =
      names.find((name) => Object.hasOwn(preferred, name)) ??
      names.find((name) => !discarded.includes(name)) ??
      (names[0] as string)
    for (const name of names) if (name !== keep) kept.set(name, keep)
  }
  return kept
}

/**
 * Saves a module's state. Of a parameter with several names one is saved; the metadata says which for the others.
 * `force_contiguous` is Python's: here every tensor is saved as if contiguous.
 */
export function save_model(...args: Arguments['safetensors.save_model']): void {
  const { model, filename, metadata } = read('safetensors.save_model', args)
  const state: Record<string, Tensor> = Object.assign(Object.create(null), model.state_dict())
  const left = duplicates(state)
  for (const name of left.keys()) delete state[name]
  save_file(state, filename, left.size === 0 ? metadata : { ...Object.fromEntries(left), ...metadata })
}

export interface LoadResult {
  /** Of the module, but not in the file. */
  missing_keys: string[]
  /** In the file, but not of the module. */
  unexpected_keys: string[]
}

/**
 * Loads a state into a module. A parameter with several names needs one of them.
 * @throws where names lack on either side, unless `strict` is false.
 */
export function loadInto(model: Module, state: Readonly<Record<string, Tensor>>, strict: boolean): LoadResult {
  const left = duplicates(model.state_dict(), state)
  const result = model.load_state_dict(state, { strict: false })
  const missing = new Set(result.missing_keys)
  const unexpected_keys = [...result.unexpected_keys]
  // A name that stands for others may be in the file beside them.
  for (const name of left.keys()) if (!missing.delete(name)) unexpected_keys.push(name)
  if (strict && missing.size + unexpected_keys.length > 0) {
    const list = (what: string, names: Iterable<string>) => {
      const quoted = [...names].sort().map((name) => `"${name}"`)
      return quoted.length === 0 ? '' : `\n    ${what} key(s) in state_dict: ${quoted.join(', ')}`
    }
    throw new Error(
      `Error(s) in loading state_dict for ${model.constructor.name}:` +
        list('Missing', missing) +
        list('Unexpected', unexpected_keys),
    )
  }
  return { missing_keys: [...missing], unexpected_keys }
}

/**
 * Loads what `save_model` saved into a module. Returns the names that the file lacks, and those that the module lacks.
 * @throws where there are such names, unless `strict` is false.
 */
export function load_model(...args: Arguments['safetensors.load_model']): [missing: string[], unexpected: string[]] {
  const { model, filename, strict, device, backend } = read('safetensors.load_model', args)
  const { missing_keys, unexpected_keys } = loadInto(model, load_file(filename, device, { backend }), strict)
  return [missing_keys, unexpected_keys]
}
