// Every public callable, walked: either an operator, whose schema native code reads, or read by Python's signature
// (lib/operators/arguments.ts), or named below with the reason why it is called in a way of its own. Those that are read
// by Python's signature answer a misspelt, a repeated, a missing and a superfluous argument, each by name.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import torch, { nn, optim } from '../lib/index.js'
import { type SignatureKey, signatureOf } from '../lib/operators/arguments.js'
import { overloads } from '../lib/operators/generated/overloads.js'
import { signatures } from '../lib/operators/generated/signatures.js'

const SPACES: Record<string, object> = {
  torch,
  nn,
  'nn.functional': nn.functional,
  'nn.init': nn.init,
  'nn.utils': nn.utils,
  'nn.attention': nn.attention,
  'nn.attention.bias': nn.attention.bias,
  'nn.attention.flex_attention': nn.attention.flex_attention,
  'nn.utils.parametrizations': nn.utils.parametrizations,
  'nn.utils.parametrize': nn.utils.parametrize,
  'nn.utils.prune': nn.utils.prune,
  'nn.utils.rnn': nn.utils.rnn,
  'nn.utils.stateless': nn.utils.stateless,
  func: torch.func,
  'nn.parameter': nn.parameter,
  'nn.modules.lazy': nn.modules.lazy,
  'nn.modules.module': nn.modules.module,
  optim,
  'optim.lr_scheduler': optim.lr_scheduler,
  'optim.swa_utils': optim.swa_utils,
  autograd: torch.autograd,
  'autograd.functional': torch.autograd.functional,
  amp: torch.amp,
  cuda: torch.cuda,
  sparse: torch.sparse,
  masked: torch.masked,
  'signal.windows': torch.signal.windows,
  fft: torch.fft,
  linalg: torch.linalg,
  special: torch.special,
  testing: torch.testing,
  utils: torch.utils,
  'utils.benchmark': torch.utils.benchmark,
  'utils.checkpoint': torch.utils.checkpoint,
  'utils.tensorboard': torch.utils.tensorboard,
  'utils.data': torch.utils.data,
  profiler: torch.profiler,
  safetensors: torch.safetensors,
  serialization: torch.serialization,
  jit: torch.jit,
  export: torch.export,
  _inductor: torch._inductor,
  '_inductor.package': torch._inductor.package,
}

type Class = { prototype: object }

const runs = mkdtempSync(join(tmpdir(), 'tstorch-signatures-'))
afterAll(() => rmSync(runs, { recursive: true, force: true }))
/** One for all calls: each makes a file. */
const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

const { lr_scheduler } = optim
const descent = () => new optim.SGD([torch.ones(1, { requires_grad: true })])

