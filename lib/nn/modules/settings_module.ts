// Modules that are their settings and one call. Such a module is one row: a class that extends `settingsModule` of its
// name in the table of signatures, and has a forward.

import { printsAsFloat, signatureOf } from '../../operators/arguments.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/** What constructors take and modules do not keep. */
const NOT_KEPT = ['device', 'dtype', 'size_average', 'reduce'] as const

/** The callables that are modules. */
export type ModuleKey = Extract<keyof Values, `nn.${string}`>

/** A module's settings: what its constructor takes, by name. */
export type Settings<K extends ModuleKey> = Omit<Values[K], (typeof NOT_KEPT)[number]>

type SettingsModule<K extends ModuleKey, F> = new (...args: Arguments[K]) => Module & F

/**
 * The base of a module whose fields are its constructor's arguments; a tensor among them is a buffer. `printed` says what
 * it prints of them, as in Python's format strings: `{p=}` is name and value, `{p}` the value, `{inplace?}` name and value where it is true.
 * `fieldsOf` makes the fields of the arguments and checks them, where they are not the arguments themselves.
 */
export function settingsModule<K extends ModuleKey, F extends object = Settings<K>>(
  key: K,
  printed = '',
  fieldsOf: (values: Values[K]) => F = (values) => values as unknown as F,
): SettingsModule<K, F> {
  const items = printed === '' ? [] : printed.split(', ').map((item) => item.slice(1, -1))
  class Base extends Module {
    constructor(...args: Arguments[K]) {
      super()
      const fields = this as unknown as Record<string, unknown>
      const { parameters } = signatureOf(key)
      for (const [name, value] of Object.entries(fieldsOf(read(key, args)))) {
        if ((NOT_KEPT as readonly string[]).includes(name)) continue
        if (parameters.find((each) => each.name === name)?.type === 'Tensor?') this.register_buffer(name, value)
        else fields[name] = value
      }
    }

    override extra_repr(): string {
      const fields = this as unknown as Record<string, unknown>
      return items
        .map((item) => printedItem(key, fields, item))
        .filter(Boolean)
        .join(', ')
    }
  }
  return Base as unknown as SettingsModule<K, F>
}

function printedItem(key: ModuleKey, fields: Readonly<Record<string, unknown>>, item: string): string {
  const name = item.replace(/[=?]$/, '')
  const value = fields[name]
  if (item.endsWith('?') && value !== true) return ''
  const shown = typeof value === 'string' ? `'${value}'` : value
  const text = settings({ [name]: shown }) + (printsAsFloat(key, name, value) ? '.0' : '')
  return item === name ? text.slice(name.length + 1) : text
}
