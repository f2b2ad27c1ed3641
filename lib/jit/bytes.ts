import { type NativeScript, native } from '../core/native.js'

/** The bytes of a module's file. */
export function bytesOf(module: NativeScript, extra: Readonly<Record<string, unknown>>): Uint8Array {
  const names = Object.keys(extra)
  const contents = names.map((name) => bytesOfExtra(extra[name], name))
  return new Uint8Array(native.jit_save(module, names, contents))
}

function bytesOfExtra(content: unknown, name: string): ArrayBuffer {
  let bytes: Uint8Array
  if (typeof content === 'string') bytes = new TextEncoder().encode(content)
  else if (ArrayBuffer.isView(content)) bytes = new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
  else throw new TypeError(`_extra_files['${name}'] must be a string or bytes`)
  return bytes.slice().buffer as ArrayBuffer
}
