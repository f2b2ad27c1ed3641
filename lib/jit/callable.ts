// What is called in TorchScript: methods and functions.

import { Callable } from '../core/callable.js'
import { stopModelsAtExit } from '../core/model_threads.js'
import { type NativeScript, native } from '../core/native.js'
import { isOptions } from '../operators/options.js'
import { JitError } from './error.js'
import { decode, encode, keepUntilHere, type Wrap } from './values.js'

interface Parameter {
  readonly name: string
  /** Whether a plain object in its place is its value, and no keywords. */
  readonly takesObject: boolean
}

/** Whose methods they are, or where the functions lie. */
export interface Owner {
  readonly script: NativeScript
  readonly wrap: Wrap
  /** Called after each call. */
  readonly done: () => void
}

/** A method or a function of TorchScript's. Called as Python calls it: arguments in place, keywords in an object at the end. */
export class ScriptFunction extends Callable {
  readonly #owner: Owner
  readonly #name: string
  #parameters: readonly Parameter[] | null = null

  /** @internal */
  constructor(owner: Owner, name: string) {
    super()
    this.#owner = owner
    this.#name = name
  }

  override __call__(...args: unknown[]): unknown {
    const { script, wrap, done } = this.#owner
    try {
      return decode(native.jit_call(script, this.#name, ...this.encoded(args)), wrap)
    } catch (error) {
      throw JitError.of(error)
    } finally {
      keepUntilHere(...args)
      done()
    }
  }

  /**
   * Calls it in a thread of its own: see `forward_async` of ScriptModule.
   * @throws (the promise is rejected) where too many calls wait already, or with what the call throws.
   */
  async call_async(...args: unknown[]): Promise<unknown> {
    const { script, wrap, done } = this.#owner
    stopModelsAtExit()
    let promise: Promise<unknown>
    try {
      promise = native.jit_call_async(script, this.#name, ...this.encoded(args))
    } finally {
      keepUntilHere(...args)
    }
    try {
      return decode(await promise, wrap)
    } catch (error) {
      throw JitError.of(error)
    } finally {
      done()
    }
  }

  /** @internal Arguments for native code: those in their places, the names of the others, and these. */
  encoded(args: readonly unknown[]): [positional: unknown[], names: string[], named: unknown[]] {
    const last = args.at(-1)
    const isKeywords = isOptions(last) && this.#known()[args.length - 1]?.takesObject !== true
    const positional = (isKeywords ? args.slice(0, -1) : args).map((value) => encode(value))
    const names = isKeywords ? Object.keys(last).filter((name) => last[name] !== undefined) : []
    return [positional, names, names.map((name) => encode((last as Record<string, unknown>)[name]))]
  }

  #known(): readonly Parameter[] {
    if (this.#parameters === null) {
      const found = native.jit_parameters(this.#owner.script, this.#name)
      const parameters: Parameter[] = []
      for (let i = 0; i < found.length; i += 2) {
        parameters.push({ name: found[i] as string, takesObject: found[i + 1] as boolean })
      }
      this.#parameters = parameters
    }
    return this.#parameters
  }

  #text(what: string): string {
    return native.jit_text(this.#owner.script, this.#name, what)
  }

  /** Its name. */
  get name(): string {
    return this.#name
  }

  /** What it computes, as Python code. */
  get code(): string {
    return this.#text('code')
  }

  /** What it computes, as TorchScript's graph. */
  get graph(): string {
    return this.#text('graph')
  }

  /** The graph with what it calls put in place. */
  get inlined_graph(): string {
    return this.#text('inlined_graph')
  }

  /** Its parameters and results with their types. */
  get schema(): string {
    return this.#text('schema')
  }

  override toString(): string {
    return `<torch.ScriptFunction ${this.schema}>`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

export interface ScriptFunction extends Callable {
  // biome-ignore lint/suspicious/noExplicitAny: only its file knows what it takes
  (...args: any[]): any
}
