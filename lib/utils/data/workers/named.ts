// Classes and functions that travel between threads by their names: the module that exports them, and the name there.

/** Where a class or a function is found: a class has `static url = import.meta.url`, a function `f.url = import.meta.url`. */
export interface Named {
  readonly url: string
  readonly name: string
}

// biome-ignore lint/suspicious/noExplicitAny: functions and classes of any kind
export type AnyFunction = (...args: any[]) => any

/** What is known here by its name: what was sent from here, and what came. */
const known = new Map<string, AnyFunction>()

export const keyOf = ({ url, name }: Named): string => `${url}#${name}`

export const isClass = (value: AnyFunction): boolean => /^class\b/.test(Function.prototype.toString.call(value))

/** The name of a class or function that says where it is from, and from now on is known here by it; else null. */
export function nameOf(value: AnyFunction): Named | null {
  const { url, name } = value as AnyFunction & { url?: unknown }
  if (url === undefined) return null
  const named = { url: String(url), name }
  known.set(keyOf(named), value)
  return named
}

/** What was sent from here or came before under this name. */
export function knownAs(named: Named): AnyFunction {
  const found = known.get(keyOf(named))
  if (found !== undefined) return found
  throw new TypeError(
    `a worker sent an object of the class ${named.name} of ${named.url}, which this thread has not sent to the worker: ` +
      'let collate_fn give arrays, plain objects or Maps',
  )
}

/** Loads what has this name, so that knownAs finds it. */
export async function load(named: Named): Promise<void> {
  const { url, name } = named
  const module = (await import(url)) as Record<string, unknown>
  const byDefault = module.default as AnyFunction | undefined
  const found = module[name] ?? (byDefault?.name === name ? byDefault : undefined)
  if (typeof found !== 'function') {
    throw new TypeError(
      `a worker looked for ${name} in ${url}, which exports nothing of that name. What is in a module of its own has an ` +
        '`url` of its own: in a class `static url = import.meta.url`',
    )
  }
  known.set(keyOf(named), found as AnyFunction)
}
