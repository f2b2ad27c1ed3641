// Gives Tensor methods and properties whose bodies stand in files of their own.

import { internals, Tensor } from '../core/tensor.js'

export function define(methods: Record<string | symbol, (...args: never[]) => unknown> & ThisType<Tensor>): void {
  for (const name of Reflect.ownKeys(methods)) {
    const method = (methods as Record<string | symbol, (...args: unknown[]) => unknown>)[name] as () => unknown
    const value = function (this: Tensor, ...args: []): unknown {
      internals.checkTensor(this)
      return method.apply(this, args)
    }
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true })
  }
}

export function defineGetters(getters: Record<string, (this: Tensor) => unknown>): void {
  for (const [name, get] of Object.entries(getters)) {
    Object.defineProperty(Tensor.prototype, name, { get, configurable: true })
  }
}
