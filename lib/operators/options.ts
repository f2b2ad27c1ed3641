/** Whether a value is a plain object, of this realm or of another one (vm, Jest), whose Object is not ours. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}

/** Whether a value is a complex number: {re, im}. */
export const isComplex = (value: unknown): value is { re: number; im: number } =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, 're') && Object.hasOwn(value, 'im')

/** Whether a last argument holds keyword arguments: a plain object, but for {re, im}, which is a complex number. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  return isPlainObject(value) && !(isComplex(value) && Object.keys(value).length === 2)
}

/** The object with its own fields alone: what another program adds to Object.prototype is no option of ours. */
export function ownFields<T extends object>(options: T): T {
  return Object.assign(Object.create(null), options)
}
