// Python's strings as bytes: UTF-8, in which half a surrogate pair is written like any character ("surrogatepass").

import { TextDecoder, TextEncoder } from 'node:util'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** A lone half of a surrogate pair. */
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

export function encodeText(text: string): Uint8Array {
  if (!LONE.test(text)) return encoder.encode(text)
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code < 0xd800 || code > 0xdfff) bytes.push(...encoder.encode(character))
    else bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f))
  }
  return Uint8Array.from(bytes)
}

/** @throws TypeError where the bytes are no text. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    return decodeHalves(bytes, error)
  }
}

/** The text between halves of pairs is read as ever. */
function decodeHalves(bytes: Uint8Array, error: unknown): string {
  const parts: string[] = []
  let from = 0
  for (let i = 0; i + 2 < bytes.length; i++) {
    const [a, b, c] = [bytes[i] as number, bytes[i + 1] as number, bytes[i + 2] as number]
    if (a !== 0xed || b < 0xa0 || b > 0xbf || (c & 0xc0) !== 0x80) continue
    parts.push(decoder.decode(bytes.subarray(from, i)), String.fromCharCode(0xd000 | ((b & 0x3f) << 6) | (c & 0x3f)))
    from = i + 3
    i += 2
  }
  if (from === 0) throw error
  parts.push(decoder.decode(bytes.subarray(from)))
  return parts.join('')
}
