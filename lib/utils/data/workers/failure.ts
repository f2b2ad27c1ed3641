// Errors on their way from a worker: what was thrown there, in the loader's thread.

/** An error as it travels. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack: string
  /** Own fields such as `code`. */
  readonly fields: Readonly<Record<string, unknown>>
}

const TYPES: Readonly<Record<string, ErrorConstructor>> = {
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
}

const isPrimitive = (value: unknown): boolean =>
  value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')

export function failureOf(thrown: unknown): Failure {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { name, message, stack = `${name}: ${message}` } = error
  const fields = Object.entries(error).filter(([key, value]) => isPrimitive(value) && !(key in Error.prototype))
  return { name, message, stack, fields: Object.fromEntries(fields) }
}

function errorOf(name: string, message: string, fields: object): Error {
  const error = new (TYPES[name] ?? Error)(message)
  Object.assign(error, fields)
  if (error.name !== name) Object.defineProperty(error, 'name', { value: name, writable: true, configurable: true })
  return error
}

/** What was thrown, as it was there. */
export function thrownFrom({ name, message, stack, fields }: Failure): Error {
  const error = errorOf(name, message, fields)
  error.stack = stack
  return error
}

/** What a loader throws for an error in a worker: of the same type, with where it was and the stack there. */
export function errorFrom({ name, stack, fields }: Failure, worker_id: number): Error {
  return errorOf(name, `Caught ${name} in DataLoader worker process ${worker_id}.\nOriginal ${stack}`, fields)
}
