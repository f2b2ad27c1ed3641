// torch.utils.summary: a table of a model's layers, their sizes and parameters, by calling it once with hooks.

import { no_grad } from '../../autograd/grad_mode.js'
import { is_available } from '../../core/cuda_available.js'
import { type DeviceLike, device as deviceOf } from '../../core/device.js'
import { type DType, float32 } from '../../core/dtype.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { rand } from '../../generated/functions.js'
import type { Module } from '../../nn/modules/module.js'
import { modulesOf } from '../../nn/modules/parts.js'
import { type Arguments, read } from '../generated/arguments.js'
import { LayerInfo } from './layer_info.js'
import { type Column, ModelStatistics, type RowSetting } from './model_statistics.js'

/** Columns that nothing but a call fills. */
const OF_CALLS: readonly Column[] = ['input_size', 'output_size', 'mult_adds']

/** The sizes of the inputs, each a list. */
function sizesOf(input_size: readonly number[] | readonly (readonly number[])[]): (readonly number[])[] {
  const sizes = (input_size.every(Array.isArray) ? input_size : [input_size]) as readonly number[][]
  if (input_size.length === 0 || sizes.flat().some((size) => !(size > 0))) {
    throw new RangeError('Input_data is invalid, or negative size found in input_data.')
  }
  return [...sizes]
}

/** Inputs of these sizes, with a batch of one in a dimension that is given. */
function inputsOf(
  sizes: readonly (readonly number[])[],
  batch_dim: number | null,
  device: DeviceLike,
  dtypes: readonly DType[] | null,
): Tensor[] {
  return sizes.map((size, i) => {
    const values = rand(...size)
    const batch = batch_dim === null ? values : values.unsqueeze(batch_dim)
    return batch.to(device).to(dtypes?.[i] ?? float32)
  })
}

/** Every tensor in a value, through arrays and objects. */
function tensorsIn(value: unknown): Tensor[] {
  if (internals.isTensor(value)) return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(tensorsIn)
}

function moved(value: unknown, device: DeviceLike | null): unknown {
  if (device === null || typeof value !== 'object' || value === null) return value
  if (internals.isTensor(value)) return value.to(device)
  if (Array.isArray(value)) return value.map((each) => moved(each, device))
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, moved(each, device)]))
}

/** Where the model runs on inputs that are made for it. */
function deviceFor(model: Module): DeviceLike {
  const parameter = model.parameters()[0]
  if (parameter?.is_cuda) return parameter.device
  return deviceOf(is_available() ? 'cuda' : 'cpu')
}

// --- watching -----------------------------------------------------------------------------------------------------

/** Sees what is called in a model. Without `call` it takes all modules in their order. */
class Watch {
  readonly layers: LayerInfo[] = []
  readonly #seen = new Set<Module>()
  readonly #latest = new Map<Module, LayerInfo>()
  readonly #hooks = new Map<Module, { remove(): void }[]>()

  constructor(model: Module, calls: boolean, batch_dim: number | null) {
    this.#watch(model.constructor.name, model, 0, null, calls, batch_dim)
  }