/** Classes with methods, and something to call the methods on; null where it takes a GPU. */
const CLASSES: Record<string, [Class, (() => object) | null]> = {
  Tensor: [torch.Tensor, () => torch.ones(2, 2)],
  Generator: [torch.Generator, () => new torch.Generator()],
  'nn.Module': [nn.Module, () => new nn.Linear(2, 2)],
  'nn.Sequential': [nn.Sequential, () => new nn.Sequential()],
  'nn.ModuleList': [nn.ModuleList, () => new nn.ModuleList()],
  'nn.ModuleDict': [nn.ModuleDict, () => new nn.ModuleDict()],
  'nn.ParameterList': [nn.ParameterList, () => new nn.ParameterList()],
  'nn.ParameterDict': [nn.ParameterDict, () => new nn.ParameterDict()],
  'nn.RNNBase': [nn.RNNBase, () => new nn.RNN(1, 1)],
  'nn.attention.flex_attention.BlockMask': [
    nn.attention.flex_attention.BlockMask,
    () => nn.attention.flex_attention.create_block_mask(nn.attention.flex_attention.noop_mask, 1, 1, 2, 2),
  ],
  'nn.utils.parametrize.ParametrizationList': [
    nn.utils.parametrize.ParametrizationList,
    () => new nn.utils.parametrize.ParametrizationList([new nn.Tanh()], torch.ones(1)),
  ],
  'nn.utils.prune.BasePruningMethod': [nn.utils.prune.BasePruningMethod, () => new nn.utils.prune.Identity()],
  'nn.utils.prune.PruningContainer': [nn.utils.prune.PruningContainer, () => new nn.utils.prune.PruningContainer()],
  'nn.utils.prune.Identity': [nn.utils.prune.Identity, () => new nn.utils.prune.Identity()],
  'nn.utils.prune.RandomUnstructured': [
    nn.utils.prune.RandomUnstructured,
    () => new nn.utils.prune.RandomUnstructured(1),
  ],
  'nn.utils.prune.L1Unstructured': [nn.utils.prune.L1Unstructured, () => new nn.utils.prune.L1Unstructured(1)],
  'nn.utils.prune.RandomStructured': [nn.utils.prune.RandomStructured, () => new nn.utils.prune.RandomStructured(1)],
  'nn.utils.prune.LnStructured': [nn.utils.prune.LnStructured, () => new nn.utils.prune.LnStructured(1, 2)],
  'nn.utils.prune.CustomFromMask': [
    nn.utils.prune.CustomFromMask,
    () => new nn.utils.prune.CustomFromMask(torch.ones(1)),
  ],
  'nn.utils.rnn.PackedSequence': [nn.utils.rnn.PackedSequence, () => nn.utils.rnn.pack_sequence([torch.ones(1)])],
  'optim.Optimizer': [optim.Optimizer, () => new optim.SGD([torch.ones(1, { requires_grad: true })])],
  'optim.LBFGS': [optim.LBFGS, () => new optim.LBFGS([torch.ones(1, { requires_grad: true })])],
  'optim.lr_scheduler.LRScheduler': [lr_scheduler.LRScheduler, () => new lr_scheduler.StepLR(descent(), 1)],
  'optim.lr_scheduler.ReduceLROnPlateau': [
    lr_scheduler.ReduceLROnPlateau,
    () => new lr_scheduler.ReduceLROnPlateau(descent()),
  ],
  'optim.lr_scheduler.SequentialLR': [
    lr_scheduler.SequentialLR,
    () => {
      const optimizer = descent()
      return new lr_scheduler.SequentialLR(optimizer, [new lr_scheduler.StepLR(optimizer, 1)], [])
    },
  ],
  'optim.lr_scheduler.CosineAnnealingWarmRestarts': [
    lr_scheduler.CosineAnnealingWarmRestarts,
    () => new lr_scheduler.CosineAnnealingWarmRestarts(descent(), 1),
  ],
  'optim.lr_scheduler.CyclicLR': [
    lr_scheduler.CyclicLR,
    () => new lr_scheduler.CyclicLR(descent(), 0.1, 0.2, { cycle_momentum: false }),
  ],
  'utils.data.Dataset': [torch.utils.data.Dataset, () => new torch.utils.data.Dataset()],
  'utils.data.Subset': [torch.utils.data.Subset, () => new torch.utils.data.Subset([1, 2], [0])],
  'utils.data.DistributedSampler': [
    torch.utils.data.DistributedSampler,
    () => new torch.utils.data.DistributedSampler([1, 2], 1, 0),
  ],
  'amp.GradScaler': [torch.amp.GradScaler, () => new torch.amp.GradScaler('cpu')],
  'utils.benchmark.Timer': [torch.utils.benchmark.Timer, () => new torch.utils.benchmark.Timer()],
  'utils.benchmark.TaskSpec': [torch.utils.benchmark.TaskSpec, () => new torch.utils.benchmark.TaskSpec('', '')],
  'utils.benchmark.Compare': [torch.utils.benchmark.Compare, () => new torch.utils.benchmark.Compare([])],
  'utils.benchmark.Measurement': [
    torch.utils.benchmark.Measurement,
    () => new torch.utils.benchmark.Measurement(1, [1], new torch.utils.benchmark.TaskSpec('', '')),
  ],
  'utils.tensorboard.FileWriter': [
    torch.utils.tensorboard.FileWriter,
    once(() => new torch.utils.tensorboard.FileWriter(runs)),
  ],
  'utils.tensorboard.SummaryWriter': [
    torch.utils.tensorboard.SummaryWriter,
    once(() => new torch.utils.tensorboard.SummaryWriter(runs)),
  ],
  'cuda.Stream': [torch.cuda.Stream, null],
  'cuda.Event': [torch.cuda.Event, null],
  'cuda.CUDAGraph': [torch.cuda.CUDAGraph, null],
}

