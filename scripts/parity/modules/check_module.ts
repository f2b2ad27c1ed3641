// Runs a sample of PyTorch's module tests through tstorch's public API.

import { createHash } from 'node:crypto'
import torch, { nn, Tensor } from '../../../lib/index.js'
import {
  type Any,
  type CheckOptions,
  type Compared,
  compareResult,
  flat,
  type Numbers,
  Run,
  resolve,
  wrongError,
} from '../check.js'
import type { Tensors } from '../entry.js'
import type { ArgumentsRecord, ModuleCase, ModuleError, StateRow } from './entry.js'
import { samePrinting } from './printing.js'

/** Seeds of what draws, as in module_cases.py. */
const [CONSTRUCT, MATERIALIZE, MOVE, CALL] = [0, 1, 2, 3]

type Class<T = nn.Module> = new (...args: unknown[]) => T

function classOf<T = nn.Module>(name: string): Class<T> {
  const found = (nn as unknown as Any)[name.replace('torch.nn.', '')]
  if (typeof found !== 'function') throw new Error(`no ${name}`)
  return found as Class<T>
}

/** An object of a class, or what a function makes of a module. */
function made(run: Run, record: ArgumentsRecord & { module: string }): nn.Module {
  const args = run.arguments(record)
  const isClass = /^torch\.nn\.[A-Z]/.test(record.module)
  return isClass ? new (classOf(record.module))(...args) : (resolve(record.module)(...args) as nn.Module)
}

class ModuleRun extends Run {
  /** Whether the initial values, single precision, were drawn with other last bits than the expected numbers'. */
  otherBits = false

  /** Double precision computes with such values, too: then no more of it is right than of single precision. */
  override compare(what: string, actual: Tensor, expected: Tensor, numbers: Numbers): Compared {
    const single = this.otherBits && numbers.dtype === 'torch.float64'
    return super.compare(what, actual, expected, single ? { ...numbers, dtype: 'torch.float32' } : numbers)
  }

  protected override other(record: Any): unknown {
    if ('module' in record) return made(this, record as unknown as ArgumentsRecord & { module: string })
    if ('packed' in record) {
      const parts = (record.packed as unknown[]).map((part) => this.value(part))
      return new nn.utils.rnn.PackedSequence(...(parts as ConstructorParameters<typeof nn.utils.rnn.PackedSequence>))
    }
    if ('options' in record)
      return new (classOf(record.options as string))(...this.arguments(record as unknown as ArgumentsRecord))
    if ('function' in record) return resolve(record.function as string)
    return super.other(record)
  }
}

/** A hash of the values bit by bit. */
function digest(tensor: Tensor): string {
  const bytes = tensor.detach().contiguous().reshape(-1).view(torch.uint8).to_typed_array({ copy: true })
  return createHash('sha256')
    .update(bytes as Uint8Array)
    .digest('hex')
    .slice(0, 16)
}

const namesOf = (module: nn.Module): string[] => module.named_parameters().map(([name]) => name)
const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '))

/** How the module's state differs from Python's in names, order, dtypes, shapes or bits. */
function wrongState(run: ModuleRun, module: nn.Module, expected: readonly StateRow[]): string | null {
  const state = Object.entries(module.state_dict({ keep_vars: true })) as [string, Tensor][]
  const names = state.map(([name]) => name)
  const wanted = expected.map(([name]) => name)
  if (names.join() !== wanted.join()) return `state_dict has ${list(names)}, expected ${list(wanted)}`
  for (const [i, [name, dtype, shape, hash]] of expected.entries()) {
    const [, tensor] = state[i] as [string, Tensor]
    // A tensor without a shape yet has no values to look at.
    if (shape === undefined) continue
    if (tensor.dtype.toString() !== dtype) return `state ${name}: dtype ${tensor.dtype}, expected ${dtype}`
    if (!tensor.shape.equals(shape)) return `state ${name}: shape ${tensor.shape}, expected [${shape}]`
    const kernels = hash?.split(' ').indexOf(digest(tensor)) ?? -1
    if (kernels === -1) return `initial values of ${name} differ`
    if (kernels > 0) run.otherBits = true
  }
  return null
}

function wrongPrinting(module: nn.Module, expected: string, { args, kwargs }: ArgumentsRecord): string | null {
  const actual = String(module)
  if (samePrinting(actual, expected, [args, kwargs])) return null
  return `printed as ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`
}

function wrongVersions(module: nn.Module, expected: Readonly<Record<string, number>>): string | null {
  const { _metadata } = module.state_dict() as unknown as { _metadata: Record<string, { version: number }> }
  const actual = Object.fromEntries(Object.entries(_metadata).map(([path, { version }]) => [path, version]))
  const [found, wanted] = [actual, expected].map((versions) => JSON.stringify(Object.entries(versions).sort()))
  return found === wanted ? null : `versions of the state ${found}, expected ${wanted}`
}

/** Moves what starts with the same number everywhere, as module_cases.py does. */
function moveConstants(module: nn.Module): void {
  torch.manual_seed(MOVE)
  torch.no_grad(() => {
    for (const parameter of module.parameters()) {
      if (parameter.numel() === 0) continue
      const first = parameter.reshape(-1).index(0) as Tensor
      if (!parameter.eq(first).all().item<boolean>()) continue
      parameter.add_(torch.rand(parameter.shape, { dtype: torch.float64 }).to(parameter.dtype))
    }
  })
}

function construct(run: Run, record: ArgumentsRecord & { module: string }): nn.Module {
  torch.manual_seed(CONSTRUCT)
  return made(run, record)
}

