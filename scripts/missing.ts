// npm run missing: writes docs/missing.md, which names everything public in PyTorch that tstorch lacks, and the README's
// summary of it. With --check says whether they are what it would write.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../lib/core/package_root.js'
import torch from '../lib/index.js'

/** What to write in place of a missing name. One that ends in a dot stands for the whole namespace. */
const INSTEAD: Record<string, string> = {
  'torch.dtype': 'the type `torch.DType`',
  'torch.layout': 'the type `torch.Layout`',
  'torch.memory_format': 'the type `torch.MemoryFormat`',
  'torch.e': '`Math.E`',
  'torch.pi': '`Math.PI`',
  'torch.inf': '`Infinity`',
  'torch.nan': '`NaN`',
  'torch.newaxis': '`null`',
  'torch.from_numpy': '`torch.tensor(typedArray)`',
  'torch.frombuffer': '`torch.tensor(typedArray)`',
  'torch.Tensor.numpy': '`tensor.to_typed_array()`, `tensor.tolist()`',
  'torch.Tensor.share_memory_': '`tensor.share()`',
  'torch.nn.Container': '`nn.Module`, as in Python, where it is deprecated',
  'torch.nn.DataParallel': 'one process for each GPU',
  'torch.nn.factory_kwargs': 'nothing: it serves constructors written in Python',
  'torch.optim.swap_in_optimizer_params_and_state': 'nothing: it serves functions that Python compiles',
  'torch.nn.functional.has_torch_function': 'nothing: classes cannot take over operators here',
  'torch.nn.functional.has_torch_function_unary': 'nothing: as above',
  'torch.nn.functional.has_torch_function_variadic': 'nothing: as above',
  'torch.nn.functional.assert_int_or_pair': 'nothing: a check of TorchScript’s',
  'torch.nn.attention.WARN_FOR_UNFUSED_KERNELS': 'nothing: a variable of a module cannot be assigned in JavaScript',
  'torch.nn.attention.flex_attention.FlexKernelOptions': 'the type of that name',
  'torch.nn.attention.varlen.':
    '`scaled_dot_product_attention` for each sequence: it needs a kernel that is CUDA’s alone',
  'torch.utils.data.DataChunk': 'an array: a list of samples that DataPipes hand on',
  'torch.utils.data.DFIterDataPipe': '`utils.data.IterableDataset`: DataPipes are no longer developed in PyTorch',
  'torch.utils.data.IterDataPipe': 'the same',
  'torch.utils.data.MapDataPipe': '`utils.data.Dataset`, as above',
  'torch.utils.data.argument_validation':
    'nothing: a decorator of DataPipes, which checks types that TypeScript checks',
  'torch.utils.data.functional_datapipe': 'nothing: as above, it registers a DataPipe as a method of all others',
  'torch.utils.data.guaranteed_datapipes_determinism': 'nothing: as above',
  'torch.utils.data.non_deterministic': 'nothing: as above',
  'torch.utils.data.runtime_validation': 'nothing: as above',
  'torch.utils.data.runtime_validation_disabled': 'nothing: as above',
  'torch.serialization.SourceChangeWarning': 'nothing: a checkpoint brings no source code',
  'torch.serialization.StorageType': 'nothing: a class of its reader’s',
  'torch.serialization.check_module_version_greater_or_equal': 'nothing: it compares versions of Python’s modules',
  'torch.serialization.mkdtemp': '`fs.mkdtempSync`',
  'torch.serialization.normalize_storage_type': 'nothing: a storage is its bytes, a uint8 tensor',
  'torch.serialization.storage_to_tensor_type': 'nothing: as above',
  'torch.serialization.validate_hpu_device': 'nothing: libtorch has no HPU here',
  'torch.utils.tensorboard.RecordWriter': '`FileWriter`, which frames the events that it adds',
  'torch.utils.benchmark.Language': 'nothing: what a `Timer` measures is a function',
  'torch.utils.benchmark.CallgrindStats': 'nothing: Valgrind counts no instructions of JavaScript',
  'torch.utils.benchmark.CopyIfCallgrind': 'nothing: as above',
  'torch.utils.benchmark.FunctionCount': 'nothing: as above',
  'torch.utils.benchmark.FunctionCounts': 'nothing: as above',
  'torch.utils.benchmark.Fuzzer': 'inputs of your own: its random ones are numpy’s',
  'torch.utils.benchmark.FuzzedParameter': 'nothing: as above',
  'torch.utils.benchmark.FuzzedTensor': 'nothing: as above',
  'torch.utils.benchmark.FuzzedSparseTensor': 'nothing: as above',
  'torch.utils.benchmark.ParameterAlias': 'nothing: as above',
  'torch.utils.benchmark.ordered_unique': '`[...new Set(elements)]`',
  'torch.jit.Attribute': 'nothing: it types attributes in Python source',
  'torch.jit.annotate': 'nothing: it types values in Python source',
  'torch.jit.enable_onednn_fusion': '`torch.jit.optimize_for_inference`, which takes oneDNN’s operators',
  'torch.jit.export': 'nothing: it marks methods in Python source; those of a loaded file have their names',
  'torch.jit.ignore': 'nothing: as `torch.jit.export`',
  'torch.jit.interface': 'nothing: as `torch.jit.export`',
  'torch.jit.isinstance': '`typeof`, `instanceof`: it serves code that Python compiles',
  'torch.jit.onednn_fusion_enabled': 'nothing: as above',
  'torch.jit.strict_fusion': 'nothing: it serves code that Python compiles',
  'torch.jit.unused': 'nothing: as `torch.jit.export`',
  'torch.export.export':
    'in Python: `torch._inductor.aoti_compile_and_package`, whose file `torch._inductor.aoti_load_package` loads',
  'torch.export.AdditionalInputs': 'nothing: it serves torch.export.export',
  'torch.export.Constraint': 'nothing: it serves torch.export.export',
  'torch.export.CustomDecompTable': 'nothing: it serves torch.export.export',
  'torch.export.Dim': 'nothing: it serves torch.export.export',
  'torch.export.ExportBackwardSignature': 'nothing: it serves torch.export.export',
  'torch.export.ExportGraphSignature': 'nothing: it serves torch.export.export',
  'torch.export.ExportedProgram': 'nothing: it serves torch.export.export',
  'torch.export.FlatArgsAdapter': 'nothing: it serves torch.export.export',
  'torch.export.ModuleCallEntry': 'nothing: it serves torch.export.export',
  'torch.export.ModuleCallSignature': 'nothing: it serves torch.export.export',
  'torch.export.ShapesCollection': 'nothing: it serves torch.export.export',
  'torch.export.UnflattenedModule': 'nothing: it serves torch.export.export',
  'torch.export.default_decompositions': 'nothing: it serves torch.export.export',
  'torch.export.dims': 'nothing: it serves torch.export.export',
  'torch.export.draft_export': 'nothing: it serves torch.export.export',
  'torch.export.register_dataclass': 'nothing: it serves torch.export.export',
  'torch.export.unflatten': 'nothing: it serves torch.export.export',
  'torch.random.': '`torch.manual_seed`, `seed`, `initial_seed`, `get_rng_state`, `set_rng_state`',
  'torch.cuda.memory.': '`torch.cuda.memory_allocated` and others',
}

