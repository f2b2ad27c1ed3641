import { pythonRepr } from '../../python_repr.js'
import type { Module } from './module.js'

const indented = (text: string): string => text.replaceAll('\n', '\n  ')

/** A module as Python prints it: name, settings, and submodules a line each. */
export function moduleString(module: Module): string {
  const extra = module.extra_repr()
  const extraLines = extra === '' ? [] : extra.split('\n')
  const children = module.named_children().map(([name, child]) => `(${name}): ${indented(child.toString())}`)
  const name = module.constructor.name
  if (children.length === 0 && extraLines.length <= 1) return `${name}(${extra})`
  return `${name}(\n  ${[...extraLines, ...children].join('\n  ')}\n)`
}

/** "p=0.5, inplace=False": settings as Python writes them. */
export function settings(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${pythonRepr(value)}`)
    .join(', ')
}
