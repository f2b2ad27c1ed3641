// torch.sparse, as scripts/reference/testing.py has it in Python.

import { expect, test } from 'vitest'
import torch, { type Tensor } from '../lib/index.js'
import { expectTensor, fixture } from './helpers.js'

const reference = fixture('testing.json').sparse
const { sparse } = torch
const S = torch
  .tensor([
    [1, 0, 2],
    [0, 3, 0],
  ])
  .to_sparse()
const M = torch.arange(6).float().view(3, 2)

const CASES: Record<string, () => Tensor> = {
  addmm: () => sparse.addmm(torch.ones(2, 2), S, M, { beta: 2, alpha: 3 }),
  mm: () => sparse.mm(S, M),
  sum: () => sparse.sum(S),
  sum_dim: () => sparse.sum(S, 0).to_dense(),
  sum_dtype: () => sparse.sum(S, null, { dtype: torch.float64 }),
  softmax: () => sparse.softmax(S, 1).to_dense(),
  log_softmax: () => sparse.log_softmax(S, 1, { dtype: torch.float64 }).to_dense(),
  spdiags: () => sparse.spdiags(torch.arange(9).float().view(3, 3), torch.tensor([0n, -1n, 2n]), [3, 3]).to_dense(),
}

test.each(Object.entries(CASES))('%s', (name, run) => {
  expectTensor(run(), reference[name], 1e-6)
})

test('all of the reference is here', () => {
  expect(Object.keys(CASES).sort()).toEqual(Object.keys(reference).sort())
})