/** Here every name is there or has its reason above. */
const COMPLETE = [
  'torch.nn',
  'torch.optim',
  'torch.utils.data',
  'torch.serialization',
  'torch.utils.benchmark',
  'torch.utils.tensorboard',
  'torch.jit',
  'torch.export',
]

interface Namespace {
  name: string
  all: string[]
  /** null where the namespace itself is missing. */
  missing: string[] | null
}

function walk(names: Record<string, string>): Namespace[] {
  return Object.entries(names).map(([name, list]) => {
    const all = list.split(' ')
    let owner: unknown = name === 'torch.Tensor' ? torch.Tensor.prototype : torch
    for (const key of name === 'torch.Tensor' ? [] : name.split('.').slice(1)) {
      owner = (owner as Record<string, unknown> | undefined)?.[key]
    }
    return { name, all, missing: owner === undefined ? null : all.filter((key) => !(key in (owner as object))) }
  })
}

const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')
const has = ({ all, missing }: Namespace): string =>
  missing?.length === 0 ? `all ${all.length}` : `${all.length - (missing ?? all).length} of ${all.length}`

function page(namespaces: readonly Namespace[], version: string): string {
  const there = namespaces.filter(({ missing }) => missing !== null)
  const absent = namespaces.filter(({ missing }) => missing === null)
  const lacking = (key: string) =>
    namespaces.some(({ name, missing }) =>
      missing === null ? key === `${name}.` : missing.some((last) => key === `${name}.${last}`),
    )
  return `${[
    '# What is missing',
    '',
    `Every public name of PyTorch ${version}’s documented namespaces, looked up in tstorch. Written by \`npm run missing\`;`,
    'do not edit it. What a name that is there can do, [docs/operators.md](operators.md) and the tests say.',
    '',
    '## Namespaces that are there',
    '',
    '| namespace | has | lacks |',
    '|---|---:|---|',
    ...there.map((space) => `| ${space.name} | ${has(space)} | ${code(space.missing ?? [])} |`),
    '',
    '## Namespaces that are not there',
    '',
    '| namespace | its names |',
    '|---|---|',
    ...absent.map(({ name, all }) => `| ${name} | ${code(all)} |`),
    '',
    '## What to write instead',
    '',
    ...Object.entries(INSTEAD)
      .filter(([key]) => lacking(key))
      .map(([key, instead]) => `- \`${key.endsWith('.') ? `${key}*` : key}\`: ${instead}`),
  ].join('\n')}\n`
}

const BEGIN = '<!-- Written by npm run missing: -->\n'
const END = '<!-- until here -->\n'

/** The README with its summary: how much of each namespace is there, and which namespaces are not. */
function readmeWith(readme: string, namespaces: readonly Namespace[]): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error('README.md has no place for what is missing')
  const short = (name: string) => name.replace(/^torch\.(?=.)/, '')
  const parts = namespaces.filter(({ missing }) => missing !== null && missing.length > 0)
  const whole = namespaces.filter(({ missing }) => missing?.length === 0)
  const absent = namespaces.filter(({ missing }) => missing === null).map(({ name }) => name)
  // A namespace that is missing says so for all inside it.
  const roots = absent.filter((name) => !absent.some((other) => name.startsWith(`${other}.`)))
  const summary = [
    `- In part: ${parts.map((space) => `${short(space.name)} (${has(space)})`).join(', ')}.`,
    `- In full: ${whole.map(({ name }) => short(name)).join(', ')}.`,
    `- Not at all: ${roots.map(short).join(', ')}.`,
  ]
  return `${readme.slice(0, begin + BEGIN.length)}${summary.join('\n')}\n${readme.slice(end)}`
}

const { torch_version: version, ...names } = JSON.parse(
  readFileSync(join(packageRoot, 'scripts', 'generate', 'public_names.json'), 'utf8'),
) as Record<string, string> & { torch_version: string }
const namespaces = walk(names)
const readme = join(packageRoot, 'README.md')
const files: [file: string, text: string][] = [
  [join(packageRoot, 'docs', 'missing.md'), page(namespaces, version)],
  [readme, readmeWith(readFileSync(readme, 'utf8'), namespaces)],
]
if (process.argv.includes('--check') && !torch.__version__.startsWith(version)) {
  console.log(`what is missing was written for libtorch ${version}; not compared with ${torch.__version__}`)
} else if (process.argv.includes('--check')) {
  const stale = files.filter(([file, text]) => readFileSync(file, 'utf8') !== text)
  for (const [file] of stale) console.error(`${file} is stale: run npm run missing`)
  const known = (key: string) =>
    Object.keys(INSTEAD).some((other) => key === other || (other.endsWith('.') && key.startsWith(other)))
  const silent = namespaces
    .filter(({ name }) => COMPLETE.some((whole) => name === whole || name.startsWith(`${whole}.`)))
    .filter(({ name }) => !name.startsWith('torch.nn.parallel'))
    .flatMap(({ name, all, missing }) => (missing ?? all).map((key) => `${name}.${key}`))
    .filter((key) => !known(key))
  for (const key of silent) console.error(`${key} is missing, and scripts/missing.ts has no reason for it`)
  if (stale.length > 0 || silent.length > 0) process.exit(1)
  console.log('docs/missing.md and the README name what is missing')
} else {
  for (const [file, text] of files) writeFileSync(file, text)
}