/** Read by Python's signature, but not to be tried so: an object in the first place is a value there, no keywords. */
const TAKES_OBJECTS = (key: SignatureKey) => signatureOf(key).parameters[0]?.takesObject === true

const words = (text: string): string[] => text.trim().split(/\s+/)

/** What is called in a way of its own, by the reason. */
const OTHERWISE: [reason: string, names: string[]][] = [
  [
    'takes no arguments',
    words(`
      utils.data.get_worker_info nn.utils.rnn.PackedSequence.pin_memory nn.utils.rnn.PackedSequence.is_pinned nn.utils.prune.Identity nn.attention.list_flash_attention_impls nn.attention.current_flash_attention_impl
      nn.attention.restore_flash_attention_impl nn.attention.flex_attention.BlockMask.numel
      nn.attention.flex_attention.BlockMask.sparsity nn.attention.flex_attention.BlockMask.to_dense
      torch.are_deterministic_algorithms_enabled torch.clear_autocast_cache torch.get_default_device torch.get_default_dtype
      torch.get_deterministic_debug_mode torch.get_float32_matmul_precision torch.get_num_threads
      torch.get_printoptions torch.get_rng_state torch.initial_seed torch.is_autocast_cache_enabled
      torch.is_autocast_cpu_enabled torch.is_deterministic_algorithms_warn_only_enabled torch.is_grad_enabled
      torch.is_inference_mode_enabled torch.seed autograd.is_anomaly_check_nan_enabled autograd.is_anomaly_enabled
      autograd.is_grad_enabled autograd.is_inference_mode_enabled cuda.current_device cuda.device_count
      cuda.empty_cache cuda.get_rng_state_all cuda.graph_pool_handle cuda.is_available cuda.is_bf16_supported
      cuda.is_current_stream_capturing cuda.seed cuda.seed_all Tensor.ndimension Tensor.nelement Tensor.element_size
      Tensor.dispose Tensor.share Tensor.tolist Tensor.float Tensor.double Tensor.half Tensor.bfloat16 Tensor.long
      Tensor.int Tensor.short Tensor.char Tensor.byte Tensor.bool Tensor.cfloat Tensor.cdouble Tensor.toJSON
      nn.Module.share_memory
      nn.RNNBase.reset_parameters nn.RNNBase.flatten_parameters Generator.initial_seed Generator.get_state
      optim.lr_scheduler.CosineAnnealingWarmRestarts.get_lr optim.lr_scheduler.CyclicLR.get_lr
      optim.lr_scheduler.CyclicLR.state_dict optim.lr_scheduler.SequentialLR.state_dict utils.benchmark.timer
      cuda.Stream.synchronize_async cuda.Event.synchronize_async cuda.CUDAGraph.capture_end cuda.CUDAGraph.replay
      cuda.CUDAGraph.reset cuda.CUDAGraph.pool`),
  ],
  [
    'a mode: takes a function to run in it, or none for the rest of the block',
    words(`
      torch.no_grad torch.enable_grad torch.inference_mode torch.set_grad_enabled torch.printoptions torch.scope
      autograd.no_grad autograd.enable_grad autograd.inference_mode autograd.set_grad_enabled amp.autocast
      serialization.safe_globals serialization.set_default_mmap_options serialization.skip_data
      cuda.device cuda.stream profiler.record_function nn.utils.parametrize.cached
      torch.default_device cuda.device cuda.stream utils.benchmark.set_torch_threads profiler.record_function nn.utils.parametrize.cached
      nn.attention.sdpa_kernel`),
  ],
  [
    'takes any number of arguments, all alike',
    words(`
      utils.data.TensorDataset utils.data.StackDataset
      nn.utils.prune.PruningContainer nn.attention.bias.causal_upper_left nn.attention.bias.causal_lower_right
      nn.attention.flex_attention.or_masks nn.attention.flex_attention.and_masks
      nn.attention.flex_attention.BlockMask.index
      torch.broadcast_shapes torch.slice nn.Identity nn.Module.compile nn.Sequential autograd.once_differentiable
      utils.checkpoint.checkpoint utils.checkpoint.checkpoint_sequential`),
  ],
  [
    'takes one argument, which has no name in Python: C reads it',
    words(`
      torch.is_tensor nn.parameter.is_lazy nn.modules.lazy.LazyModuleMixin torch.device torch.get_autocast_dtype torch.is_autocast_enabled amp.is_autocast_available
      torch.set_default_dtype
      torch.BFloat16Tensor torch.BoolTensor torch.ByteTensor torch.CharTensor torch.DoubleTensor torch.FloatTensor
      torch.HalfTensor torch.IntTensor torch.LongTensor torch.ShortTensor`),
  ],
  [
    'a class of values, which users do not make by calling it',
    words(`
      torch.DType torch.Device torch.Layout torch.MemoryFormat torch.Size torch.Slice torch.Tensor torch.Callable
      safetensors.SafetensorError serialization.UnpicklingError autograd.Function autograd.FunctionCtx profiler.EventList profiler.FunctionEventAverage profiler.Profile
      cuda.CUDAGraph jit.ScriptModule jit.ScriptFunction jit.Error jit.Future _inductor.AOTICompiledModel`),
  ],
  [
    'the library’s own, which Python does not have',
    words(`
      utils.data.Dataset.add
      torch.keep torch.from_shared utils.progress utils.Progress testing.equality_tester cuda.graphed_step cuda.synchronize_async profiler.profile
      Tensor.to_typed_array Tensor.index_set_ cuda.Stream.equals
      nn.utils.prune.PruningContainer.at nn.Sequential.at nn.ModuleList.at nn.ParameterList.at nn.Sequential.slice nn.ModuleList.slice
      nn.ParameterList.slice nn.Sequential.add nn.ModuleList.add nn.Sequential.mul nn.ModuleDict.has nn.ParameterDict.has
      nn.ParameterDict.or nn.ParameterDict.reversed nn.utils.rnn.PackedSequence.with_data`),
  ],
  [
    'needs the source code of Python, and refuses any arguments',
    words('jit.script jit.script_if_tracing jit.trace jit.trace_module export.load export.save'),
  ],
  ['takes a function and its arguments, or what that gives', words('jit.fork jit.wait')],
  ['takes the source code', ['jit.CompilationUnit']],
  ['takes any value, or what a class takes that is given', words('torch.deepcopy nn.utils.skip_init')],
  [
    'reads by the signature of another name',
    words(`
      torch.save torch.load torch.save_async torch.load_async serialization.save_async serialization.load_async
      nn.init.uniform nn.init.normal nn.init.constant nn.init.eye nn.init.dirac nn.init.xavier_uniform
      nn.init.xavier_normal nn.init.kaiming_uniform nn.init.kaiming_normal nn.init.orthogonal nn.init.sparse
      nn.utils.clip_grad_norm
      nn.parameter.Parameter nn.parameter.Buffer nn.parameter.UninitializedParameter
      nn.parameter.UninitializedBuffer nn.modules.module.Module
      Tensor.unique nn.Module.to nn.utils.rnn.PackedSequence.to nn.utils.rnn.PackedSequence.cpu
      nn.utils.rnn.PackedSequence.cuda nn.utils.rnn.PackedSequence.float nn.utils.rnn.PackedSequence.double
      nn.utils.rnn.PackedSequence.half nn.utils.rnn.PackedSequence.bfloat16 nn.utils.rnn.PackedSequence.long
      optim.lr_scheduler.ReduceLROnPlateau.load_state_dict optim.lr_scheduler.CyclicLR.load_state_dict
      optim.lr_scheduler.SequentialLR.load_state_dict
      nn.utils.rnn.PackedSequence.int nn.utils.rnn.PackedSequence.short nn.utils.rnn.PackedSequence.char
      nn.utils.rnn.PackedSequence.byte Tensor.to Tensor.nonzero Tensor.lu Tensor.norm Tensor.split Tensor.stft Tensor.unique_consecutive`),
  ],
  [
    'an operator, perhaps under another name: read by its schema',
    words('torch.where Tensor.where nn.functional.logsigmoid masked.var_ Tensor.record_stream Tensor.index'),
  ],
  [
    'for subclasses to override',
    words(`
      utils.data.Dataset utils.data.IterableDataset utils.data.Sampler utils.data.Dataset.at utils.data.Subset.at utils.data.Subset.getitems
      nn.utils.parametrize.ParametrizationList.forward nn.utils.prune.BasePruningMethod
      nn.Module.forward nn.Module.set_extra_state nn.Module.moved nn.Module.extra_repr nn.Sequential.forward nn.RNNBase.moved nn.RNNBase.run
      nn.RNNBase.extra_repr nn.ParameterList.extra_repr nn.ParameterDict.extra_repr optim.Optimizer.checkOptions optim.Optimizer.stepGroup
      optim.Optimizer.stateOf optim.Optimizer.keepState optim.Optimizer.checkState optim.Optimizer.stateFor
      optim.lr_scheduler.SequentialLR.state_dict optim.lr_scheduler.SequentialLR.load_state_dict
      optim.LBFGS.checkOptions optim.lr_scheduler.LRScheduler.stateWithout
      optim.lr_scheduler.LRScheduler.loadFields optim.lr_scheduler.LRScheduler.settingRates`),
  ],
  [
    'JavaScript’s protocol',
    words(
      'nn.attention.flex_attention.BlockMask.toString nn.Module.toString nn.ModuleList.toString optim.Optimizer.toString Tensor.toString cuda.Stream.toString utils.benchmark.Measurement.toString utils.benchmark.Compare.toString',
    ),
  ],
  ['hands keyword arguments on to the class that it is given', ['nn.utils.prune.global_unstructured']],
  ['a mask: takes the positions', ['nn.attention.flex_attention.noop_mask']],
  ['takes a function or module, or several, and tensors for each', ['cuda.make_graphed_callables', 'cuda.graph']],
]
const REASONS = new Map(OTHERWISE.flatMap(([reason, names]) => names.map((name) => [name, reason])))

