// The kinds of files: those that are changed, and what is done with each.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../../lib/core/package_root.js'
import torch, { nn, optim, type Tensor } from '../../../lib/index.js'
import { archive, type Format, SAFETENSORS } from './mutate.js'

export interface Kind {
  name: string
  /** How its files end. */
  ending: string
  format: Format
  files(): Buffer[]
  /** Reads a file, or its bytes, and uses what was in it. */
  load(source: string | Buffer): void
}

/** Tensors of more elements are not read through: their data need not be in the file (expand). */
const LARGEST = 1 << 20

/** Reads all elements. */
export function touch(tensor: Tensor): void {
  String(tensor.shape)
  if (tensor.numel() > LARGEST) return
  tensor.clone()
  tensor.tolist()
}

const bytesOf = (tensors: Record<string, Tensor>, metadata?: Record<string, string>) =>
  Buffer.from(torch.safetensors.save(tensors, metadata))

const { arange } = torch
const DTYPES = [torch.bool, torch.uint8, torch.int16, torch.bfloat16, torch.float8_e5m2, torch.complex64, torch.uint64]

const safetensors: Kind = {
  name: 'safetensors',
  ending: 'safetensors',
  format: SAFETENSORS,
  files: () => [
    bytesOf({}),
    bytesOf({ x: torch.ones(2, 3) }),
    bytesOf({ x: arange(1000), empty: torch.ones(0, 3), one: torch.tensor(1) }, { format: 'pt', a: 'ü' }),
    bytesOf(Object.fromEntries(DTYPES.map((dtype) => [String(dtype), arange(6).to(dtype)]))),
    bytesOf(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`layers.${i}.weight`, torch.ones(3)]))),
  ],
  load(source) {
    const { load, load_file, safe_open } = torch.safetensors
    if (typeof source !== 'string') {
      Object.values(load(source)).forEach(touch)
      return
    }
    Object.values(load_file(source)).forEach(touch)
    using opened = safe_open(source, { backend: 'pread' })
    opened.metadata()
    for (const name of opened.keys()) touch(opened.get_slice(name).index('...'))
  },
}

/** What a checkpoint's pickle is made of, and what it should not be. */
const PICKLE = [
  ...[
    '\x80\x02',
    '.',
    '(',
    ')',
    ']',
    '}',
    '0',
    '1',
    '2',
    'N',
    'K\xff',
    'J\xff\xff\xff\x7f',
    'h\0',
    'q\0',
    'R',
    'b',
    'Q',
    's',
    'u',
  ],
  ...[
    'a',
    'e',
    't',
    '\x81',
    '\x85',
    '\x86',
    '\x87',
    '\x8f',
    '\x90',
    'r\xff\xff\xff\xff',
    'j\xff\xff\xff\x7f',
    'X\xff\xff\xff\x7f',
  ],
  ...[
    '\x8a\xff',
    '\x8b\xff\xff\xff\x7f',
    '\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x7f',
    '('.repeat(3000),
    ']'.repeat(3000),
  ],
  ...['ctorch\nFloatStorage\n', 'ctorch\nDoubleStorage\n', 'ctorch\nSize\n', 'ctorch\nfloat64\n', 'ctorch\ndevice\n'],
  ...[
    'ctorch._utils\n_rebuild_tensor_v2\n',
    'ctorch._utils\n_rebuild_parameter\n',
    'ctorch._utils\n_rebuild_sparse_tensor\n',
  ],
  ...[
    'ctorch._utils\n_rebuild_qtensor\n',
    'ctorch._tensor\n_rebuild_from_type_v2\n',
    'ccollections\nOrderedDict\n',
    'cos\nsystem\n',
  ],
  ...[
    'c__builtin__\neval\n',
    'cbuiltins\ngetattr\n',
    'cnumpy.core.multiarray\nscalar\n',
    'c_codecs\nencode\n',
    '\x85\x81}\x85b',
  ],
].map((word) => Buffer.from(word, 'latin1'))

