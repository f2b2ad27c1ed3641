// The ported programs (examples/programs) have Python's losses, with our own ways to compute and without them.

import { expect, test } from 'vitest'
import { losses, NAMES } from '../../examples/programs/run.js'
import torch from '../../lib/index.js'
import { fixture } from '../helpers.js'

const { losses: reference } = fixture<{ losses: Record<string, number[]> }>('programs.json')

// Other processors' kernels round in other ways, and training lets that grow.
const TOLERANCE = 1e-4
/** LBFGS divides by differences of gradients: what is a rounding at first is, after some steps, another path. */
const STEADY: Record<string, number> = { lstmcell_lbfgs: 8 }

test('all programs are there', () => {
  expect(Object.keys(reference)).toEqual([...NAMES])
})

test.each(NAMES.flatMap((name) => [true, false].map((fused) => [name, fused] as const)))(
  '%s, fused %s',
  async (name, fused) => {
    torch.backends.tstorch.fused = fused
    try {
      const expected = reference[name] as number[]
      const actual = await losses(name)
      expect(actual.length).toBe(30)
      actual.slice(0, STEADY[name] ?? 30).forEach((loss, i) => {
        expect(Math.abs(loss - (expected[i] as number)) / (expected[i] as number), `loss ${i}`).toBeLessThan(TOLERANCE)
      })
    } finally {
      torch.backends.tstorch.fused = true
    }
  },
)
