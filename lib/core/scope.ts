// Scopes free the tensors made in them, at their end and without the garbage collector.

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { types } from 'node:util'
import { closeModesSince, openMode, openModes, refusePromise, type Synchronous } from './modes.js'
import { internals, type Owner, swapOwner, type Tensor } from './tensor.js'

/** The folder lib/, which this file's folder lies in; where all is one file, the folder above it. */
const LIBRARY = dirname(dirname(fileURLToPath(import.meta.url)))

/** A stack that is formatted only when it is read, as the formatting is what costs. */
function captureStack(): Error {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 8
  const error = new Error()
  Error.stackTraceLimit = limit
  return error
}

/** The first line of a stack that is not the library's: "file.ts:12:3". */
function callerLine({ stack = '' }: Error): string {
  const frame = stack.split('\n').find((line, i) => i > 0 && !line.includes(LIBRARY)) ?? ''
  return /\(?([^\s(]+:\d+:\d+)\)?$/.exec(frame)?.[1]?.replace(/^file:\/\//, '') ?? 'unknown place'
}

class Scope implements Owner {
  readonly #tensors: Tensor[] = []
  readonly #outer: Owner | null
  readonly #opened = captureStack()

  constructor() {
    this.#outer = swapOwner(this)
  }

  get origin(): string {
    return callerLine(this.#opened)
  }

  own(tensor: Tensor): void {
    this.#tensors.push(tensor)
  }

  /** Frees what is not in `result`; what is goes to the scope around this one. */
  end(result?: unknown): void {
    swapOwner(this.#outer)
    try {
      forEachTensor(result, (tensor) => {
        if (internals.ownerOf(tensor) === this) internals.setOwner(tensor, this.#outer)
      })
    } finally {
      // A result whose fields throw when they are read is lost; nothing else would free its tensors.
      internals.freeOwned(this.#tensors, this)
    }
  }
}

/** Visits the tensors in a value: through arrays, Maps, Sets and own enumerable fields, however deep. */
function forEachTensor(value: unknown, visit: (tensor: Tensor) => void): void {
  const seen = new Set<object>()
  const waiting: object[] = []
  const meet = (item: unknown): void => {
    if ((typeof item !== 'object' && typeof item !== 'function') || item === null || seen.has(item)) return
    seen.add(item)
    waiting.push(item)
  }
  meet(value)
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (internals.isTensor(next)) {
      if (!next.is_disposed) visit(next)
    } else if (ArrayBuffer.isView(next)) {
    } else if (types.isMap(next)) {
      for (const [key, item] of next) {
        meet(key)
        meet(item)
      }
    } else if (Array.isArray(next) || types.isSet(next)) {
      for (const item of next) meet(item)
    } else {
      for (const item of Object.values(next)) meet(item)
    }
  }
}

/**
 * Runs `body` and frees the tensors made in it, but for those in its result (in arrays, Maps, Sets and objects' own
 * fields) and those given to `torch.keep`. Parameters, buffers, gradients and optimizer state are never freed.
 * Without `body`: `using s = torch.scope()` does so until the end of the block.
 *
 * Scopes are not needed: outside of them the garbage collector frees tensors. Inside, an operation is cheaper.
 */
export function scope<T>(body: () => Synchronous<T>): T
export function scope(): Disposable
export function scope<T>(body?: () => Synchronous<T>): T | Disposable {
  const before = openModes()
  const opened = new Scope()
  if (body === undefined) return openMode('torch.scope', () => opened.end())
  let result: unknown
  try {
    result = body()
    refusePromise('torch.scope', result)
  } catch (error) {
    closeModesSince(before)
    opened.end()
    throw error
  }
  closeModesSince(before)
  opened.end(result)
  return result as T
}

/** Takes a value's tensors out of their scopes: from now on the garbage collector frees them. Returns the value. */
export function keep<T>(value: T): T {
  forEachTensor(value, (tensor) => {
    if (internals.ownerOf(tensor) !== null) internals.setOwner(tensor, null)
  })
  return value
}
