// torch.set_default_device and its kin: factories and modules put tensors where Python's do
// (scripts/reference/default_device.py). The device is meta, which every machine has.

import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import torch, { nn, optim } from '../lib/index.js'
import { filled, fixture } from './helpers.js'

interface Case {
  name: string
  args: unknown[]
  keywords: { dtype?: 'float64'; device?: string | null }
  meta: string
  cpu: string
}
const { cases, path } = fixture<{ cases: Case[]; path: string[] }>('default_device.json')

afterEach(() => torch.set_default_device(null))

function made(value: unknown): unknown {
  const spec = value as { $ones?: number[]; $long?: never } | null
  if (spec?.$ones !== undefined) return torch.ones(spec.$ones, { device: 'cpu' })
  if (spec?.$long !== undefined) return torch.tensor(spec.$long, { dtype: torch.long, device: 'cpu' })
  return value
}

/** What a call makes: a factory's tensor, a module's parameters and buffers. */
function devicesOf({ name, args, keywords }: Case): string[] {
  const owner = name
    .split('.')
    .slice(0, -1)
    .reduce((space, key) => (space as never)[key], torch as object)
  const callee = (owner as Record<string, unknown>)[name.split('.').at(-1) as string] as (...args: unknown[]) => unknown
  const dtype = keywords.dtype === undefined ? {} : { dtype: torch[keywords.dtype] }
  const layout = name === 'sparse_compressed_tensor' ? { layout: torch.sparse_csc } : {}
  const given = { ...keywords, ...dtype, ...layout }
  const options = Object.keys(given).length === 0 ? [] : [given]
  const values = [...args.map(made), ...options]
  let result: unknown
  try {
    result = name.startsWith('nn.') ? Reflect.construct(callee, values) : callee(...values)
  } catch (error) {
    // Python has kernels for meta that libtorch has not: the call came to the device all the same.
    if (/with Meta tensors|'Meta' backend/.test(String(error))) return ['meta']
    throw error
  }
  const tensors = result instanceof nn.Module ? [...result.parameters(), ...result.buffers()] : [result as torch.Tensor]
  const described = (tensor: torch.Tensor) =>
    tensor.layout === torch.strided ? `${tensor.device}` : `${tensor.device} ${tensor.dtype}`
  return [...new Set(tensors.map(described))]
}

describe.each(['meta', 'cpu'] as const)('under %s, as in Python', (device) => {
  test.each(filled(cases))('$name($args, $keywords)', (each) => {
    expect(torch.default_device(device, () => devicesOf(each))).toEqual([each[device]])
  })
})

test('the default device is set and restored as in Python', () => {
  const seen = [String(torch.get_default_device())]
  const look = () => seen.push(String(torch.get_default_device()))
  torch.set_default_device('meta')
  look()
  {
    using _ = torch.default_device('cpu')
    look()
    torch.default_device('meta', () => {
      look()
    })
    seen.push(String(torch.zeros(1).device))
  }
  look()
  torch.set_default_device(null)
  look()
  expect(seen).toEqual(path)
})

test('an error restores it', () => {
  expect(() =>
    torch.default_device('meta', () => {
      throw new Error('inside')
    }),
  ).toThrow('inside')
  expect(torch.get_default_device()).toBe(torch.device('cpu'))
})

test('a result that is given stays where it is', () => {
  const out = torch.empty(3)
  torch.set_default_device('meta')
  torch.arange(3, { out })
  torch.full([3], 5, { out })
  expect(out.tolist()).toEqual([5, 5, 5])
  expect(torch.zeros(2, { requires_grad: true }).requires_grad).toBe(true)
})

test('what is not Python’s to move works as before: printing, saving, training on another device', () => {
  const model = new nn.Linear(2, 1)
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 })
  const x = torch.ones(3, 2)
  const before = model.weight.tolist()
  const saved = torch.default_device('meta', () => {
    model(x).sum().backward()
    optimizer.load_state_dict(optimizer.state_dict())
    expect(String(x)).toContain('1., 1.')
    expect(torch.where(x.gt(0), 1, 0).tolist()).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ])
    x.apply_((value) => Number(value) + 1)
    return torch.safetensors.save({ x })
  })
  optimizer.step()
  expect(model.weight.tolist()).not.toEqual(before)
  expect(torch.safetensors.load(saved).x?.tolist()).toEqual([
    [2, 2],
    [2, 2],
    [2, 2],
  ])
})

test('it is not there in another thread', () => {
  const library = JSON.stringify(new URL('../dist/lib/index.js', import.meta.url).href)
  const program = `
    import { Worker, isMainThread, parentPort } from 'node:worker_threads'
    import torch from ${library}
    torch.set_default_device('meta')
    const source = 'import(' + JSON.stringify(${library}) + ').then(({ default: torch }) => console.log(String(torch.zeros(1).device)))'
    new Worker(source, { eval: true }).on('exit', () => console.log(String(torch.zeros(1).device)))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual(['cpu\nmeta\n', ''])
})

test.each([
  ['no device', () => torch.set_default_device('nowhere 1'), 'invalid device string'],
  [
    'a number',
    () => torch.set_default_device(1 as never),
    "argument 'device' (position 1) must be torch.device or null",
  ],
  [
    'async code',
    () => torch.default_device('meta', (async () => 1) as never),
    'torch.default_device holds for synchronous code only',
  ],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(message)
})
