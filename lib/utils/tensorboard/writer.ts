// torch.utils.tensorboard.SummaryWriter: what a training tells TensorBoard.

import { hostname } from 'node:os'
import { join } from 'node:path'
import { internals, type Tensor } from '../../core/tensor.js'
import { stack } from '../../generated/functions.js'
import { type Arguments, read } from '../generated/arguments.js'
import { writeEmbedding, writeProjectorConfig } from './embedding.js'
import { FileWriter } from './file_writer.js'
import { histogramOf } from './histogram.js'
import { bytesOf, decodePng, drawBoxes, imageOf, imageOfPng } from './image.js'
import { numbersOf, scalarOf } from './numbers.js'
import * as summaries from './summaries.js'

type Called<Method extends string> = `utils.tensorboard.SummaryWriter.${Method}` extends keyof Arguments
  ? Arguments[`utils.tensorboard.SummaryWriter.${Method}`]
  : never
type Step = number | bigint | null
type Numbers = Tensor | ArrayLike<number>

/** runs/Nov25_14-05-59_machine */
function newRun(comment: string): string {
  const now = new Date()
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${now.toLocaleString('en-US', { month: 'short' })}${two(now.getDate())}`
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join('-')
  return join('runs', `${day}_${time}_${hostname()}${comment}`)
}

/** SessionLog's status of a start. */
const START = 1

/**
 * Writes event files for TensorBoard into a folder (`runs/DATE_MACHINE` by default). What is added is in the file when
 * ten more were added, when two minutes are over, at `flush()`, `close()`, and when the process ends.
 */
export class SummaryWriter {
  readonly log_dir: string
  readonly max_queue: number
  readonly flush_secs: number
  readonly filename_suffix: string
  purge_step: Step
  /** By folder: the own one's, and those of add_scalars. */
  readonly #writers = new Map<string, FileWriter>()
  /** Entries of the projector's list. */
  readonly #embeddings: string[] = []

  /** @throws what the file system says, or a word on packages that are missing: protobufjs, @node-rs/crc32. */
  constructor(...args: Arguments['utils.tensorboard.SummaryWriter']) {
    const options = read('utils.tensorboard.SummaryWriter', args)
    this.log_dir = options.log_dir || newRun(options.comment)
    this.purge_step = options.purge_step
    this.max_queue = options.max_queue
    this.flush_secs = options.flush_secs
    this.filename_suffix = options.filename_suffix
    this.#writer()
  }

  /** The writer of a folder. A closed one is followed by a new one. */
  #writer(folder = this.log_dir): FileWriter {
    let writer = this.#writers.get(folder)
    if (writer !== undefined) return writer
    writer = new FileWriter(folder, this.max_queue, this.flush_secs, this.filename_suffix)
    this.#writers.set(folder, writer)
    if (this.purge_step !== null && folder === this.log_dir) {
      const step = this.purge_step
      this.purge_step = null
      writer.add_event({ file_version: 'brain.Event:2' }, step)
      writer.add_event({ session_log: { status: START } }, step)
    }
    return writer
  }

  #add(summary: summaries.Fields, step: Step, walltime: number | null): void {
    this.#writer().add_summary(summary, step, walltime)
  }

  get_logdir(): string {
    return this.log_dir
  }

  /** A number at a step. */
  add_scalar(...args: Called<'add_scalar'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_scalar', args)
    const { tag, scalar_value, global_step, walltime, new_style, double_precision } = options
    this.#add(summaries.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)
  }

  /** Several numbers in one chart. Each has an event file of its own, in a folder below. */
  add_scalars(...args: Called<'add_scalars'>): void {
    const { main_tag, tag_scalar_dict, global_step, walltime } = read(
      'utils.tensorboard.SummaryWriter.add_scalars',
      args,
    )
    const time = walltime ?? Date.now() / 1000
    for (const [tag, value] of Object.entries(tag_scalar_dict)) {
      const folder = `${this.log_dir}/${main_tag.replaceAll('/', '_')}_${tag}`
      this.#writer(folder).add_summary(summaries.scalar(main_tag, value, false, false), global_step, time)
    }
  }

  /** All elements of a tensor. */
  add_tensor(...args: Called<'add_tensor'>): void {
    const { tag, tensor, global_step, walltime } = read('utils.tensorboard.SummaryWriter.add_tensor', args)
    this.#add(summaries.tensorSummary(tag, tensor), global_step, walltime)
  }

  /**
   * How values are spread. `bins`: 'tensorflow', how many, edges, or a rule of numpy's: 'auto', 'fd', 'doane', 'scott',
   * 'stone', 'rice', 'sturges', 'sqrt'.
   */
  add_histogram(...args: Called<'add_histogram'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_histogram', args)
    const { tag, values, global_step, bins, walltime, max_bins } = options
    const edges = typeof bins === 'string' || typeof bins === 'number' ? bins : numbersOf(bins as Numbers)
    this.#add(summaries.summary(tag, { histo: histogramOf(numbersOf(values), edges, max_bins) }), global_step, walltime)
  }

  /** A histogram that is counted already: upper limits of bins, and how many values are in each. */
  add_histogram_raw(...args: Called<'add_histogram_raw'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_histogram_raw', args)
    const { tag, global_step, walltime, bucket_limits, bucket_counts, min, max, num, sum, sum_squares } = options
    const [limits, counts] = [numbersOf(bucket_limits), numbersOf(bucket_counts)]
    if (limits.length !== counts.length)
      throw new RangeError('len(bucket_limits) != len(bucket_counts), see the document.')
    const histo = { min, max, num, sum, sum_squares, bucket_limit: [...limits], bucket: [...counts] }
    this.#add(summaries.summary(tag, { histo }), global_step, walltime)
  }

  /** An image (C, H, W): bytes, or numbers from 0 to 1. Needs the package fast-png. */
  add_image(...args: Called<'add_image'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_image', args)
    this.#image(options, options.dataformats)
  }

  /** A batch of images (N, C, H, W), in rows of eight. Needs the package fast-png. */
  add_images(...args: Called<'add_images'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_images', args)
    this.#image(options, options.dataformats)
  }

  #image(
    image: { tag: string; img_tensor: Tensor; global_step: Step; walltime: number | null },
    formats: string,
  ): void {
    const fields = imageOf(bytesOf(image.img_tensor, formats))
    this.#add(summaries.summary(image.tag, { image: fields }), image.global_step, image.walltime)
  }

  /** An image with red rectangles (x1, y1, x2, y2). Labels and other scales are not supported. */
  add_image_with_boxes(...args: Called<'add_image_with_boxes'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_image_with_boxes', args)
    const { tag, img_tensor, box_tensor, global_step, walltime, rescale, dataformats, labels } = options
    if (rescale !== 1 || labels !== null) {
      throw new Error('add_image_with_boxes(): rescale and labels are not supported: draw them into the image')
    }
    const image = bytesOf(img_tensor, dataformats)
    drawBoxes(image, box_tensor)
    this.#add(summaries.summary(tag, { image: imageOf(image) }), global_step, walltime)
  }

  /** A chart: the bytes of a PNG file, as `line_chart_png` of 'tstorch/plot' gives. Several become one picture. */
  add_figure(...args: Called<'add_figure'>): void {
    const { tag, figure, global_step, walltime } = read('utils.tensorboard.SummaryWriter.add_figure', args)
    if (Array.isArray(figure)) {
      const img_tensor = stack(figure.map(decodePng))
      this.#image({ tag, img_tensor, global_step, walltime }, 'NCHW')
      return
    }
    this.#add(summaries.summary(tag, { image: imageOfPng(figure as Uint8Array) }), global_step, walltime)
  }

  /** Not supported: no package that is kept writes moving GIFs. */
  add_video(...args: Called<'add_video'>): void {
    read('utils.tensorboard.SummaryWriter.add_video', args)
    throw new Error('add_video() is not supported: write frames, with add_image at several steps')
  }

  /** A sound: numbers from -1 to 1. */
  add_audio(...args: Called<'add_audio'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_audio', args)
    const { tag, snd_tensor, global_step, sample_rate, walltime } = options
    if (internals.isTensor(snd_tensor) && snd_tensor.squeeze().dim() > 1) {
      throw new RangeError('input tensor should be 1 dimensional.')
    }
    this.#add(summaries.audio(tag, numbersOf(snd_tensor), sample_rate), global_step, walltime)
  }

  /** A text, in Markdown. */
  add_text(...args: Called<'add_text'>): void {
    const { tag, text_string, global_step, walltime } = read('utils.tensorboard.SummaryWriter.add_text', args)
    this.#add(summaries.text(tag, text_string), global_step, walltime)
  }

  /** Not supported: there is no trace of a model here. */
  add_graph(...args: Called<'add_graph'>): void {
    read('utils.tensorboard.SummaryWriter.add_graph', args)
    throw new Error('add_graph() is not supported: write a table of the layers, add_text(tag, torch.utils.summary(…))')
  }

  /** Not supported: there is no ONNX here. */
  add_onnx_graph(...args: Called<'add_onnx_graph'>): void {
    read('utils.tensorboard.SummaryWriter.add_onnx_graph', args)
    throw new Error('add_onnx_graph() is not supported: there is no ONNX here')
  }

  /** Points (N, D) for TensorBoard's projector, with labels and images. */
  add_embedding(...args: Called<'add_embedding'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_embedding', args)
    const entry = writeEmbedding(this.#writer().get_logdir(), {
      ...options,
      metadata: options.metadata as readonly unknown[] | null,
      metadata_header: options.metadata_header as readonly string[] | null,
      step: options.global_step ?? 0,
    })
    this.#embeddings.push(entry)
    writeProjectorConfig(this.log_dir, this.#embeddings)
  }

  /** Precision and recall by threshold, of labels (0 or 1) and predictions (from 0 to 1). */
  add_pr_curve(...args: Called<'add_pr_curve'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_pr_curve', args)
    const { tag, labels, predictions, global_step, num_thresholds, weights, walltime } = options
    const weight = typeof weights === 'number' || weights === null ? weights : numbersOf(weights)
    const curve = summaries.prCurve(tag, numbersOf(labels), numbersOf(predictions), num_thresholds, weight)
    this.#add(curve, global_step, walltime)
  }

  /** Precision and recall by threshold, counted already. */
  add_pr_curve_raw(...args: Called<'add_pr_curve_raw'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_pr_curve_raw', args)
    const { true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts } = options
    const counts = [true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts]
    const rows = [...counts, options.precision, options.recall].map(numbersOf)
    this.#add(summaries.prCurveRaw(options.tag, rows, options.num_thresholds), options.global_step, options.walltime)
  }

  /** Which scalars stand in one chart: `{category: {chart: ['Multiline', tags]}}`; 'Margin' takes three tags. */
  add_custom_scalars(...args: Called<'add_custom_scalars'>): void {
    const { layout } = read('utils.tensorboard.SummaryWriter.add_custom_scalars', args)
    this.#add(summaries.customScalars(layout), null, null)
  }

  /** Several scalars in one chart. */
  add_custom_scalars_multilinechart(...args: Called<'add_custom_scalars_multilinechart'>): void {
    const { tags, category, title } = read('utils.tensorboard.SummaryWriter.add_custom_scalars_multilinechart', args)
    this.add_custom_scalars({ layout: { [category]: { [title]: ['Multiline', tags] } } })
  }

  /** A scalar between two others in one chart. */
  add_custom_scalars_marginchart(...args: Called<'add_custom_scalars_marginchart'>): void {
    const { tags, category, title } = read('utils.tensorboard.SummaryWriter.add_custom_scalars_marginchart', args)
    this.add_custom_scalars({ layout: { [category]: { [title]: ['Margin', tags] } } })
  }

  /** Triangles or points in space: vertices (B, N, 3), their colors, and faces as numbers of vertices. */
  add_mesh(...args: Called<'add_mesh'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_mesh', args)
    const { tag, vertices, colors, faces, config_dict, global_step, walltime } = options
    const summary = summaries.mesh(tag, { VERTEX: vertices, FACE: faces, COLOR: colors }, config_dict)
    this.#add(summary, global_step, walltime)
  }

  /** A run's hyperparameters and what came of them, in a folder of their own. */
  add_hparams(...args: Called<'add_hparams'>): void {
    const options = read('utils.tensorboard.SummaryWriter.add_hparams', args)
    const { hparam_dict, metric_dict, hparam_domain_discrete, run_name, global_step } = options
    const written = summaries.hparams(hparam_dict, metric_dict, hparam_domain_discrete ?? {})
    for (const value of Object.values(metric_dict)) scalarOf(value)
    const folder = join(this.log_dir, run_name || String(Date.now() / 1000))
    const writer = new FileWriter(folder, this.max_queue, this.flush_secs, this.filename_suffix)
    try {
      for (const summary of written) writer.add_summary(summary, global_step)
      for (const [tag, value] of Object.entries(metric_dict)) {
        writer.add_summary(summaries.scalar(tag, value, false, false), global_step)
      }
    } finally {
      writer.close()
    }
  }

  /** Writes what waits to the files. */
  flush(): void {
    for (const writer of this.#writers.values()) writer.flush()
  }

  /** Writes what waits, and closes the files. What is added later goes into a new file. */
  close(): void {
    const writers = [...this.#writers.values()]
    this.#writers.clear()
    const failures: unknown[] = []
    for (const writer of writers) {
      try {
        writer.close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
