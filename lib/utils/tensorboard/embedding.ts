// What TensorBoard's projector reads: tables and a picture in a folder of each embedding, and one list of all of them.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from '../../core/atomic_file.js'
import { uint8 } from '../../core/dtype.js'
import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import { zeros } from '../../generated/functions.js'
import { bytesOf, grid, png } from './image.js'

export interface Embedding {
  mat: Tensor
  metadata: readonly unknown[] | null
  metadata_header: readonly string[] | null
  label_img: Tensor | null
  step: number | bigint
  tag: string
}

const write = (file: string, content: string | Uint8Array): void => writeFileAtomic(file, [Buffer.from(content)])
const lines = (rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('')

function table(metadata: readonly unknown[], header: readonly string[] | null): string {
  if (header === null) return lines(metadata.map(String))
  const rows = [header, ...metadata] as unknown[][]
  if (rows.some((row) => row.length !== header.length)) {
    throw new RangeError('len of header must be equal to the number of columns in metadata')
  }
  return lines(rows.map((row) => row.join('\t')))
}

/** As Python writes a float: whole ones, too, have a point. */
const floatText = (value: unknown): string => pythonRepr(value).replace(/^-?\d+$/, '$&.0')

function matrix(mat: Tensor): string {
  const shown = mat.dtype.is_floating_point ? floatText : String
  const rows = mat.detach().cpu().tolist() as unknown[][]
  return lines(rows.map((row) => row.map(shown).join('\t')))
}

/** The images in a square: the projector finds them by their size. */
function sprite(images: Tensor): Uint8Array {
  const bytes = bytesOf(grid(images.detach().cpu(), Math.ceil(Math.sqrt(images.size(0)))), 'CHW')
  const [height, side] = [bytes.size(0), bytes.size(1)]
  if (height > side)
    throw new RangeError(`label_img are higher than wide: ${images.shape}; the projector shows no such ones`)
  const square = zeros([side, side, 3], { dtype: uint8, device: 'cpu' })
  square.narrow(0, 0, height).copy_(bytes)
  return png(square)
}

const quoted = (text: string): string => JSON.stringify(text)

/** Writes an embedding's files; returns its entry in the projector's list. */
export function writeEmbedding(
  folder: string,
  { mat, metadata, metadata_header, label_img, step, tag }: Embedding,
): string {
  if (mat.dim() !== 2) throw new RangeError('mat should be 2D, where mat.size(0) is the number of data points')
  if (metadata !== null && metadata.length !== mat.size(0))
    throw new RangeError('#labels should equal with #data points')
  if (label_img !== null && label_img.size(0) !== mat.size(0)) {
    throw new RangeError('#images should equal with #data points')
  }
  const number = String(step).padStart(5, '0')
  const encoded = tag.replace(/[%/\\]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
  const place = `${number}/${encoded}`
  const path = join(folder, place)
  mkdirSync(path, { recursive: true })
  const entry = [`tensor_name: ${quoted(`${tag}:${number}`)}`]
  if (metadata !== null) {
    write(join(path, 'metadata.tsv'), table(metadata, metadata_header))
    entry.push(`metadata_path: ${quoted(`${place}/metadata.tsv`)}`)
  }
  if (label_img !== null) {
    write(join(path, 'sprite.png'), sprite(label_img))
    const sizes = [label_img.size(3), label_img.size(2)].map((size) => `  single_image_dim: ${size}`)
    entry.push('sprite {', `  image_path: ${quoted(`${place}/sprite.png`)}`, ...sizes, '}')
  }
  write(join(path, 'tensors.tsv'), matrix(mat))
  entry.push(`tensor_path: ${quoted(`${place}/tensors.tsv`)}`)
  return lines(['embeddings {', ...entry.map((line) => `  ${line}`), '}'])
}

/** Writes the projector's list. */
export const writeProjectorConfig = (folder: string, entries: readonly string[]): void =>
  write(join(folder, 'projector_config.pbtxt'), entries.join(''))
