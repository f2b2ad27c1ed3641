import { Callable } from '../core/callable.js'
import { disposeAtExit } from '../core/model_threads.js'
import { type Handle, type NativePackage, native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { describe } from '../operators/describe.js'
import { isOptions } from '../operators/options.js'
import { flatten, parseSpec, type TreeSpec, unflatten } from './pytree.js'

/** What the compiled code says of inputs that it was not compiled for, with a way around. */
function explained(error: unknown): unknown {
  if (error instanceof Error && error.message.startsWith('input_handles[')) {
    error.message +=
      '\n(The model was compiled for inputs of other sizes. Its own check says so; AOTI_RUNTIME_CHECK_INPUTS=0 in the ' +
      'environment turns that off, as in Python: inputs that do not fit then end in wrong numbers or the end of the process.)'
  }
  return error
}

/** A model that AOTInductor compiled. Called as the model was exported: arguments in place, keywords in an object at the end. */
export class AOTICompiledModel extends Callable {
  readonly #package: NativePackage
  readonly #inputs: TreeSpec
  readonly #outputs: TreeSpec

  /** @internal Models come from torch._inductor.aoti_load_package. */
  constructor(loaded: NativePackage) {
    super()
    this.#package = loaded
    const [inputs = '', outputs = ''] = native.aoti_call_spec(loaded)
    this.#inputs = parseSpec(inputs)
    this.#outputs = parseSpec(outputs)
    disposeAtExit(this)
  }

  override __call__(...args: unknown[]): unknown {
    const inputs = this.#flat(args)
    try {
      return this.#nested(native.aoti_run(this.#package, inputs.map(internals.handleOf)))
    } catch (error) {
      throw explained(error)
    } finally {
      native.reachable(inputs)
    }
  }

  /**
   * Runs the model in a thread of its own, so that this one goes on: the promise is kept when it is done.
   * `torch.backends.tstorch` says how many threads there are, and how many calls may wait.
   * @throws (the promise is rejected) where too many calls wait already.
   */
  async forward_async(...args: unknown[]): Promise<unknown> {
    const inputs = this.#flat(args)
    const promise = native.aoti_run_async(this.#package, inputs.map(internals.handleOf))
    native.reachable(inputs)
    return this.#nested(await promise.catch((error: unknown) => Promise.reject(explained(error))))
  }

  #flat(given: readonly unknown[]): Tensor[] {
    const [positional, keywords] = this.#inputs.children_spec as [TreeSpec, TreeSpec]
    const last = given.at(-1)
    const hasKeywords =
      keywords.children_spec.length > 0 && isOptions(last) && given.length > positional.children_spec.length
    const args = hasKeywords ? given.slice(0, -1) : [...given]
    const leaves: unknown[] = []
    flatten(args, positional, 'the arguments', leaves)
    flatten(hasKeywords ? last : {}, keywords, 'the keyword arguments', leaves)
    // Numbers and the like are part of the compiled code.
    const inputs = leaves.filter(internals.isTensor)
    const count = native.aoti_inputs(this.#package)
    if (inputs.length !== count) {
      const others = leaves.filter((leaf) => !internals.isTensor(leaf)).map((leaf) => describe(leaf))
      throw new TypeError(
        `the model takes ${count} tensors, got ${inputs.length}${others.length > 0 ? ` and ${others.join(', ')}` : ''}`,
      )
    }
    return inputs
  }

  #nested(outputs: unknown): unknown {
    // A list of TorchScript's: its kind, then the tensors, each of them its kind and its handle.
    const tensors = (outputs as [number, ...[number, Handle][]]).slice(1) as [number, Handle][]
    return unflatten(tensors.map(([, handle]) => internals.wrap(handle)).values(), this.#outputs)
  }

  /** What the package says of itself: the device, the machine that it was compiled for. */
  get_metadata(): Record<string, string> {
    const pairs = native.aoti_metadata(this.#package)
    const metadata: Record<string, string> = Object.create(null)
    for (let i = 0; i < pairs.length; i += 2) metadata[pairs[i] as string] = pairs[i + 1] as string
    return metadata
  }

  /** The names of the constants: its parameters, as the model called them. */
  get_constant_fqns(): string[] {
    return native.aoti_constant_fqns(this.#package)
  }

  /** Replaces constants by copies of tensors: all of them must be given where `check_full_update` is true. */
  load_constants(constants_map: Readonly<Record<string, Tensor>>, options: { check_full_update: boolean }): void {
    const names = Object.keys(constants_map)
    const tensors = names.map((name) => constants_map[name] as Tensor)
    native.aoti_load_constants(this.#package, names, tensors.map(internals.handleOf), options.check_full_update)
    native.reachable(tensors)
  }

  /** Frees the model, and removes the folder that it was unpacked into, once no call runs. */
  dispose(): void {
    native.aoti_close(this.#package)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  override toString(): string {
    return `AOTICompiledModel(${this.get_constant_fqns().join(', ')})`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

export interface AOTICompiledModel extends Callable {
  // biome-ignore lint/suspicious/noExplicitAny: only its file knows what it takes
  (...args: any[]): any
}