/** Touches all tensors of a value, which may hold itself. */
function touchAll(value: unknown, seen = new Set<unknown>()): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (value instanceof torch.Tensor) {
    touch(value)
    return
  }
  const items = value instanceof Map ? [...value.keys(), ...value.values()] : Object.values(value)
  for (const item of items) touchAll(item, seen)
}

function checkpoints(): unknown[] {
  const model = new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 2))
  const optimizer = new optim.Adam(model.parameters())
  model(torch.ones(2, 3)).sum().backward()
  optimizer.step()
  const base = arange(24).to(torch.float32)
  return [
    {
      model: model.state_dict(),
      optimizer: optimizer.state_dict(),
      epoch: 3,
      note: 'é',
      losses: [0.5, Number.NaN, 1n << 70n],
    },
    { base, view: base.view(4, 6).t(), part: base.index('5:9'), expanded: base.index('0').expand(1000) },
    Object.fromEntries(DTYPES.map((dtype) => [String(dtype), arange(6).to(dtype)])),
    [
      new nn.Parameter(torch.ones(2)),
      torch.eye(3).to_sparse(),
      torch.eye(3).to_sparse_csr(),
      new Map([[1, torch.ones(1)]]),
    ],
    [
      torch.quantize_per_tensor(torch.ones(3), 0.1, 10, torch.quint8),
      new Set([1, 'a']),
      new Uint8Array(10),
      torch.zeros(0, 3),
    ],
  ]
}

const FIXTURES = join(packageRoot, 'test', 'fixtures')
/** Longer files are mostly data, whose changes say little. */
const LONGEST = 20_000

/** Checkpoints that several versions of Python's PyTorch wrote. */
function pythonCheckpoints(): Buffer[] {
  const names = readdirSync(FIXTURES).filter((name) => /^checkpoints.*\.json$/.test(name))
  const cases = names.flatMap(
    (name) => JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')).cases as { file: string }[],
  )
  return cases.map(({ file }) => Buffer.from(file, 'base64')).filter(({ length }) => length < LONGEST)
}

const pt: Kind = {
  name: 'pt',
  ending: 'pt',
  format: archive(PICKLE),
  files: () => [...checkpoints().map((checkpoint) => Buffer.from(torch.save(checkpoint))), ...pythonCheckpoints()],
  load(source) {
    touchAll(torch.load(source))
    if (typeof source === 'string') touchAll(torch.load(source, { mmap: true }))
  },
}

/** What a TorchScript file's pickles and code are made of, and what they should not be. */
const SCRIPT = [
  ...PICKLE,
  ...[
    'c__torch__\nClassifier\n',
    'ctorch.jit._pickle\nrestore_type_tag\n',
    'ctorch.jit._pickle\nbuild_intlist\n',
    'ctorch.jit._pickle\nbuild_tensorlist\n',
    '  __parameters__ = []\n',
    '  return self\n',
    'def forward(self,\n    x: Tensor) -> Tensor:\n',
    'annotate(List[int], [])',
    'CONSTANTS.c0',
    'torch.resize_(x, [1000000000000])',
    '('.repeat(3000),
  ].map((word) => Buffer.from(word, 'latin1')),
]

const torchscript: Kind = {
  name: 'torchscript',
  ending: 'pt',
  format: archive(SCRIPT),
  files() {
    const { cases } = JSON.parse(readFileSync(join(FIXTURES, 'torchscript.json'), 'utf8'))
    const files = Object.values(cases as Record<string, { file?: string }>).flatMap(({ file }) => file ?? [])
    return files.map((file) => Buffer.from(file, 'base64'))
  },
  load(source) {
    const model = torch.jit.load(source)
    for (const tensor of Object.values(model.state_dict())) touch(tensor)
    String(model)
    String(model.code)
  },
}

export const KINDS: readonly Kind[] = [safetensors, pt, torchscript]
