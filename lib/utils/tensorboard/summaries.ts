// The summaries: what TensorBoard shows, as fields of the message Summary. Each plugin of TensorBoard has its own.

import type { DType } from '../../core/dtype.js'
import * as dtypes from '../../core/dtype.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { view_as_real } from '../../generated/functions.js'
import { encode } from './messages.js'
import { numbersOf, scalarOf } from './numbers.js'

export type Fields = Record<string, unknown>

/** A summary of one value. */
export const summary = (tag: string, fields: Fields): Fields => ({ value: [{ tag, ...fields }] })

const metadata = (plugin_name: string, content?: Uint8Array): Fields => ({ plugin_data: { plugin_name, content } })
const shapeOf = (...sizes: number[]): Fields => ({ dim: sizes.map((size) => ({ size })) })

// TensorFlow's dtypes by their numbers.
const [DT_FLOAT, DT_DOUBLE, DT_STRING] = [1, 2, 7]

export function scalar(tag: string, value: unknown, new_style: boolean, double_precision: boolean): Fields {
  const number = scalarOf(value)
  if (!new_style) return summary(tag, { simple_value: number })
  const tensor = double_precision
    ? { dtype: DT_DOUBLE, double_val: [number] }
    : { dtype: DT_FLOAT, float_val: [number] }
  return summary(tag, { tensor, metadata: metadata('scalars') })
}

export function text(tag: string, content: string): Fields {
  return summary(`${tag}/text_summary`, {
    metadata: metadata('text', encode('TextPluginData', {})),
    tensor: { dtype: DT_STRING, string_val: [Buffer.from(content)], tensor_shape: shapeOf(1) },
  })
}

// --- tensors ----------------------------------------------------------------------------------------------------

/** A float's bits as an integer, which is what Python writes for numbers of 16 bits. */
const bitsOf = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0] as number

type Elements = (tensor: Tensor) => unknown[]
const listed: Elements = (tensor) => tensor.detach().cpu().contiguous().view(-1).tolist() as unknown[]
const halves: Elements = (tensor) => (listed(tensor) as number[]).map(bitsOf)
const longs: Elements = (tensor) => listed(tensor).map((value) => Number(value))
const complex: Elements = (tensor) => listed(view_as_real(tensor))

/** TensorFlow's number of each dtype, and the field with the elements. */
const TENSORS = new Map<DType, [dtype: number, field: string, elements: Elements]>([
  [dtypes.float32, [DT_FLOAT, 'float_val', listed]],
  [dtypes.float64, [DT_DOUBLE, 'double_val', listed]],
  [dtypes.float16, [19, 'half_val', halves]],
  [dtypes.bfloat16, [14, 'half_val', halves]],
  [dtypes.int8, [6, 'int_val', longs]],
  [dtypes.uint8, [4, 'uint32_val', longs]],
  [dtypes.int16, [5, 'int_val', longs]],
  [dtypes.int32, [3, 'int_val', longs]],
  [dtypes.int64, [9, 'int64_val', longs]],
  [dtypes.bool, [10, 'bool_val', listed]],
  [dtypes.complex64, [8, 'scomplex_val', complex]],
  [dtypes.complex128, [18, 'dcomplex_val', complex]],
])

export function tensorSummary(tag: string, tensor: Tensor): Fields {
  if (tensor.numel() * tensor.element_size() >= 2 ** 31) {
    throw new RangeError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
  }
  const known = TENSORS.get(tensor.dtype)
  if (known === undefined) throw new TypeError(`${tag} has unsupported tensor dtype ${tensor.dtype}`)
  const [dtype, field, elements] = known
  return summary(tag, {
    tensor: { dtype, tensor_shape: shapeOf(...tensor.shape), [field]: elements(tensor) },
    metadata: metadata('tensor'),
  })
}

// --- sound ------------------------------------------------------------------------------------------------------