interface Callable {
  key: string
  kind: 'function' | 'class' | 'method'
  call: (...args: unknown[]) => unknown
}

const isClass = (value: unknown): boolean => /^class\b/.test(Function.prototype.toString.call(value))

/** What a class and the classes below it that are nobody's to name have, each name once. */
function membersOf({ prototype }: Class): [name: string, member: PropertyDescriptor][] {
  const named: unknown[] = [Object.prototype, ...Object.values(CLASSES).map(([{ prototype }]) => prototype)]
  const found: Record<string, PropertyDescriptor> = {}
  let layer: object | null = prototype
  do {
    Object.assign(found, { ...Object.getOwnPropertyDescriptors(layer), ...found })
    layer = Object.getPrototypeOf(layer)
  } while (layer !== null && !named.includes(layer))
  return Object.entries(found)
}

function callables(): Callable[] {
  const found: Callable[] = []
  for (const [space, owner] of Object.entries(SPACES)) {
    for (const [name, value] of Object.entries(owner)) {
      if (typeof value !== 'function' || name.startsWith('_')) continue
      const key = `${space}.${name}`
      const kind = isClass(value) ? 'class' : 'function'
      const call = kind === 'class' ? (...args: unknown[]) => Reflect.construct(value, args) : value
      found.push({ key, kind, call: call as Callable['call'] })
    }
  }
  for (const [space, [owner, make]] of Object.entries(CLASSES)) {
    for (const [name, { value }] of membersOf(owner)) {
      if (typeof value !== 'function' || name.startsWith('_') || name === 'constructor') continue
      const call = (...args: unknown[]) => value.apply(make === null ? Object.create(owner.prototype) : make(), args)
      found.push({ key: `${space}.${name}`, kind: 'method', call })
    }
  }
  return found
}

