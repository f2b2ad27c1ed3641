import { encodeText } from './text.js'

/** Bytes that grow. */
export class ByteWriter {
  #bytes = new Uint8Array(1 << 12)
  #view = new DataView(this.#bytes.buffer)
  #size = 0

  /** Makes room for `count` bytes, and gives where they are. */
  #grow(count: number): number {
    const at = this.#size
    this.#size += count
    if (this.#size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#size, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }

  byte(value: number): void {
    const at = this.#grow(1)
    this.#bytes[at] = value
  }

  bytes(part: Uint8Array): void {
    const at = this.#grow(part.length)
    this.#bytes.set(part, at)
  }

  // An opcode, and a number behind it.

  uint8(opcode: number, value: number): void {
    this.byte(opcode)
    this.byte(value)
  }

  uint16(opcode: number, value: number): void {
    this.byte(opcode)
    const at = this.#grow(2)
    this.#view.setUint16(at, value, true)
  }

  int32(opcode: number, value: number): void {
    this.byte(opcode)
    const at = this.#grow(4)
    this.#view.setInt32(at, value, true)
  }

  uint32(opcode: number, value: number): void {
    this.byte(opcode)
    const at = this.#grow(4)
    this.#view.setUint32(at, value, true)
  }

  float64(opcode: number, value: number): void {
    this.byte(opcode)
    const at = this.#grow(8)
    this.#view.setFloat64(at, value, false)
  }

  text(opcode: number, value: string): void {
    const bytes = encodeText(value)
    this.uint32(opcode, bytes.length)
    this.bytes(bytes)
  }

  global(opcode: number, module: string, name: string): void {
    this.byte(opcode)
    this.bytes(encodeText(`${module}\n${name}\n`))
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }
}
