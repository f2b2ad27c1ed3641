// The parametrizations of one tensor, and the tensors that it is computed from.

import { no_grad } from '../../autograd/grad_mode.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { type Arguments, read } from '../generated/arguments.js'
import { ModuleList } from '../modules/container.js'
import { register } from '../modules/fields.js'
import type { Module } from '../modules/module.js'
import { Parameter } from '../parameter.js'

/** What a parametrization may have: the way back from its value. */
interface Invertible {
  right_inverse?(value: unknown): unknown
}

/** A parametrization's way back. */
export function changesOf(parametrization: Module) {
  const there = parametrization as unknown as Invertible
  return {
    /** What the value comes from; undefined where the parametrization cannot say. */
    inverseOf(value: unknown): unknown {
      if (there.right_inverse === undefined) return undefined
      try {
        return there.right_inverse(value)
      } catch (error) {
        if ((error as Partial<Error> | null)?.name === 'NotImplementedError') return undefined
        throw error
      }
    },
  }
}

/** Lets a tensor have another's data, and stay the same object: an optimizer may hold it. */
export function setTo(tensor: Tensor, source: Tensor): void {
  tensor.set_(source)
}

const OF_TENSORS = "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...)."

/**
 * The parametrizations of one tensor, `module.parametrizations.weight`: called, it gives the tensor's value. Made by
 * register_parametrization.
 */
export class ParametrizationList extends ModuleList {
  /** What the value is computed from, where that is one tensor. */
  declare original: Tensor
  declare original0: Tensor
  declare original1: Tensor;
  /** What the value is computed from, where that is several. */
  [original: `original${number}`]: Tensor
  /** Whether the value may have another dtype or shape than the tensor had. */
  unsafe: boolean
  readonly is_tensor: boolean
  /** How many tensors the value is computed from. */
  readonly ntensors: number

  constructor(...args: Arguments['nn.utils.parametrize.ParametrizationList']) {
    const { modules, original, unsafe } = read('nn.utils.parametrize.ParametrizationList', args)
    const list = [...modules]
    if (list.length === 0) throw new RangeError('ParametrizationList requires one or more modules.')
    super(list)
    this.unsafe = unsafe
    const { dtype, shape } = original
    const start = no_grad((): unknown =>
      list.reduceRight<unknown>((value, module) => changesOf(module).inverseOf(value) ?? value, original),
    )
    if (!internals.isTensor(start) && !Array.isArray(start)) {
      throw new RangeError(`${OF_TENSORS} Got ${describe(start)}`)
    }
    this.is_tensor = internals.isTensor(start)
    this.ntensors = internals.isTensor(start) ? 1 : start.length
    if (internals.isTensor(start)) this._keepOne(original, start)
    else this._keepAll(original, start)
    if (!unsafe) this._check(dtype, shape)
  }

  /** The original tensor itself stays, with its new value: whoever holds it holds the parameter. */
  private _keepOne(original: Tensor, start: Tensor): void {
    for (const what of ['dtype', 'device'] as const) {
      if (original[what] === start[what]) continue
      throw new RangeError(
        `When \`right_inverse\` outputs one tensor, it may not change the ${what}.\n` +
          `original.${what}: ${original[what]}\nright_inverse(original).${what}: ${start[what]}`,
      )
    }
    no_grad(() => setTo(original, start))
    register(this, original instanceof Parameter ? 'parameter' : 'buffer', 'original', original)
  }

  private _keepAll(original: Tensor, starts: readonly unknown[]): void {
    for (const [i, start] of starts.entries()) {
      if (!internals.isTensor(start)) {
        throw new RangeError(`${OF_TENSORS} Got element ${i} of the sequence with type ${describe(start)}.`)
      }
      if (original instanceof Parameter) {
        register(this, 'parameter', `original${i}`, new Parameter(start, original.requires_grad))
      } else {
        register(this, 'buffer', `original${i}`, start.requires_grad_(original.requires_grad))
      }
    }
  }

  private _check(dtype: Tensor['dtype'], shape: Tensor['shape']): void {
    const value: unknown = this()
    if (!internals.isTensor(value)) {
      throw new RangeError(`A parametrization must return a tensor. Got ${describe(value)}.`)
    }
    const changed = value.dtype !== dtype ? 'dtype' : value.shape.equals(shape) ? null : 'shape'
    if (changed === null) return
    throw new RangeError(
      `Registering a parametrization may not change the ${changed} of the tensor, unless \`unsafe\` flag is enabled.\n` +
        `unparametrized ${changed}: ${{ dtype, shape }[changed]}\nparametrized ${changed}: ${value[changed]}`,
    )
  }

  /** The names of the tensors that the value is computed from. */
  get originalNames(): string[] {
    return this.is_tensor ? ['original'] : Array.from({ length: this.ntensors }, (_, i) => `original${i}`)
  }

  private get _originals(): Tensor[] {
    return this.originalNames.map((name) => (this as unknown as Record<string, Tensor>)[name] as Tensor)
  }

  /** The parametrized tensor. */
  forward(): Tensor {
    const [first, ...rest] = this as Iterable<Module>
    return rest.reduce<Tensor>((value, module) => module(value), (first as Module)(...this._originals))
  }

  /**
   * Sets the originals so that the parametrized tensor becomes `value`, by the parametrizations' own right_inverse, the
   * last one first.
   * @throws if one of them has none, or gives other tensors than it did when it was registered.
   */
  right_inverse(...args: Arguments['nn.utils.parametrize.ParametrizationList.right_inverse']): void {
    const { value } = read('nn.utils.parametrize.ParametrizationList.right_inverse', args)
    no_grad(() => {
      let source: unknown = value
      for (const module of [...this].reverse()) {
        const { right_inverse } = module as unknown as Invertible
        if (right_inverse === undefined) {
          throw new Error(`parametrization ${module.constructor.name} does not implement right_inverse.`)
        }
        source = right_inverse.call(module, source)
      }
      if (this.is_tensor) this._setOne(source)
      else this._setAll(source)
    })
  }

  private _setOne(source: unknown): void {
    if (!internals.isTensor(source)) {
      throw new RangeError(`\`right_inverse\` should return a tensor. Got ${describe(source)}`)
    }
    if (source.dtype !== this.original.dtype) {
      throw new RangeError(
        `The tensor returned by \`right_inverse\` has dtype ${source.dtype} while \`original\` has dtype ` +
          `${this.original.dtype}`,
      )
    }
    setTo(this.original, source)
  }

  private _setAll(sources: unknown): void {
    if (!Array.isArray(sources)) {
      throw new RangeError(`'right_inverse' must return a sequence of tensors. Got ${describe(sources)}.`)
    }
    if (sources.length !== this.ntensors) {
      throw new RangeError(
        `'right_inverse' must return a sequence of tensors of length ${this.ntensors}. Got a sequence of length ` +
          `${sources.length}.`,
      )
    }
    for (const [i, original] of this._originals.entries()) {
      const source: unknown = sources[i]
      if (!internals.isTensor(source)) {
        throw new RangeError(
          `'right_inverse' must return a sequence of tensors. Got element ${i} of type ${describe(source)}.`,
        )
      }
      if (source.dtype !== original.dtype) {
        throw new RangeError(
          `Tensor ${i} returned by \`right_inverse\` has dtype ${source.dtype} while \`original${i}\` has dtype ` +
            `${original.dtype}`,
        )
      }
      setTo(original, source)
    }
  }
}