const PREFIXES: Record<string, string> = { linalg: 'linalg_', fft: 'fft_', special: 'special_' }

function isOperator(key: string): boolean {
  const [space, name] = [key.slice(0, key.lastIndexOf('.')), key.slice(key.lastIndexOf('.') + 1)]
  return Object.hasOwn(overloads, (PREFIXES[space] ?? '') + name)
}

const all = callables()
const read = all.filter(({ key }) => Object.hasOwn(signatures, key) && !REASONS.has(key))

/** The TypeError that a call throws. */
function complaint(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return (error as TypeError).message
  }
  return 'no error'
}

describe('every public callable', () => {
  test('is an operator, is read by Python’s signature, or is named with its reason', () => {
    const unknown = all.filter(({ key }) => !Object.hasOwn(signatures, key) && !isOperator(key) && !REASONS.has(key))
    expect(unknown.map(({ key }) => key)).toEqual([])
    expect(read.length).toBeGreaterThanOrEqual(300)
    expect(all.filter(({ key }) => isOperator(key)).length).toBeGreaterThanOrEqual(1300)
  })

  test('that is named with a reason is there', () => {
    const keys = new Set(all.map(({ key }) => key))
    expect([...REASONS.keys()].filter((name) => !keys.has(name))).toEqual([])
  })
})

