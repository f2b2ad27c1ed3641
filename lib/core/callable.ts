/**
 * An object that is called: what Python's `__call__` makes of a class. An instance is a function whose prototype chain
 * is the class's own, so that `instanceof`, fields of any name and #private ones all work.
 */
export class Callable {
  constructor() {
    const self = (...args: unknown[]): unknown => (self as unknown as Callable).__call__(...args)
    // Fields may have these names.
    delete (self as { name?: string }).name
    delete (self as { length?: number }).length
    // biome-ignore lint/correctness/noConstructorReturn: the function is the instance
    return Object.setPrototypeOf(self, new.target.prototype)
  }

  __call__(..._args: unknown[]): unknown {
    throw new TypeError(`${this.constructor.name} has no __call__`)
  }
}
