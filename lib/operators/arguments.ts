// Python's way of calling in TypeScript: any positional prefix, then one object of keyword arguments.

import { isOptions } from './operator.js'

const REQUIRED = Symbol('required')

/** Stands for the default of a parameter that must be given, with its type. */
export function required<T>(): T {
  return REQUIRED as T
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, substitution))
    }
    row = next
  }
  return row[b.length] as number
}

/** ` (did you mean 'lr'?)`, or nothing where no name is near. */
export function suggestion(name: string, known: readonly string[]): string {
  const longer = known.find((candidate) => name.length > 2 && candidate.startsWith(name))
  if (longer !== undefined) return ` (did you mean '${longer}'?)`
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)[0]
  return nearest !== undefined && nearest.distance <= name.length / 2 ? ` (did you mean '${nearest.candidate}'?)` : ''
}

/** Throws for keys that are no parameter's. */
export function checkKeys(callee: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    throw new TypeError(`${callee}() got an unexpected keyword argument '${key}'${suggestion(key, known)}`)
  }
}

/**
 * The parameters' values, from arguments in place, then keywords, then defaults. The defaults' order is the
 * parameters' order; one whose default is `required()` must be given. `undefined` counts as not given.
 */
export function readArguments<D extends Record<string, unknown>>(
  callee: string,
  args: readonly unknown[],
  defaults: D,
): D {
  const names = Object.keys(defaults)
  const options = isOptions(args.at(-1)) ? (args.at(-1) as Record<string, unknown>) : null
  const positional = options === null ? args : args.slice(0, -1)
  if (positional.length > names.length) {
    throw new TypeError(`${callee}() takes ${names.length} positional arguments but ${positional.length} were given`)
  }
  const values: Record<string, unknown> = { ...defaults }
  positional.forEach((value, i) => {
    if (value !== undefined) values[names[i] as string] = value
  })
  if (options !== null) {
    checkKeys(callee, options, names)
    for (const [key, value] of Object.entries(options)) {
      if (value === undefined) continue
      if (names.indexOf(key) < positional.length && positional[names.indexOf(key)] !== undefined) {
        throw new TypeError(`${callee}() got multiple values for argument '${key}'`)
      }
      values[key] = value
    }
  }
  const missing = names.filter((name) => values[name] === REQUIRED)
  if (missing.length > 0) throw new TypeError(`${callee}() missing required arguments: ${missing.join(', ')}`)
  return values as D
}

/** Checks that a count is a whole number from `least` on. */
export function checkCount(callee: string, name: string, value: number, least = 1): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${callee}: ${name} must be a whole number of at least ${least}, got ${value}`)
  }
}
