// What a summary knows of one call of a module: sizes, parameters, multiplications and additions. Counted as torchinfo
// counts, whose table this is.

import { internals, type Tensor } from '../../core/tensor.js'
import type { Module } from '../../nn/modules/module.js'
import { modulesOf } from '../../nn/modules/parts.js'
import { is_lazy } from '../../nn/parameter.js'
import { PackedSequence } from '../../nn/utils/rnn.js'
import { describe } from '../../operators/describe.js'

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')
/** As Python prints a list. */
export const listText = (sizes: readonly number[]): string => `[${sizes.join(', ')}]`

type Size = [sizes: number[], bytesOfElement: number]
const sizeOf = (tensor: Tensor): Size => [[...tensor.shape], tensor.element_size()]

/** The first tensor in what a module took or gave. */
function firstSize(value: unknown): Size {
  if (internals.isTensor(value)) return sizeOf(value)
  if (value instanceof PackedSequence) return sizeOf(value.data)
  if (Array.isArray(value)) return value.length === 0 ? [[], 0] : firstSize(value[0])
  if (typeof value === 'object' && value !== null) {
    const items = Symbol.iterator in value ? [...(value as Iterable<unknown>)] : Object.values(value)
    return firstSize(items)
  }
  return [[], 0]
}

/** The size of what a module took or gave; the batch counts as one where its dimension is given. */
function measured(value: unknown, batch_dim: number | null): Size {
  if (value === null || value === undefined) return [[], 0]
  if (internals.isTensor(value)) return sizeOf(value)
  if (typeof value !== 'object') {
    throw new TypeError(`Model contains a layer with an unsupported input or output type: ${describe(value)}`)
  }
  const isList = Array.isArray(value) || value instanceof PackedSequence || Symbol.iterator in value
  // Of an object the last value counts, of a list the first.
  const [sizes, bytes] = firstSize(isList ? value : Object.values(value).at(-1))
  if (batch_dim !== null && batch_dim < sizes.length) sizes[batch_dim] = 1
  return [sizes, bytes]
}

/** A parameter as it is counted: of a pruned one, what its mask leaves. */
function counted(module: Module, name: string, parameter: Tensor): [count: number, name: string] {
  if (name.endsWith('_orig')) {
    const plain = name.slice(0, -'_orig'.length)
    let mask: unknown = module
    for (const key of `${plain}_mask`.split('.')) mask = (mask as Record<string, unknown> | undefined)?.[key]
    if (internals.isTensor(mask)) return [Number(mask.sum().item()), plain]
  }
  return [parameter.numel(), name]
}

/** A row of a layer's parameters, which the long form shows. */
export interface InnerLayer {
  kernel_size: string
  num_params: string
}

export class LayerInfo {
  readonly class_name: string
  readonly is_leaf_layer: boolean
  readonly kernel_size: readonly number[] | number | null
  /** Its place among the layers of its depth, from one on. */
  depth_index = 0
  /** What was called inside it. */
  children: LayerInfo[] = []
  executed = false
  /** Whether the module was called before. */
  is_recursive = false
  contains_lazy_param = false
  input_size: number[] = []
  output_size: number[] = []
  output_bytes = 0
  num_params = 0
  trainable_params = 0
  param_bytes = 0
  /** Multiplications and additions. */
  macs = 0
  readonly inner_layers = new Map<string, InnerLayer>()

  constructor(
    readonly var_name: string,
    readonly module: Module,
    readonly depth: number,
    readonly parent_info: LayerInfo | null,
  ) {
    this.class_name = module.constructor.name
    this.is_leaf_layer = modulesOf(module).length === 0
    const { kernel_size } = module as { kernel_size?: number | readonly number[] }
    this.kernel_size = kernel_size ?? null
  }

  /** True, False, Partial, or -- without parameters. */
  get trainable(): string {
    if (this.num_params === 0) return '--'
    if (this.trainable_params === 0) return 'False'
    return this.num_params === this.trainable_params ? 'True' : 'Partial'
  }

  countParameters(): void {
    this.num_params = 0
    this.trainable_params = 0
    this.param_bytes = 0
    this.inner_layers.clear()
    for (const [path, parameter] of this.module.named_parameters()) {
      if (is_lazy(parameter)) {
        this.contains_lazy_param = true
        continue
      }
      const [count, name] = counted(this.module, path, parameter)
      this.num_params += count
      this.param_bytes += count * parameter.element_size()
      if (parameter.requires_grad) this.trainable_params += count
      if (this.parent_info === null && name.includes('.')) continue
      const [first, second, ...rest] = parameter.shape
      const sizes =
        name === 'weight' && second !== undefined ? [second, first as number, ...rest] : [...parameter.shape]
      this.inner_layers.set(name, { kernel_size: listText(sizes), num_params: `├─${grouped(count)}` })
    }
    const last = [...this.inner_layers.values()].at(-1)
    if (last !== undefined) last.num_params = last.num_params.replace('├─', '└─')
  }

  /** Takes over what a call took and gave. */
  called(inputs: unknown, outputs: unknown, batch_dim: number | null): void {
    if (this.contains_lazy_param) this.countParameters()
    const [output, bytes] = measured(outputs, batch_dim)
    this.input_size = measured(inputs, batch_dim)[0]
    this.output_size = output
    this.output_bytes = bytes * product(output)
    this.executed = true
    for (const [path, parameter] of this.module.named_parameters()) {
      if (!is_lazy(parameter)) this.macs += this.#macsOf(...counted(this.module, path, parameter))
    }
  }

  #macsOf(count: number, name: string): number {
    const [first = 0] = this.output_size
    if (name === 'weight' || name === 'bias') {
      // A convolution uses each number at each place.
      return count * (this.class_name.includes('Conv') ? first * product(this.output_size.slice(2)) : first)
    }
    // Of recurrent layers: weight_ih_l0 and its kin.
    return /weight|bias/.test(name) ? count * product(this.output_size.slice(0, 2)) : 0
  }

  /** The parameters that no child has counted. */
  leftover(which: 'num_params' | 'trainable_params'): number {
    return this.children
      .filter((child) => !child.is_recursive)
      .reduce((rest, child) => rest - (child.is_leaf_layer ? child[which] : child.leftover(which)), this[which])
  }
}
