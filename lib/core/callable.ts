/**
 * The method of this name sees the value of a field that is assigned without having been there. Where it answers true,
 * it has put the field there itself. What `class` declares as a field is there before.
 */
export const ASSIGNED = Symbol('assigned')

/** The method of this name answers for a field that is asked for and not there. */
export const MISSING = Symbol('missing')

interface Asked {
  [ASSIGNED]?(name: string | symbol, value: unknown): boolean
  [MISSING]?(name: string): unknown
}

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

// At the end of the prototype chain, where a new or unknown field arrives and no call or known field does.
Object.setPrototypeOf(
  Callable.prototype,
  new Proxy(Object.create(Object.prototype), {
    set: (target, name, value, receiver) =>
      (receiver as Asked)[ASSIGNED]?.(name, value) || Reflect.set(target, name, value, receiver),
    get(target, name, receiver) {
      const known = Reflect.get(target, name, receiver)
      return known !== undefined || typeof name === 'symbol' ? known : (receiver as Asked)[MISSING]?.(name)
    },
  }),
)
