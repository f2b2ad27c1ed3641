// The table of a summary, as torchinfo prints it.

import { fixed } from '../../tensor/printing.js'
import { grouped, type LayerInfo, listText } from './layer_info.js'

export type Column =
  | 'kernel_size'
  | 'input_size'
  | 'output_size'
  | 'num_params'
  | 'params_percent'
  | 'mult_adds'
  | 'trainable'
export type RowSetting = 'depth' | 'var_names' | 'ascii_only' | 'hide_recursive_layers'

const TITLES: Record<Column, string> = {
  kernel_size: 'Kernel Shape',
  input_size: 'Input Shape',
  output_size: 'Output Shape',
  num_params: 'Param #',
  params_percent: 'Param %',
  mult_adds: 'Mult-Adds',
  trainable: 'Trainable',
}

export interface Formatting {
  columns: readonly Column[]
  rows: ReadonlySet<RowSetting>
  columnWidth: number
  maxDepth: number
  /** Whether parameters have rows of their own. */
  long: boolean
}

const isEmpty = (size: readonly number[] | number | null): boolean =>
  size === null || size === 0 || (Array.isArray(size) && size.length === 0)
const sizeText = (size: readonly number[] | number | null): string =>
  isEmpty(size) ? '--' : typeof size === 'number' ? String(size) : listText(size as readonly number[])

/** ": 1,234", or with a unit " (M): 1.23". */
function amount(count: number, units: boolean): string {
  const [unit, scale] = !units ? ['', 1] : count >= 1e12 ? ['T', 1e12] : count >= 1e9 ? ['G', 1e9] : ['M', 1e6]
  const scaled = count / scale
  const text = Number.isInteger(scaled) ? String(scaled) : fixed(scaled, 2)
  const [whole, rest] = text.split('.')
  return `${unit === '' ? '' : ` (${unit})`}: ${grouped(Number(whole))}${rest === undefined ? '' : `.${rest}`}`
}

const megabytes = (bytes: number): string => fixed(bytes / 1e6, 2)

/** What a model is made of; printed, a table. */
export class ModelStatistics {
  total_params = 0
  trainable_params = 0
  total_mult_adds = 0
  /** In bytes; activations are counted twice, for their gradients. */
  total_output_bytes = 0
  total_param_bytes = 0
  readonly #formatting: Formatting

  constructor(
    readonly summary_list: readonly LayerInfo[],
    /** Sizes of the inputs; null where the model was not called. */
    readonly input_size: readonly (readonly number[])[] | null,
    /** In bytes. */
    readonly total_input: number,
    formatting: Formatting,
  ) {
    this.#formatting = formatting
    for (const layer of summary_list) {
      if (layer.is_leaf_layer) {
        this.total_mult_adds += layer.macs
        if (layer.num_params > 0) this.total_output_bytes += 2 * layer.output_bytes
      }
      if (layer.is_recursive) continue
      const own = layer.is_leaf_layer
      this.total_params += Math.max(own ? layer.num_params : layer.leftover('num_params'), 0)
      this.trainable_params += Math.max(own ? layer.trainable_params : layer.leftover('trainable_params'), 0)
      if (own) this.total_param_bytes += layer.param_bytes
    }
  }

