/** Whether a last argument holds keyword arguments: a plain object, but for {re, im}, which is a complex number. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  const keys = Object.keys(value)
  return !(keys.length === 2 && 're' in value && 'im' in value)
}