const call = (module: nn.Module, args: readonly unknown[]): unknown =>
  (module as (...args: unknown[]) => unknown)(...args)

function clonedIn(value: unknown): unknown {
  if (value instanceof Tensor) return value.clone()
  return Array.isArray(value) ? value.map(clonedIn) : value
}

function* wrongGradients(
  run: Run,
  record: ModuleCase,
  outputs: readonly Tensor[],
  module: nn.Module,
): Iterable<string> {
  const { cotangents = [], gradients = [], inputs } = record
  const learned = module.named_parameters().filter(([, parameter]) => parameter.requires_grad)
  const names = [...inputs.map((_, i) => `input ${i}`), ...learned.map(([name]) => name)]
  const found = torch.autograd.grad(outputs, [...run.inputs, ...learned.map(([, parameter]) => parameter)], {
    grad_outputs: cotangents.map((cotangent) => run.tensor(cotangent)),
    allow_unused: true,
  })
  for (const [i, expected] of gradients.entries()) {
    const what = `gradient of ${names[i]}`
    const gradient = (found[i] ?? null) as Tensor | null
    if (expected === null || gradient === null) {
      if ((expected === null) !== (gradient === null)) yield `${what} is ${gradient}, expected ${expected}`
      continue
    }
    const { dtype, shape } = gradient
    if (dtype.toString() !== expected.dtype) yield `${what}: dtype ${dtype}, expected ${expected.dtype}`
    else if (!shape.equals(expected.shape)) yield `${what}: shape ${shape}, expected [${expected.shape}]`
    else {
      const { wrong } = run.compare(what, gradient, run.tensor(expected), expected)
      if (wrong !== null) yield `${what}: ${wrong}`
    }
  }
}

function* wrongCall(run: Run, record: ModuleCase, module: nn.Module): Iterable<string> {
  const args = run.arguments(record.forward)
  torch.manual_seed(CALL)
  const parts = flat(call(module, record.cloned ? (clonedIn(args) as unknown[]) : args))
  if (parts.length !== record.results.length) {
    yield `${parts.length} results, expected ${record.results.length}`
    return
  }
  for (const [i, expected] of record.results.entries()) {
    const { wrong } = compareResult(`result ${i}`, parts[i], expected, run)
    if (wrong !== null) yield `result ${i}: ${wrong}`
  }
  if (record.gradients !== undefined) {
    const outputs = parts.filter((part): part is Tensor => part instanceof Tensor && part.requires_grad)
    if (outputs.length !== record.cotangents?.length)
      yield `${outputs.length} results have gradients, expected ${record.cotangents?.length}`
    else yield* wrongGradients(run, record, outputs, module)
  }
  const buffers = new Map(module.named_buffers())
  for (const [name, expected] of record.buffers ?? []) {
    const buffer = buffers.get(name)
    const shaped = { ...expected, grad: false }
    const { wrong } = compareResult(`buffer ${name}`, buffer, shaped, run)
    if (wrong !== null) yield `buffer ${name} after the call: ${wrong}`
  }
}

function* wrongModule(run: ModuleRun, record: ModuleCase): Iterable<string | null> {
  const module = construct(run, record)
  yield wrongState(run, module, record.initial)
  yield wrongPrinting(module, record.printed, record)
  const names = namesOf(module)
  if (names.join() !== record.parameters.join()) yield `parameters ${list(names)}, expected ${list(record.parameters)}`
  yield wrongVersions(module, record.versions)
  module.to((torch as unknown as Any)[record.dtype] as torch.DType).train(record.training)
  if (record.materialized !== undefined) {
    torch.manual_seed(MATERIALIZE)
    torch.no_grad(() => void call(module, run.arguments(record.forward)))
    yield wrongState(run, module, record.materialized)
    yield wrongPrinting(module, record.printed_materialized as string, record)
  }
  moveConstants(module)
  yield* wrongCall(run, record, module)
}

/** All that is wrong. */
export function checkModule(record: ModuleCase, tensors: Tensors, options: CheckOptions = {}): string[] {
  const found: string[] = []
  try {
    torch.scope(() => {
      for (const wrong of wrongModule(new ModuleRun(tensors, record.inputs, options), record))
        if (wrong !== null) found.push(wrong)
    })
  } catch (error) {
    found.push(`threw ${(error as Error).message}`)
  }
  return found
}

/** Why an error sample of Python's says nothing of a module here; null where it does. */
export function beyond(record: ModuleError, wrong: string): string | null {
  const wholeFloat = /"float":\s*-?\d+(?:\.0)?[},]/.test(JSON.stringify(record))
  if (wholeFloat && wrong.includes('no error')) {
    return 'refuses a float that is whole, which JavaScript does not tell from an int'
  }
  return /argument 'bias' .* must be bool, not string/.test(wrong)
    ? 'a string as bias, which Python takes for true'
    : null
}

/** Whether the constructor or the call fails with the message that PyTorch's test expects. */
export function checkModuleError(record: ModuleError, tensors: Tensors): string | null {
  try {
    return torch.scope(() => {
      const run = new ModuleRun(tensors)
      // What should fail comes last; all before it must not.
      classOf(record.module)
      const module = record.forward === undefined ? null : construct(run, record)
      return wrongError(record, () => {
        if (module === null) construct(run, record)
        else call(module, run.arguments(record.forward as ArgumentsRecord))
      })
    })
  } catch (error) {
    return `error sample: threw ${(error as Error).message}`
  }
}
