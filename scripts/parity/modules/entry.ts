// What scripts/parity/modules/export_modules.py writes: PyTorch's own tests of modules as constructors, calls and
// results.

import { readFileSync } from 'node:fs'
import { load_file } from '../../../lib/safetensors/index.js'
import type { ResultRecord, TensorRecord, Tensors } from '../entry.js'

export interface ArgumentsRecord {
  args: unknown[]
  kwargs?: Record<string, unknown>
}

/** A tensor of a state_dict; `hash` has several where kernels draw other last bits, first that of the expected numbers. */
export type StateRow =
  | [name: string, uninitialized: string]
  | [name: string, dtype: string, shape: number[], hash: string]

export interface ModuleCase extends ArgumentsRecord {
  dtype: string
  training: boolean
  module: string
  /** The state_dict after construction, and its versions by module. */
  initial: StateRow[]
  versions: Record<string, number>
  parameters: string[]
  printed: string
  /** The same after the first call of a lazy module. */
  materialized?: StateRow[]
  printed_materialized?: string
  /** What requires gradients, to which the arguments refer. */
  inputs: TensorRecord[]
  forward: ArgumentsRecord
  /** Whether the module works in place, on copies. */
  cloned?: boolean
  results: ResultRecord[]
  cotangents?: TensorRecord[]
  /** Of the inputs, then of the parameters. */
  gradients?: (TensorRecord | null)[]
  /** After the call. */
  buffers?: [name: string, TensorRecord][]
}

export interface ModuleError extends ArgumentsRecord {
  module: string
  /** Where it is the call that fails. */
  forward?: ArgumentsRecord
  error: string
  type: string
  pattern: string
}

/** How a parameter starts, where it is pulled to, how strongly, and from which step on. */
export type ProblemRow = [start: TensorRecord, target: TensorRecord, weight: TensorRecord, first: number | null]

interface OptimizerSettings {
  settings: Record<string, unknown>
}

export interface OptimizerCase extends OptimizerSettings {
  kind: string
  /** Which implementation. */
  switches: Record<string, boolean>
  /** Whether state and settings go into another optimizer in the middle. */
  reload: boolean
  /** Where the optimizer refuses. */
  error?: string
  type?: string
  pattern?: string
  /** After all steps. */
  params?: TensorRecord[]
  state?: [index: number, name: string, value: unknown][]
  /** The names in each group, sorted. */
  groups?: string[][]
  printed?: string
  losses?: TensorRecord[]
  /** Of the starts and of the weights, through so many of the first steps. */
  gradients?: (TensorRecord | null)[]
  recorded?: number
}

export interface OptimizerError extends OptimizerSettings {
  description: string
  inputs: TensorRecord[]
  params: unknown
  /** Where it is the step that fails. */
  step?: boolean
  error: string
  type: string
  pattern: string
}

export interface OptimizerEntry {
  name: string
  problems: Record<string, ProblemRow[]>
  cases: OptimizerCase[]
  errors: OptimizerError[]
  skipped: string[]
}

export interface ModuleEntry {
  name: string
  /** Where module_db has no such entry. */
  ours?: true
  cases: ModuleCase[]
  errors: ModuleError[]
  /** Samples that the files cannot hold. */
  skipped: string[]
}

export type Entry = ModuleEntry | OptimizerEntry

export const isOptimizer = (entry: Entry): entry is OptimizerEntry => 'problems' in entry

/** An entry's file, or a file of several, with the tensors beside it. */
export function readEntries(stem: string): { entries: Entry[]; tensors: Tensors } {
  const content = JSON.parse(readFileSync(`${stem}.json`, 'utf8')) as Entry | Entry[]
  return { entries: [content].flat(), tensors: load_file(`${stem}.safetensors`) }
}
