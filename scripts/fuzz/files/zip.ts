// Zip archives as PyTorch writes them, not compressed: taken apart, and put together again with right sums, so that what
// is changed inside reaches the reader behind the zip.

import { crc32 } from 'node:zlib'

export interface Entry {
  name: string
  data: Buffer
}

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50]

export function readZip(bytes: Buffer): Entry[] {
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  const count = bytes.readUInt16LE(end + 10)
  let at = bytes.readUInt32LE(end + 16)
  return Array.from({ length: count }, () => {
    const size = bytes.readUInt32LE(at + 24)
    const [named, extra, comment] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ]
    const local = bytes.readUInt32LE(at + 42)
    if (bytes.readUInt16LE(at + 10) !== 0) throw new Error('only archives that are not compressed are taken apart')
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    const name = bytes.toString('utf8', at + 46, at + 46 + named)
    at += 46 + named + extra + comment
    return { name, data: bytes.subarray(start, start + size) }
  })
}

export function writeZip(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  let at = 0
  for (const { name, data } of entries) {
    const path = Buffer.from(name)
    // From its version on: what an entry has in both places.
    const common = Buffer.alloc(26)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(path.length, 22)
    const local = Buffer.alloc(4)
    local.writeUInt32LE(LOCAL)
    const listed = Buffer.alloc(6)
    listed.writeUInt32LE(CENTRAL)
    const behind = Buffer.alloc(14)
    behind.writeUInt32LE(at, 10)
    parts.push(local, common, path, data)
    central.push(listed, common, behind, path)
    at += 30 + path.length + data.length
  }
  const list = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(END)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, list, end])
}
