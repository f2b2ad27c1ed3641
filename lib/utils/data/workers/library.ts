// What of the library itself travels to a worker, by a name of its own: functions as they are, objects as what their
// constructors are given.

import { PackedSequence } from '../../../nn/utils/rnn.js'
import { default_collate, default_convert } from '../collate.js'
import { ChainDataset, ConcatDataset } from '../dataset.js'
import { StackDataset } from '../stack_dataset.js'
import { Subset } from '../subset.js'
import { TensorDataset } from '../tensor_dataset.js'
import type { AnyFunction } from './named.js'

/** The arguments of a constructor, each with the field that it is of. */
type Arguments = readonly (readonly [field: string, value: unknown])[]

interface Class {
  readonly name: string
  readonly prototype: object
}

interface Made {
  readonly class: Class
  // biome-ignore lint/suspicious/noExplicitAny: each is of its class
  readonly args: (object: any) => Arguments
}

const listed = (field: string, values: readonly unknown[]): Arguments =>
  values.map((value, i) => [`${field}[${i}]`, value])

const CLASSES: Readonly<Record<string, Made>> = Object.fromEntries(
  (
    [
      [TensorDataset, (dataset) => listed('tensors', dataset.tensors)],
      [Subset, ({ dataset, indices }) => Object.entries({ dataset, indices })],
      [ConcatDataset, ({ datasets }) => Object.entries({ datasets })],
      [ChainDataset, ({ datasets }) => Object.entries({ datasets })],
      [
        StackDataset,
        ({ datasets }) => (Array.isArray(datasets) ? listed('datasets', datasets) : Object.entries({ datasets })),
      ],
      [PackedSequence, (sequence) => Object.entries({ ...sequence })],
    ] as [Class, Made['args']][]
  ).map(([made, args]) => [made.name, { class: made, args }]),
)

const FUNCTIONS: Readonly<Record<string, unknown>> = { default_collate, default_convert }

/** How an object of one of the library's classes, and of none derived from it, is made again. */
export function libraryObject(value: object): { name: string; args: Arguments } | null {
  const made = Object.values(CLASSES).find(({ class: { prototype } }) => prototype === Object.getPrototypeOf(value))
  return made === undefined ? null : { name: made.class.name, args: made.args(value) }
}

/** The name of one of the library's functions. */
export const libraryFunction = (value: unknown): string | null =>
  Object.keys(FUNCTIONS).find((name) => FUNCTIONS[name] === value) ?? null

/** The library's class or function of that name. */
export const libraryNamed = (name: string): AnyFunction =>
  (CLASSES[name]?.class ?? FUNCTIONS[name]) as unknown as AnyFunction