const withParameters = read.filter(({ key }) => signatureOf(key as SignatureKey).parameters.length > 0)

describe.each(withParameters)('$key', ({ key, call }) => {
  const signature = signatureOf(key as SignatureKey)
  const { parameters, inPlace } = signature
  const callee = key.slice(key.lastIndexOf('.') + 1)
  const [first] = signature.names as [string]

  test('names its misspelt, repeated, missing and superfluous arguments', () => {
    for (const { name } of parameters) {
      if (TAKES_OBJECTS(key as SignatureKey)) break
      const wrong = `${name}x`
      expect(complaint(() => call({ [wrong]: null }))).toContain(
        `${callee}() got an unexpected keyword argument '${wrong}' (did you mean '`,
      )
    }
    for (let i = 0; i < inPlace; i++) {
      const { name } = parameters[i] as { name: string }
      // Arguments before the repeated one are left open.
      const args = [...new Array(i).fill(undefined), 0, { [name]: 0 }]
      if (parameters[i + 1]?.takesObject) continue
      const expected = i === 0 ? [`${callee}() got multiple values for argument '${first}'`] : [`'${name}'`]
      for (const part of expected) expect(complaint(() => call(...args))).toContain(part)
    }
    const required = parameters.filter((parameter) => parameter.required)
    if (required.length > 0) {
      const message = complaint(() => call())
      expect(message).toContain(
        `${callee}() missing ${required.length === 1 ? '' : `${required.length} `}required argument`,
      )
      for (const { name } of required) expect(message).toContain(`'${name}'`)
    }
    const many = new Array(inPlace + 1).fill(0)
    expect(complaint(() => call(...many))).toContain(
      `${callee}() takes ${inPlace} argument${inPlace === 1 ? '' : 's'} in place but ${inPlace + 1} were given`,
    )
  })
})

test('the walk is long', () => {
  const parameters = withParameters.reduce(
    (sum, { key }) => sum + signatureOf(key as SignatureKey).parameters.length,
    0,
  )
  expect(withParameters.length).toBeGreaterThanOrEqual(230)
  expect(parameters).toBeGreaterThanOrEqual(900)
})
