import { contentOf, memoryBytes, readArchive } from '../../lib/core/zip.js'
import { zipOf } from './zip.js'

/** Whole numbers from 0 on below a bound, the same for the same seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    // xorshift, whose state must not be 0.
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state = state === 0 ? 0x9e3779b9 : state >>> 0
    return state % below
  }
}

/** A file with some of its bytes changed, cut, repeated or put elsewhere. */
export function mutated(bytes: Uint8Array, seed: number): Uint8Array {
  const next = numbers(seed * 2_654_435_761 + 1)
  let result = Uint8Array.from(bytes)
  for (let i = next(3); i >= 0; i--) {
    const [at, length] = [next(result.length), 1 + next(16)]
    switch (next(6)) {
      case 0:
      case 1:
        result[at] = (result[at] as number) ^ (1 << next(8))
        break
      case 2:
        result[at] = [0, 1, 0x7f, 0x80, 0xff][next(5)] as number
        break
      case 3:
        result.copyWithin(at, next(result.length), Math.min(result.length, at + length))
        break
      case 4:
        for (let j = at; j < Math.min(result.length, at + length); j++) result[j] = next(256)
        break
      default:
        if (next(8) === 0 && result.length > 100) result = result.slice(0, result.length - 1 - next(64))
    }
  }
  return result
}

/** An archive of TorchScript's with bytes of one of its records changed: its pickles and code, more often than its data. */
export function mutatedRecord(bytes: Uint8Array, seed: number): Uint8Array {
  const next = numbers(seed * 2_246_822_519 + 1)
  const source = memoryBytes(bytes)
  const records = [...readArchive(source).values()].map((entry): [string, Uint8Array] => [
    entry.name,
    contentOf(source, entry),
  ])
  const likely = records.filter(([name]) => /\.(pkl|py)$/.test(name))
  const [name] = (next(8) === 0 ? records[next(records.length)] : likely[next(likely.length)]) as [string, Uint8Array]
  return zipOf(
    Object.fromEntries(
      records.map(([each, content]) => [each, each === name && content.length > 0 ? mutated(content, seed) : content]),
    ),
  )
}
