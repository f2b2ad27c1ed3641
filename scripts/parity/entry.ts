// What scripts/parity/export.py writes: PyTorch's operator tests as calls, results and gradients.

import { readFileSync } from 'node:fs'
import type { Tensor } from '../../lib/index.js'
import { load_file } from '../../lib/safetensors/index.js'

/** How far apart legitimate kernels come, in units of what torch.testing.assert_close allows. */
export type Spread = number | 'inf'

export interface TensorRecord {
  dtype: string
  shape: number[]
  strides?: number[]
  requires_grad?: boolean
  /** A sparse layout, which the values are to be brought into. */
  layout?: string
  /** Its name in the safetensors file. */
  tensor: string
  /** Of a gradient. */
  spread?: Spread
}

/** Where a tensor comes from: the number of a call (-1: the inputs), and which of its results. */
export type Ref = [call: number, result: number]

export interface CallRecord {
  fn: string
  args: unknown[]
  kwargs?: Record<string, unknown>
}

export type ResultRecord =
  | { dtype: string; shape: number[]; grad: boolean; layout?: string; tensor?: string; from?: Ref; spread?: Spread }
  | { value: unknown }

export interface CaseRecord {
  dtype: string
  /** The function whose results together are factors, where it is none of the calls. */
  factors?: string
  /** Whether a call draws random numbers. */
  draws?: boolean
  /** Why double precision did not tell how near the results are, where it did not. */
  imprecise?: string
  inputs: TensorRecord[]
  calls: CallRecord[]
  results: ResultRecord[]
  /** From this call on, calls only turn results into what has a gradient. */
  process?: number
  outputs?: Ref[]
  cotangents?: TensorRecord[]
  gradients?: (TensorRecord | null)[]
  method?: string
  inplace?: string
  /** Where the call has what the methods are called on. */
  self?: number
}

export interface ErrorRecord {
  /** The last one fails. */
  calls: CallRecord[]
  error: string
  type: string
  pattern: string
}

export interface Entry {
  name: string
  /** The entry's function by its public name, or null where it is one of the test suite's own. */
  function: string | null
  module: string
  cases: CaseRecord[]
  errors: ErrorRecord[]
  /** Samples that the files cannot hold. */
  skipped: string[]
}

export type Tensors = Readonly<Record<string, Tensor>>

/** An entry's file, or a file of several, with the tensors beside it. */
export function readEntries(stem: string): { entries: Entry[]; tensors: Tensors } {
  const content = JSON.parse(readFileSync(`${stem}.json`, 'utf8')) as Entry | Entry[]
  return { entries: [content].flat(), tensors: load_file(`${stem}.safetensors`) }
}