  toString(): string {
    const { columns, columnWidth, rows, maxDepth } = this.#formatting
    const width = this.#nameWidth()
    const divider = '='.repeat(columns.length * columnWidth + width)
    const title = `Layer (type${rows.has('var_names') ? ' (var_name)' : ''}${rows.has('depth') ? ':depth-idx' : ''})`
    const shown = this.summary_list.filter(
      ({ depth, is_recursive }) => depth <= maxDepth && !(is_recursive && rows.has('hide_recursive_layers')),
    )
    return [
      divider,
      this.#row(width, title, TITLES),
      divider,
      ...shown.flatMap((layer) => this.#rowsOf(width, layer)),
      divider,
      `Total params${amount(this.total_params, false)}`,
      `Trainable params${amount(this.trainable_params, false)}`,
      `Non-trainable params${amount(this.total_params - this.trainable_params, false)}`,
      ...(this.input_size === null ? [] : this.#sizes(divider)),
      divider,
    ].join('\n')
  }

  #sizes(divider: string): string[] {
    const { total_input, total_output_bytes, total_param_bytes } = this
    return [
      `Total mult-adds${amount(this.total_mult_adds, true)}`,
      divider,
      `Input size (MB): ${megabytes(total_input)}`,
      `Forward/backward pass size (MB): ${megabytes(total_output_bytes)}`,
      `Params size (MB): ${megabytes(total_param_bytes)}`,
      `Estimated Total Size (MB): ${megabytes(total_input + total_output_bytes + total_param_bytes)}`,
    ]
  }

  #nameOf(layer: LayerInfo): string {
    const { rows } = this.#formatting
    const variable = rows.has('var_names') && layer.var_name !== '' ? ` (${layer.var_name})` : ''
    const place = rows.has('depth') && layer.depth > 0 ? `: ${layer.depth}-${layer.depth_index}` : ''
    return layer.class_name + variable + place
  }

  /** At least 40; longer names make it wider, in steps of 5. */
  #nameWidth(): number {
    const longest = Math.max(0, ...this.summary_list.map((layer) => this.#nameOf(layer).length + 5 * layer.depth + 1))
    return longest >= 40 ? Math.ceil(longest / 5) * 5 : 40
  }

  #row(width: number, name: string, values: Partial<Record<Column, string>>): string {
    const { columns, columnWidth } = this.#formatting
    const cells = columns.map((column) => (values[column] ?? '').padEnd(columnWidth))
    return [name.padEnd(width), ...cells].join(' ').trimEnd()
  }

  #indent(depth: number): string {
    const ascii = this.#formatting.rows.has('ascii_only')
    if (depth === 0) return ''
    if (depth === 1) return ascii ? '+ ' : '├─'
    return (ascii ? '|    ' : '│    ').repeat(depth - 1) + (ascii ? '+ ' : '└─')
  }

  #rowsOf(width: number, layer: LayerInfo): string[] {
    const isDeepest = layer.depth === this.#formatting.maxDepth
    const values: Record<Column, string> = {
      kernel_size: sizeText(layer.kernel_size),
      input_size: sizeText(layer.input_size),
      output_size: sizeText(layer.output_size),
      num_params: parametersText(layer, isDeepest),
      params_percent: this.#percent(layer, isDeepest),
      mult_adds: macsText(layer, isDeepest),
      trainable: layer.trainable,
    }
    const inner = this.#formatting.long ? [...layer.inner_layers] : []
    return [
      this.#row(width, this.#indent(layer.depth) + this.#nameOf(layer), values),
      ...inner.map(([name, cells]) => this.#row(width, this.#indent(layer.depth + 1) + name, { ...cells })),
    ]
  }

  #percent(layer: LayerInfo, isDeepest: boolean): string {
    if (this.total_params !== 0 && layer.is_recursive) return '(recursive)'
    const own = isDeepest || layer.is_leaf_layer ? layer.num_params : layer.leftover('num_params')
    if (this.total_params === 0 || own === 0) return '     --'
    return `${fixed((own / this.total_params) * 100, 2)}%`.padStart(7)
  }
}

function parametersText(layer: LayerInfo, isDeepest: boolean): string {
  if (layer.num_params === 0) return '--'
  if (layer.is_recursive) return '(recursive)'
  if (isDeepest || layer.is_leaf_layer) {
    const text = grouped(layer.num_params)
    return layer.trainable_params > 0 ? text : `(${text})`
  }
  const rest = layer.leftover('num_params')
  return rest > 0 ? grouped(rest) : '--'
}

function macsText(layer: LayerInfo, isDeepest: boolean): string {
  if (layer.macs <= 0) return '--'
  if (layer.is_leaf_layer) return grouped(layer.macs)
  if (!isDeepest) return '--'
  return grouped(layer.children.filter((child) => child.is_leaf_layer).reduce((sum, { macs }) => sum + macs, 0))
}
