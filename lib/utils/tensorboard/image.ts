// Images for TensorBoard: tensors in any order of dimensions, as PNG.

import { float32, uint8 } from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { cat, stack, zeros } from '../../generated/functions.js'
import { tensor } from '../../tensor/factories.js'
import { needed } from './packages.js'

/** A batch (N, 1 or 3, H, W) as one image (3, rows * H, columns * W). */
export function grid(images: Tensor, columns = 8): Tensor {
  const colored = images.dim() === 4 && images.size(1) === 1 ? cat([images, images, images], 1) : images
  if (colored.dim() !== 4 || colored.size(1) !== 3) throw new RangeError('Input should be a 4D tensor with 3 channels')
  const [count, , height, width] = colored.shape as unknown as [number, number, number, number]
  const across = Math.min(count, columns)
  const down = Math.ceil(count / across)
  const empty = zeros([across * down - count, 3, height, width], { dtype: colored.dtype, device: colored.device })
  return cat([colored, empty])
    .view(down, across, 3, height, width)
    .permute(2, 0, 3, 1, 4)
    .reshape(3, down * height, across * width)
}

/** The dimensions in another order, by their letters. */
function ordered(image: Tensor, from: string, to: string): Tensor {
  for (const letter of to) {
    if (!from.includes(letter))
      throw new RangeError(`dataformats '${from}' has no ${letter}: it holds the letters ${to}`)
  }
  return image.permute([...to].map((letter) => from.indexOf(letter)))
}

/** Height, width and 3 or 4 channels; a batch becomes a grid, and gray three equal channels. */
function heightWidthChannels(image: Tensor, dataformats: string): Tensor {
  const letters = dataformats.toUpperCase()
  if (new Set(letters).size !== letters.length) {
    throw new RangeError(`You can not use the same dimension shorthand twice. input_format: ${dataformats}`)
  }
  if (image.dim() !== letters.length) {
    throw new RangeError(
      `size of input tensor and input format are different. tensor shape: ${image.shape}, input_format: ${dataformats}`,
    )
  }
  if (letters.length === 4) return grid(ordered(image, letters, 'NCHW')).permute(1, 2, 0)
  if (letters.length === 2) {
    const gray = ordered(image, letters, 'HW')
    return stack([gray, gray, gray], 2)
  }
  const result = ordered(image, letters, 'HWC')
  return result.size(2) === 1 ? cat([result, result, result], 2) : result
}

/** Elements from 0 to 255: a tensor of bytes holds them, others hold 0 to 1. */
export function bytesOf(image: Tensor, dataformats: string): Tensor {
  const plain = image.detach().cpu()
  const scale = plain.dtype === uint8 ? 1 : 255
  const colors = heightWidthChannels(plain, dataformats).to(float32).mul(scale).clamp(0, 255).to(uint8)
  if (![3, 4].includes(colors.size(2) as number)) {
    throw new RangeError(`an image has 1, 3 or 4 channels, not ${colors.size(2)}`)
  }
  return colors.contiguous()
}

type Encode = (image: { width: number; height: number; data: Uint8Array; channels: number; depth: 8 }) => Uint8Array

/** The PNG of bytes (H, W, C). */
export function png(image: Tensor): Uint8Array {
  const [height, width, channels] = image.shape as unknown as [number, number, number]
  const data = image.contiguous().view(-1).to_typed_array() as Uint8Array
  return needed<{ encode: Encode }>('fast-png', 'images').encode({ width, height, data, channels, depth: 8 })
}

interface Decoded {
  width: number
  height: number
  channels: number
  depth: number
  data: Uint8Array
}

/** A PNG file's pixels as bytes (3, H, W), without transparency. */
export function decodePng(file: Uint8Array): Tensor {
  const { width, height, channels, depth, data } = needed<{ decode(file: Uint8Array): Decoded }>(
    'fast-png',
    'images',
  ).decode(file)
  if (depth !== 8 || channels < 3) throw new RangeError('a figure in a list has 8 bits of red, green and blue')
  return tensor(Uint8Array.from(data), { device: 'cpu' }).view(height, width, channels).narrow(2, 0, 3).permute(2, 0, 1)
}

/** The fields of the message Image, of bytes (H, W, C). */
export function imageOf(image: Tensor): Record<string, unknown> {
  const [height, width, colorspace] = image.shape as unknown as [number, number, number]
  return { height, width, colorspace, encoded_image_string: png(image) }
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
/** Channels by the color type of a PNG's header. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 3, 4: 2, 6: 4 }

/** The fields of the message Image, of a PNG file's bytes: its header has the sizes. */
export function imageOfPng(file: Uint8Array): Record<string, unknown> {
  if (file.length < 33 || SIGNATURE.some((byte, i) => file[i] !== byte)) {
    throw new TypeError('a figure is the bytes of a PNG file')
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  return {
    height: view.getUint32(20),
    width: view.getUint32(16),
    colorspace: CHANNELS[view.getUint8(25)] ?? 3,
    encoded_image_string: file,
  }
}

/** Draws rectangles (x, y, x, y) of the tensor `boxes` into bytes (H, W, C), red, where Pillow draws lines of width 2. */
export function drawBoxes(image: Tensor, boxes: Tensor): void {
  const [height, width, channels] = image.shape as unknown as [number, number, number]
  const red = tensor([255, 0, 0, 255].slice(0, channels), { dtype: uint8, device: 'cpu' })
  /** From the first to the last of the rows and columns, what lies in the image. */
  const fill = (top: number, bottom: number, left: number, right: number) => {
    const [y, x] = [Math.max(top, 0), Math.max(left, 0)]
    const [rows, columns] = [Math.min(bottom + 1, height) - y, Math.min(right + 1, width) - x]
    if (rows > 0 && columns > 0) image.narrow(0, y, rows).narrow(1, x, columns).copy_(red)
  }
  if (boxes.dim() !== 2 || boxes.size(1) !== 4) throw new RangeError(`boxes are a tensor (N, 4), not ${boxes.shape}`)
  for (const box of boxes.detach().cpu().to(float32).trunc().tolist() as number[][]) {
    const [x0, y0, x1, y1] = box as [number, number, number, number]
    const [left, right] = x0 <= x1 ? [x0, x1] : [x1, x0]
    const [top, bottom] = y0 <= y1 ? [y0, y1] : [y1, y0]
    fill(top - 1, top, left, right)
    fill(bottom, bottom + 1, left, right)
    fill(top, bottom, left, left + 1)
    fill(top, bottom, right - 1, right)
  }
}
