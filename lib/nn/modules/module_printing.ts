import { pythonRepr } from '../../core/python_repr.js'

/** What printing asks of a module. */
interface Printed {
  extra_repr(): string
}

const indented = (text: string): string => text.replaceAll('\n', '\n  ')

/** A module as Python prints it: name, settings, and submodules a line each, shared ones under each of their names. */
export function moduleString(module: Printed, submodules: readonly [string, Printed][]): string {
  const extra = module.extra_repr()
  const extraLines = extra === '' ? [] : extra.split('\n')
  const children = submodules.map(([name, child]) => `(${name}): ${indented(child.toString())}`)
  const name = module.constructor.name
  if (children.length === 0 && extraLines.length <= 1) return `${name}(${extra})`
  return `${name}(\n  ${[...extraLines, ...children].join('\n  ')}\n)`
}

/** A list of modules as Python prints it: equal neighbours are printed once, with their number. */
export function listString(module: Printed, items: Iterable<Printed>): string {
  const runs: { first: number; last: number; text: string }[] = []
  let position = 0
  for (const item of items) {
    const text = item.toString()
    const run = runs.at(-1)
    if (run?.text === text) run.last = position
    else runs.push({ first: position, last: position, text })
    position++
  }
  const name = module.constructor.name
  if (runs.length === 0) return `${name}()`
  const lines = runs.map(({ first, last, text }) => {
    const places = first === last ? `(${first}): ` : `(${first}-${last}): ${last - first + 1} x `
    return `  ${indented(places + text)}`
  })
  return `${name}(\n${lines.join('\n')}\n)`
}

/** "p=0.5, inplace=False": settings as Python writes them. */
export function settings(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${pythonRepr(value)}`)
    .join(', ')
}
