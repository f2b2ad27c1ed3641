/**
 * The method of this name sees the value of a field that is assigned without having been there. Where it answers true,
 * it has put the field there itself. What `class` declares as a field is there before.
 */
export const ASSIGNED = Symbol('assigned')

interface Assigned {
  [ASSIGNED]?(name: string | symbol, value: unknown): boolean
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

// At the end of the prototype chain, where the assignment of a new field arrives and no call or known field does.
Object.setPrototypeOf(
  Callable.prototype,
  new Proxy(Object.create(Object.prototype), {
    set: (target, name, value, receiver) =>
      (receiver as Assigned)[ASSIGNED]?.(name, value) || Reflect.set(target, name, value, receiver),
  }),
)
