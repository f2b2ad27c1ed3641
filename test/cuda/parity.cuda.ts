// PyTorch's operator tests on the GPU: the results of Python on the CPU, within what PyTorch's own comparison of the
// two devices allows.

import assert from 'node:assert/strict'
import { checkCase } from '../../scripts/parity/check.js'
import { type CaseRecord, readEntries } from '../../scripts/parity/entry.js'
import { device, fixtureFile, onGpu, test, torch } from './suite.js'

const TOLERANCE = 1e-3
/** Of cases that are not random and have tensors. What differs is printed. */
const LEAST_PASSING = 0.97

/** Whether the numbers come from a random generator: another seed gives others, and another device too. */
const isRandom = (record: CaseRecord, tensors: Parameters<typeof checkCase>[1]) =>
  checkCase(record, tensors, { seed: 1 }) !== null

const holdsTensor = ({ inputs, calls }: CaseRecord) => inputs.length > 0 || JSON.stringify(calls).includes('"tensor"')

test('operators give the numbers of the CPU', () => {
  torch.backends.cudnn.allow_tf32 = false
  const { entries, tensors } = readEntries(fixtureFile('parity'))
  const failures: string[] = []
  let checked = 0
  for (const { name, cases } of entries) {
    for (const record of cases) {
      if (!holdsTensor(record) || isRandom(record, tensors)) continue
      checked++
      const wrong = checkCase(record, tensors, { device, tolerance: onGpu ? TOLERANCE : 0 })
      if (wrong !== null) failures.push(`${name}, ${record.dtype}: ${wrong.slice(0, 200)}`)
    }
  }
  console.log(`${checked - failures.length} of ${checked} cases pass on ${device}`)
  for (const failure of failures) console.log(`  ${failure}`)
  assert.ok(checked > 2000, `only ${checked} cases`)
  assert.ok(failures.length <= (onGpu ? (1 - LEAST_PASSING) * checked : 0), `${failures.length} of ${checked} fail`)
})
