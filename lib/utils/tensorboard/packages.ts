// Packages that event files need: optional ones, loaded when the first writer is made.

import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** What the package of this name exports. `what` needs it: the word for whoever has not installed it. */
export function needed<T>(name: string, what: string): T {
  try {
    return require(name) as T
  } catch (cause) {
    throw new Error(`${what} need the package ${name}: npm install ${name}`, { cause })
  }
}