  #watch(
    name: string,
    module: Module,
    depth: number,
    parent: LayerInfo | null,
    calls: boolean,
    batch: number | null,
  ): void {
    // For what is not called itself, as a ModuleList is not.
    const place = new LayerInfo(name, module, depth, parent)
    this.#latest.set(module, place)
    const before = () => {
      const info = new LayerInfo(name, module, depth, parent)
      info.countParameters()
      info.is_recursive = this.#seen.has(module)
      this.layers.push(info)
      this.#seen.add(module)
      this.#latest.set(module, info)
    }
    if (!calls) before()
    else {
      // A module in two places stands in the last.
      for (const hook of this.#hooks.get(module) ?? []) hook.remove()
      const after = (_: Module, inputs: unknown, outputs: unknown) => {
        this.#latest.get(module)?.called(inputs, outputs, batch)
      }
      this.#hooks.set(module, [module.register_forward_pre_hook(before), module.register_forward_hook(after)])
    }
    const info = this.#latest.get(module) as LayerInfo
    for (const [key, child] of modulesOf(module)) this.#watch(key, child, depth + 1, info, calls, batch)
  }

  remove(): void {
    for (const hooks of this.#hooks.values()) for (const hook of hooks) hook.remove()
  }

  /** Puts in the modules that were not called themselves before what is below them. */
  addContainers(): void {
    const open = new Map<number, LayerInfo>()
    const all: LayerInfo[] = []
    for (const layer of this.layers) {
      const above: LayerInfo[] = []
      for (let info = layer.parent_info; info !== null && info.depth > 0; info = info.parent_info) above.unshift(info)
      for (const container of above) {
        const shown = open.get(container.depth)
        if (shown?.module === container.module || all.at(-1) === container) continue
        container.countParameters()
        container.is_recursive ||= this.#seen.has(container.module)
        all.push(container)
        this.#seen.add(container.module)
        open.set(container.depth, container)
      }
      all.push(layer)
      open.set(layer.depth, layer)
      for (const depth of [...open.keys()]) if (depth > layer.depth) open.delete(depth)
    }
    this.layers.splice(0, this.layers.length, ...all)
  }

  /** Numbers the layers of each depth, and finds what is below each. */
  number(): void {
    const counts = new Map<number, number>()
    this.layers.forEach((layer, i) => {
      layer.depth_index = (counts.get(layer.depth) ?? 0) + 1
      counts.set(layer.depth, layer.depth_index)
      const rest = this.layers.slice(i + 1)
      const end = rest.findIndex(({ depth }) => depth <= layer.depth)
      layer.children = end === -1 ? rest : rest.slice(0, end)
    })
  }
}

/** Calls the model in a mode, and leaves each module in the mode that it was in. */
function run(model: Module, inputs: unknown, mode: string): void {
  const before = model.modules().map((module) => [module, module.training] as const)
  try {
    model.train(mode === 'train')
    no_grad(() => {
      model(...(Array.isArray(inputs) ? inputs : [inputs]))
    })
  } finally {
    for (const [module, training] of before) module.training = training
  }
}

/**
 * A table of a model's layers as torchinfo's: each with its output's size and its parameters, and sums of parameters,
 * multiplications and memory. The model is called once, without gradients, with random inputs of `input_size` (a size,
 * or several) or with `input_data` (a tensor, an array of arguments, or an object of keywords); without either, layers
 * and parameters alone are shown. Prints it, unless `verbose` is 0; with 2 each parameter has a row.
 * @throws {Error} where the model does; it says which layers ran.
 */
export function summary(...args: Arguments['utils.summary']): ModelStatistics {
  const options = read('utils.summary', args)
  const { model, input_size, input_data, batch_dim, col_width, depth, dtypes, mode, verbose } = options
  const calls = input_size !== null || input_data !== null
  const columns = (options.col_names ?? (calls ? ['output_size', 'num_params'] : ['num_params'])) as readonly Column[]
  if (input_size !== null && input_data !== null) {
    throw new Error('Only one of (input_data, input_size) should be specified.')
  }
  if (!(col_width > 0)) throw new RangeError(`Column width must be greater than 0: col_width=${col_width}`)
  if (![0, 1, 2].includes(verbose)) {
    throw new RangeError('Verbose must be either 0 (quiet), 1 (default), or 2 (verbose).')
  }
  const hollow = columns.filter((column) => OF_CALLS.includes(column))
  if (!calls && hollow.length > 0) {
    throw new Error(`You must pass input_data or input_size in order to use columns: ${hollow.join(', ')}`)
  }
  const device = options.device ?? (input_data === null ? deviceFor(model) : null)
  const sizes = input_size === null ? [] : sizesOf(input_size)
  const inputs =
    input_size === null
      ? moved(internals.isTensor(input_data) ? [input_data] : input_data, device)
      : inputsOf(sizes, batch_dim, device as DeviceLike, dtypes)
  const watch = new Watch(model, calls, batch_dim)
  try {
    if (calls) run(device === null ? model : model.to(device), inputs, mode)
  } catch (cause) {
    const ran = watch.layers.filter(({ executed }) => executed).map((layer) => `${layer.class_name}: ${layer.depth}`)
    throw new Error(`Failed to run torch.utils.summary. Executed layers up to: [${ran.join(', ')}]`, { cause })
  } finally {
    watch.remove()
  }
  // Keywords have no size, as in Python, whose hooks do not see them.
  const [whole] = watch.layers
  if (whole !== undefined && input_size === null && !Array.isArray(inputs)) whole.input_size = []
  if (calls) watch.addContainers()
  watch.number()
  const tensors = tensorsIn(inputs)
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.numel() * tensor.element_size(), 0)
  const shown = input_size === null ? tensors.map((tensor) => [...tensor.shape]) : sizes
  const statistics = new ModelStatistics(watch.layers, calls ? shown : null, bytes, {
    columns,
    rows: new Set((options.row_settings ?? ['depth']) as readonly RowSetting[]),
    columnWidth: col_width,
    maxDepth: depth,
    long: verbose === 2,
  })
  if (verbose > 0) console.log(String(statistics))
  return statistics
}
