// Messages for typical mistakes: each names the function, what is wrong, what was expected and what was given.
// The whole messages are in the snapshot.

import { describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../lib/index.js'

const F = nn.functional
const x = torch.ones(2, 3)
const leaf = torch.ones(2, { requires_grad: true })
// biome-ignore lint/suspicious/noExplicitAny: these are the calls that TypeScript refuses
const any = (value: unknown) => value as any

const MISTAKES: [what: string, call: () => unknown, says: (string | RegExp)[]][] = [
  [
    'a string for a tensor',
    () => torch.add(any('a'), x),
    ['add()', "'input'", 'Tensor', "string 'a'", 'aten::add.Tensor('],
  ],
  ['a tensor for a list of tensors', () => torch.cat(any(x)), ['cat()', "'tensors'", 'tuple of Tensors', 'not Tensor']],
  ['null in a list of tensors', () => torch.cat(any([x, null])), ['cat()', 'element 1', 'null']],
  ['an unknown keyword', () => torch.sum(x, any({ dims: 1 })), ['sum()', "'dims'", "did you mean 'dim'"]],
  ['a misspelt keyword', () => x.sum(any({ keep_dim: true })), ['sum()', "'keep_dim'", "'keepdim'"]],
  [
    'a keyword cut short',
    () => F.max_pool2d(torch.ones(1, 1, 4, 4), any({ kernel: 2 })),
    ['max_pool2d()', "did you mean 'kernel_size'"],
  ],
  ['too many arguments', () => any(torch.relu)(x, 1), ['relu()', 'takes 1', '2 were given']],
  [
    'too few arguments',
    () => any(torch.mm)(x),
    ['mm()', "missing required argument 'mat2'", 'aten::mm(', 'aten::mm.dtype('],
  ],
  ['too few arguments of a function', () => any(F.max_pool2d)(x), ['max_pool2d()', "'kernel_size'"]],
  [
    'an argument given twice',
    () => any(torch.unsqueeze)(x, 0, { dim: 0 }),
    ['unsqueeze()', 'multiple values', "'dim'"],
  ],
  ['a fraction for an integer', () => x.unsqueeze(0.5), ['unsqueeze()', "'dim'", 'int', 'fractional number']],
  ['a string for an integer', () => x.transpose(any('0'), 1), ['transpose()', "'dim0'", 'int', "string '0'"]],
  ['a boolean for an integer', () => x.unsqueeze(any(true)), ['unsqueeze()', 'int', 'boolean']],
  ['NaN for a size', () => torch.zeros(Number.NaN, 2), ['zeros()', "'size'", 'tuple of ints', 'NaN']],
  ['strings for a shape', () => x.reshape(any(['a'])), ['reshape()', "'shape'", 'tuple of ints', "list of string 'a'"]],
  [
    'an array for a tensor',
    () => torch.matmul(x, any([[1], [2], [3]])),
    ['matmul()', "'other'", 'Tensor', 'list of list of', 'torch.tensor'],
  ],
  ['a promise for a tensor', () => torch.add(x, any(Promise.resolve(1))), ['add()', "'other'", 'Tensor', 'Promise']],
  [
    'a function for a tensor',
    () =>
      torch.add(
        x,
        any(() => x),
      ),
    ['add()', "'other'", 'function'],
  ],
  ['undefined for a tensor', () => torch.add(x, any(undefined)), ['add()', "missing required argument 'other'"]],
  [
    'a dtype as a string',
    () => torch.zeros([2], any({ dtype: 'float32' })),
    ['zeros()', "'dtype'", 'torch.dtype', "string 'float32'", 'torch.float32'],
  ],
  ['an unknown device', () => torch.zeros([2], { device: 'gpu' }), ['gpu', 'cpu', 'cuda']],
  ['a dimension out of range', () => x.sum(7), ['[-2, 1]', '7', 'aten::sum.dim_IntList(']],
  ['matrices that do not fit', () => x.matmul(torch.ones(4, 5)), ['(2x3 and 4x5)', 'aten::matmul(']],
  ['shapes that do not broadcast', () => x.add(torch.ones(2, 4)), ['(3)', '(4)', 'dimension 1', 'aten::add.Tensor(']],
  ['a view of another size', () => x.view(4, 4), ['[4, 4]', 'size 6', 'aten::view(']],
  ['float targets', () => F.cross_entropy(x, torch.tensor([0, 1])), ['Float', 'cross_entropy_loss', '0n, 2n']],
  ['float indices', () => torch.index_select(x, 0, torch.tensor([0])), ['index_select()', 'int64', '0n, 2n']],
  ['an unknown reduction', () => F.mse_loss(x, x, { reduction: any('avg') }), ['avg', "'none', 'mean' or 'sum'"]],
  ['a probability above 1', () => F.dropout(x, 1.5), ['between 0 and 1', '1.5']],
  [
    'channels that do not fit',
    () => torch.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 2, 3, 3)),
    ['2 channels', '3 channels', 'aten::conv2d('],
  ],
  ['a softmax of integers', () => torch.tensor([1n]).softmax(0), ["'Long'", 'aten::softmax.int(']],
  ['the number of several elements', () => x.item(), ['6 elements']],
  ['backward of several numbers', () => leaf.mul(2).backward(), ['scalar outputs']],
  ['backward without a graph', () => x.sum().backward(), ['does not require grad']],
  ['changing a leaf in place', () => leaf.add_(1), ['leaf Variable', 'in-place', 'aten::add_.Tensor(']],
  ['a ragged array', () => torch.tensor([[1, 2], [3]]), ['ragged', 'data[1]', '2 elements', '1 elements']],
  ['a mask of floats', () => torch.where(x, 1, 2), ['boolean tensor', 'Float', 'aten::where.self(']],
  ['arithmetic on tensors', () => any(x) + 1, ['a.add(b)', 'a.item()']],
  [
    'a tensor that was disposed of',
    () => {
      const y: Tensor = x.clone()
      y.dispose()
      return y.add(1)
    },
    ['disposed of', 'dispose()'],
  ],
]

describe('mistakes', () => {
  test.each(MISTAKES)('%s', (_, call, says) => {
    let message = 'no error'
    try {
      call()
    } catch (error) {
      message = `${(error as Error).name}: ${(error as Error).message}`
    }
    for (const part of says) expect(message).toContain(part)
    // Before its message, libtorch 2.15 names the operator inside this one too.
    expect(message.replace('Error: mm: mat1', 'Error: mat1')).toMatchSnapshot()
  })
})
