// Checkpoints that Python wrote (scripts/reference/checkpoints.py), read here and compared with what Python says of them.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import torch from '../../lib/index.js'
import { Comparison, type Word } from '../../scripts/exchange/words.js'
import { filled, fixture, fixtureFile } from '../helpers.js'

interface Checkpoint {
  name: string
  value: Word
  file: string
  safe?: string[]
  map_location?: string
}

let path: string
beforeAll(() => {
  path = join(mkdtempSync(join(tmpdir(), 'tstorch-checkpoints-')), 'x.pt')
})
afterAll(() => rmSync(join(path, '..'), { recursive: true }))

const fixtures = readdirSync(fixtureFile('.')).filter((name) => /^checkpoints.*\.json$/.test(name))

describe.each(filled(fixtures))('%s', (name) => {
  const { cases } = fixture<{ cases: Checkpoint[] }>(name)

  test.each(filled(cases))('$name', async ({ value, file, safe = [], map_location = null }) => {
    const bytes = Buffer.from(file, 'base64')
    writeFileSync(path, bytes)
    using _ = torch.serialization.safe_globals(safe)
    const isZip = bytes.subarray(0, 2).toString() === 'PK'
    const ways = [
      torch.load(path, { map_location }),
      torch.load(bytes, map_location),
      await torch.load_async(path, map_location),
      await torch.load_async(bytes, map_location),
      ...(isZip ? [torch.load(path, { map_location, mmap: true })] : []),
    ]
    for (const loaded of ways) new Comparison().check(value, loaded)
    // What was loaded is saved again: it is the same, but for what there is no word for here.
    new Comparison().check(value, torch.load(torch.save(ways[0])))
  })

  test('there are at least 60', () => {
    expect(cases.length).toBeGreaterThanOrEqual(60)
  })
})
