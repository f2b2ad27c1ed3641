// The names that a checkpoint may use beside PyTorch's own, because the user says that they are safe.

import { describe } from '../operators/describe.js'
import { UnpicklingError } from './error.js'
import { type Arguments, read } from './generated/arguments.js'
import { numpyGlobal } from './numpy.js'
import { Global, Instance, type UserCallable } from './objects.js'

/**
 * A class or function with the name that Python gives what it stands for, such as `[Config, 'my_package.Config']`; alone
 * it stands for what a Python program defines itself, `__main__.Config`. A string names something of NumPy's.
 */
export type SafeGlobal = UserCallable | readonly [callable: UserCallable, path: string] | string

let safe = new Map<string, SafeGlobal>()

function pathOf(item: SafeGlobal): string {
  if (typeof item === 'string') {
    if (numpyGlobal(item) !== undefined) return item
    throw new TypeError(
      `add_safe_globals(): nothing here reads ${item}: give a class or function for it, [cls, '${item}']`,
    )
  }
  if (typeof item === 'function') return `__main__.${item.name}`
  if (!Array.isArray(item) || item.length !== 2) {
    throw new TypeError(
      `Expected [class or function, its full name in Python], a class or a name, but got ${describe(item)}`,
    )
  }
  const [callable, path] = item as readonly [unknown, unknown]
  if (typeof callable !== 'function' || typeof path !== 'string') {
    throw new TypeError(
      `Expected [class or function, its full name in Python], but got [${describe(callable)}, ${describe(path)}]`,
    )
  }
  return path
}

function entriesOf(list: readonly SafeGlobal[]): [string, SafeGlobal][] {
  if (!Array.isArray(list)) throw new TypeError(`safe_globals must be an array, not ${describe(list)}`)
  return list.map((item) => [pathOf(item), item])
}

/** Lets `torch.load` use these names. What is run for them is the user's own class or function. */
export function add_safe_globals(...args: Arguments['serialization.add_safe_globals']): void {
  const { safe_globals } = read('serialization.add_safe_globals', args)
  for (const [path, item] of entriesOf(safe_globals)) safe.set(path, item)
}

/** What `add_safe_globals` was given. */
export function get_safe_globals(...args: Arguments['serialization.get_safe_globals']): SafeGlobal[] {
  read('serialization.get_safe_globals', args)
  return [...safe.values()]
}

/** Forgets what `add_safe_globals` was given. */
export function clear_safe_globals(...args: Arguments['serialization.clear_safe_globals']): void {
  read('serialization.clear_safe_globals', args)
  safe = new Map()
}

/** Lets `torch.load` use these names while `body` runs, or up to the end of a block: `using _ = safe_globals([...])`. */
export function safe_globals<T>(safe_globals: readonly SafeGlobal[], body: () => T): T
export function safe_globals(safe_globals: readonly SafeGlobal[]): Disposable
export function safe_globals(safe_globals: readonly SafeGlobal[], body?: () => unknown): unknown {
  const entries = entriesOf(safe_globals)
  for (const [path, item] of entries) safe.set(path, item)
  const remove = () => {
    for (const [path, item] of entries) if (safe.get(path) === item) safe.delete(path)
  }
  if (body === undefined) return { [Symbol.dispose]: remove }
  try {
    return body()
  } finally {
    remove()
  }
}

/** Modules of which nothing is allowed, whoever says that it is safe. */
const BLOCKED = /^(sys|os|posix|nt)\./

/** What a name stands for that is not PyTorch's own. @throws unless the user declared it safe. */
export function userGlobal(path: string): Global {
  const blocked = BLOCKED.exec(path)
  if (blocked !== null) {
    throw new UnpicklingError(`Trying to load unsupported GLOBAL ${path} whose module ${blocked[1]} is blocked.`)
  }
  const item = safe.get(path)
  if (item === undefined) throw new UnpicklingError(refusal(path))
  if (typeof item === 'string') return numpyGlobal(item) as Global
  const callable = (typeof item === 'function' ? item : item[0]) as UserCallable
  return new UserGlobal(path, callable)
}

export const isAllowedByUser = (path: string): boolean => safe.has(path) && !BLOCKED.test(path)

/** A class or function of the user's. */
export class UserGlobal extends Global {
  constructor(
    path: string,
    readonly callable: UserCallable,
  ) {
    super(path, (args) => new Instance(callable, args, false))
  }
}

/** Where a new object is asked for: without arguments no constructor runs, as in Python. */
export const constructed = (cls: Global, args: readonly unknown[]): unknown =>
  cls instanceof UserGlobal ? new Instance(cls.callable, args, args.length === 0) : undefined

function refusal(path: string): string {
  const name = path.replace(/^builtins\./, '')
  const argument = numpyGlobal(path) === undefined ? `[cls, '${path}']` : `'${path}'`
  return (
    `Unsupported global: GLOBAL ${name} was not an allowed global by default. Please use ` +
    `\`torch.serialization.add_safe_globals([${argument}])\` or the ` +
    `\`torch.serialization.safe_globals([${argument}], () => ...)\` to allowlist this global if you trust this class/function.`
  )
}