/** A WAV file of one channel: the header, and samples of 16 bits. */
function wav(samples: Int16Array, sampleRate: number): Uint8Array {
  const file = Buffer.alloc(44 + samples.byteLength)
  file.write('RIFF', 0)
  file.writeUInt32LE(36 + samples.byteLength, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(sampleRate, 24)
  file.writeUInt32LE(2 * sampleRate, 28)
  file.writeUInt16LE(2, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36)
  file.writeUInt32LE(samples.byteLength, 40)
  samples.forEach((sample, i) => {
    file.writeInt16LE(sample, 44 + 2 * i)
  })
  return file
}

export function audio(tag: string, sound: Float64Array, sample_rate: number): Fields {
  const samples = Int16Array.from(sound, (value) => Math.max(-1, Math.min(1, value)) * 32767)
  return summary(tag, {
    audio: {
      sample_rate,
      num_channels: 1,
      length_frames: samples.length,
      encoded_audio_string: wav(samples, sample_rate),
      content_type: 'audio/wav',
    },
  })
}

// --- precision and recall -----------------------------------------------------------------------------------------

/** More does not fit TensorBoard's plugin. */
const MOST_THRESHOLDS = 127

export function prCurveRaw(tag: string, rows: readonly Float64Array[], thresholds: number): Fields {
  const length = rows[0]?.length ?? 0
  if (rows.some((row) => row.length !== length)) throw new RangeError('all input arrays must have the same shape')
  const num_thresholds = Math.min(thresholds, MOST_THRESHOLDS)
  return summary(tag, {
    metadata: metadata('pr_curves', encode('PrCurvePluginData', { num_thresholds })),
    tensor: { dtype: DT_FLOAT, float_val: rows.flatMap((row) => [...row]), tensor_shape: shapeOf(rows.length, length) },
  })
}

/** The sum from each position to the end. */
const sumsToEnd = (values: Float64Array): Float64Array => {
  let sum = 0
  return values
    .toReversed()
    .map((value) => {
      sum += value
      return sum
    })
    .reverse()
}

export function prCurve(
  tag: string,
  labels: Float64Array,
  predictions: Float64Array,
  thresholds: number,
  weights: Float64Array | number | null,
): Fields {
  const count = Math.min(thresholds, MOST_THRESHOLDS)
  if (labels.length !== predictions.length) throw new RangeError('labels and predictions must have the same shape')
  const bins = predictions.map((value) => Math.floor(value * (count - 1)))
  const [hits, misses] = [new Float64Array(count), new Float64Array(count)]
  bins.forEach((bin, i) => {
    if (bin < 0 || bin >= count) return
    const weight = typeof weights === 'number' ? weights : (weights?.[i] ?? 1)
    const label = labels[i] as number
    hits[bin] = (hits[bin] as number) + label * weight
    misses[bin] = (misses[bin] as number) + (1 - label) * weight
  })
  const [tp, fp] = [sumsToEnd(hits), sumsToEnd(misses)]
  const tn = fp.map((value) => (fp[0] as number) - value)
  const fn = tp.map((value) => (tp[0] as number) - value)
  const share = (others: Float64Array) => tp.map((value, i) => value / Math.max(1e-7, value + (others[i] as number)))
  return prCurveRaw(tag, [tp, fp, tn, fn, share(fp), share(fn)], count)
}

// --- charts of scalars ------------------------------------------------------------------------------------------

/** `{category: {chart: ['Multiline' or 'Margin', tags]}}` */
export function customScalars(layout: Readonly<Record<string, unknown>>): Fields {
  const category = Object.entries(layout).map(([title, charts]) => ({
    title,
    chart: Object.entries(charts as Record<string, [string, readonly string[]]>).map(([name, [kind, tags]]) => {
      if (kind !== 'Margin') return { title: name, multiline: { tag: [...tags] } }
      if (tags.length !== 3) throw new RangeError(`Expected 3 tags, got ${tags.length}.`)
      const [value, lower, upper] = tags
      return { title: name, margin: { series: [{ value, lower, upper }] } }
    }),
  }))
  return summary('custom_scalars__config__', {
    tensor: { dtype: DT_STRING, string_val: [encode('Layout', { category })], tensor_shape: {} },
    metadata: metadata('custom_scalars'),
  })
}

// --- meshes -----------------------------------------------------------------------------------------------------

const PARTS = { VERTEX: 1, FACE: 2, COLOR: 3 }

export function mesh(
  tag: string,
  parts: { VERTEX: Tensor; FACE: Tensor | null; COLOR: Tensor | null },
  config: Readonly<Record<string, unknown>> | null,
): Fields {
  const given = Object.entries(PARTS).flatMap(([name, type]) => {
    const tensor = parts[name as keyof typeof PARTS]
    return tensor === null ? [] : [{ name, type, tensor }]
  })
  const components = given.reduce((mask, { type }) => mask | (1 << type), 0)
  const value = given.map(({ name, type, tensor }) => {
    if (tensor.dim() !== 3) throw new RangeError(`Tensor shape should be of shape BxNx3, but got ${tensor.shape}.`)
    const content = encode('MeshPluginData', {
      name: tag,
      content_type: type,
      json_config: pythonJson(config ?? {}),
      shape: [...tensor.shape],
      components,
    })
    return {
      tag: `${tag}_${name}`,
      tensor: { dtype: DT_FLOAT, float_val: [...numbersOf(tensor)], tensor_shape: shapeOf(...tensor.shape) },
      metadata: metadata('mesh', content),
    }
  })
  return { value }
}

/** JSON as Python's json.dumps(sort_keys=True) writes it. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}: ${pythonJson(each)}`).join(', ')}}`
}

// --- hyperparameters --------------------------------------------------------------------------------------------

const [TYPE_STRING, TYPE_FLOAT] = [1, 3]
const STATUS_SUCCESS = 1

function kindOf(name: string, value: unknown): [type: number, value: Fields] {
  if (typeof value === 'string') return [TYPE_STRING, { string_value: value }]
  // To Python, true is a number: its runs and these stand in one table.
  if (['number', 'bigint', 'boolean'].includes(typeof value) || internals.isTensor(value)) {
    return [TYPE_FLOAT, { number_value: scalarOf(value) }]
  }
  throw new TypeError(`${name}: value should be one of number, string, boolean or torch.Tensor`)
}

/** The three summaries of the plugin: what there is, what this run has, and that it ended well. */
export function hparams(
  values: Readonly<Record<string, unknown>>,
  metrics: Readonly<Record<string, unknown>>,
  discrete: Readonly<Record<string, unknown>>,
): Fields[] {
  for (const [name, list] of Object.entries(discrete)) {
    const type = typeof values[name]
    if (Object.hasOwn(values, name) && Array.isArray(list) && list.every((each) => typeof each === type)) continue
    throw new TypeError(
      `parameter: hparam_domain_discrete[${name}] should be a list of same type as hparam_dict[${name}].`,
    )
  }
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined)
  const infos = given.map(([name, value]) => {
    const domain = Object.hasOwn(discrete, name) ? (discrete[name] as unknown[]) : null
    return {
      name,
      type: kindOf(name, value)[0],
      ...(domain === null ? {} : { domain_discrete: { values: domain.map((each) => kindOf(name, each)[1]) } }),
    }
  })
  const experiment = { hparam_infos: infos, metric_infos: Object.keys(metrics).map((tag) => ({ name: { tag } })) }
  const start = { hparams: Object.fromEntries(given.map(([name, value]) => [name, kindOf(name, value)[1]])) }
  const one = (name: string, data: Fields) =>
    summary(`_hparams_/${name}`, { metadata: metadata('hparams', encode('HParamsPluginData', data)) })
  return [
    one('experiment', { experiment }),
    one('session_start_info', { session_start_info: start }),
    one('session_end_info', { session_end_info: { status: STATUS_SUCCESS } }),
  ]
}
