// The functions that PyTorch writes in Python: their parameters are generated from Python's (generated/), their bodies
// are written here in lib/.

import { checkKeys } from './arguments.js'
import { positional, required, signatures } from './generated/python_functions.js'
import { isOptions } from './operator.js'

export type PythonName = Extract<keyof typeof signatures, string>

/**
 * The function that `body` is the inside of: called as Python's, with any positional prefix and then keywords; `body`
 * gets the values of all parameters in order. `F` is its type: the generated one, unless the caller knows a better one.
 */
export function pythonFunction<F>(key: PythonName, body: (...values: never[]) => unknown): F {
  const callee = key.slice(key.lastIndexOf('.') + 1)
  const names = Object.keys(signatures[key])
  const defaults: readonly unknown[] = Object.values(signatures[key])
  const inside = body as (...values: unknown[]) => unknown
  const limit = positional[key] ?? names.length
  const invoke = (...args: unknown[]): unknown => inside(...bindArguments(callee, names, defaults, limit, args))
  return Object.defineProperty(invoke, 'name', { value: callee }) as F
}

/** The parameters' values in order: arguments in place, then keywords, then defaults. `undefined` is not given. */
function bindArguments(
  callee: string,
  names: readonly string[],
  defaults: readonly unknown[],
  limit: number,
  args: readonly unknown[],
): unknown[] {
  const last = args[args.length - 1]
  const options = typeof last === 'object' && isOptions(last) ? last : null
  const count = options === null ? args.length : args.length - 1
  if (count > limit) {
    throw new TypeError(`${callee}() takes ${limit} positional arguments but ${count} were given`)
  }
  if (options !== null) checkKeys(callee, options, names)
  const values = new Array<unknown>(names.length)
  for (let i = 0; i < names.length; i++) {
    const byName = options?.[names[i] as string]
    let value = i < count ? args[i] : undefined
    if (value !== undefined && byName !== undefined) {
      throw new TypeError(`${callee}() got multiple values for argument '${names[i]}'`)
    }
    if (value === undefined) value = byName === undefined ? defaults[i] : byName
    if (value === required) throw new TypeError(`${callee}() missing required argument '${names[i]}'`)
    values[i] = value
  }
  return values
}
