// Every method and property of Tensor, used in a state in which it should not be:  node dist/test/tensor/bad_states.js STATE
// Prints a line of JSON before each use and one after it: a crash is then known by its last line.

import { writeSync } from 'node:fs'
import { native } from '../../lib/core/native.js'
import torch, { Tensor } from '../../lib/index.js'
import { parseSchema, type Schema } from '../../scripts/generate/schema.js'
import { secondCopy } from '../second_copy.js'

type Fn = (...args: unknown[]) => unknown

/** One way to use a member: a getter `x`, a setter `x=`, or a method with the n-th of its forms of arguments, `x(n)`. */
interface Use {
  name: string
  run(self: unknown, tensor: () => unknown): unknown
  /** Whether other tensors than the receiver go in. */
  takesTensors: boolean
}

export interface Outcome {
  name: string
  /** The error's name and message; null where the use worked. */
  error: string | null
  /** Whether what was thrown is an Error. */
  isError: boolean
}

type MakeArguments = (tensor: () => unknown) => unknown[]

/** Methods that are no operator, or take other arguments than their operator. */
const WRITTEN: Record<string, MakeArguments[]> = {
  size: [() => [], () => [0]],
  stride: [() => [], () => [0]],
  requires_grad_: [() => [], () => [false]],
  register_hook: [() => [() => undefined]],
  register_post_accumulate_grad_hook: [() => [() => undefined]],
  to: [() => [torch.float64], () => ['cpu'], (tensor) => [tensor()], () => [{ dtype: torch.float64 }]],
  cuda: [() => []],
  record_stream: [() => [null]],
  type: [() => [], () => [torch.float64]],
  unique: [() => []],
  unique_consecutive: [() => []],
  lu: [() => []],
  norm: [() => [], () => [2, 0]],
  split: [() => [1], () => [[1, 1], 0]],
  stft: [() => [2, { return_complex: true }]],
  nonzero: [() => [], () => [{ as_tuple: true }]],
  where: [(tensor) => [tensor(), tensor()]],
  polygamma: [() => [1]],
  apply_: [() => [(value: unknown) => value]],
  map_: [(tensor) => [tensor(), (value: unknown) => value]],
  backward: [() => [], (tensor) => [tensor()], (tensor) => [{ gradient: tensor() }]],
  index: [() => [0], () => ['0, :'], (tensor) => [tensor()]],
  index_set_: [(tensor) => [[0], tensor()], (tensor) => [[tensor()], 1]],
  new_tensor: [() => [[1, 2]]],
  item: [() => []],
}
const SETTERS: Record<string, MakeArguments> = {
  requires_grad: () => [true],
  grad: (tensor) => [tensor()],
  data: (tensor) => [tensor()],
}

/** An argument that a parameter takes. */
function argument(type: string, tensor: () => unknown): unknown {
  const plain = type.replace(/\?$/, '')
  const list = /^(.*)\[\d*\]$/.exec(plain)
  if (list !== null) return [argument(list[1] as string, tensor), argument(list[1] as string, tensor)]
  const values: Record<string, unknown> = {
    int: 1,
    float: 0.5,
    bool: false,
    str: 'mean',
    number: 1,
    Scalar: 1,
    ScalarType: torch.float32,
    Layout: torch.strided,
    Device: 'cpu',
    MemoryFormat: torch.contiguous_format,
  }
  return plain === 'Tensor' ? tensor() : (values[plain] ?? null)
}

/** Arguments for an overload, those alone that must be given; the receiver is left out. */
function argumentsFor({ parameters }: Schema): MakeArguments {
  const wanted = parameters.slice(1).filter(({ required }) => required)
  return (tensor) => {
    const inPlace = wanted.filter(({ keywordOnly }) => !keywordOnly).map(({ type }) => argument(type, tensor))
    const byName = wanted.filter(({ keywordOnly }) => keywordOnly)
    if (byName.length === 0) return inPlace
    return [...inPlace, Object.fromEntries(byName.map(({ name, type }) => [name, argument(type, tensor)]))]
  }
}

function argumentLists(name: string | symbol): MakeArguments[] {
  if (typeof name === 'symbol') return [() => ['default']]
  if (Object.hasOwn(WRITTEN, name)) return WRITTEN[name] as MakeArguments[]
  const operator = native.operator(`aten::${name}`)
  if (operator === -1) return [() => []]
  const schemas = native.signatures(operator).map(parseSchema)
  const forms = schemas.filter(
    ({ overload, parameters }) =>
      parameters[0]?.name === 'self' && !/Dimname|Stream/.test(overload + parameters[0].type),
  )
  return forms.map(argumentsFor)
}

/** What a use makes of its receiver may be lazy. */
const exhaust = (result: unknown): unknown =>
  typeof result === 'object' && result !== null && 'next' in result
    ? [...(result as unknown as Iterable<unknown>)]
    : result

/** Every member of Tensor.prototype, each in every form. */
function uses(): Use[] {
  const found: Use[] = []
  const add = (name: string, make: MakeArguments, run: (self: unknown, args: unknown[]) => unknown) => {
    let tensors = 0
    make(() => void tensors++)
    found.push({ name, takesTensors: tensors > 0, run: (self, tensor) => exhaust(run(self, make(tensor))) })
  }
  for (const key of Reflect.ownKeys(Tensor.prototype)) {
    if (key === 'constructor') continue
    const { get, set, value } = Object.getOwnPropertyDescriptor(Tensor.prototype, key) as PropertyDescriptor
    const name = String(key)
    if (get !== undefined)
      add(
        name,
        () => [],
        (self) => get.call(self),
      )
    if (set !== undefined) add(`${name}=`, SETTERS[name] as MakeArguments, (self, [value]) => set.call(self, value))
    if (value !== undefined) {
      argumentLists(key).forEach((make, form) => {
        add(`${name}(${form})`, make, (self, args) => Reflect.apply(value as Fn, self, args))
      })
    }
  }
  return found
}

const make = () =>
  torch.tensor([
    [1, 2],
    [3, 4],
  ])
const disposed = () => {
  const tensor = make()
  tensor.dispose()
  return tensor
}

/** Differentiates what came out, as far as it goes. */
function differentiate(result: unknown): void {
  if (Array.isArray(result)) for (const part of result) differentiate(part)
  if (torch.is_tensor(result) && result.requires_grad && result.is_floating_point()) result.sum().backward()
}

const foreign = (await secondCopy()).ones(2, 2)

/** The receiver is in the state, or the tensors among the arguments are. */
const STATES: Record<string, (use: Use) => void> = {
  'disposed of': (use) => use.run(disposed(), make),

  'freed by its scope': (use) => {
    let lost: Tensor | undefined
    torch.scope(() => {
      lost = make()
    })
    use.run(lost, make)
  },

  'disposed of in a hook': (use) => {
    const x = make().requires_grad_()
    let thrown: unknown
    x.register_hook((grad) => {
      grad.dispose()
      try {
        use.run(grad, make)
      } catch (error) {
        thrown = error
        throw error
      }
    })
    try {
      x.sum().backward()
    } catch (error) {
      if (error !== thrown) throw new Error(`backward gave another error than the hook's: ${error}`)
      throw error
    }
  },

  "another copy's": (use) => use.run(foreign, make),

  'an inference tensor': (use) => {
    const tensor = torch.inference_mode(make)
    differentiate(use.run(tensor, () => make().requires_grad_()))
  },

  'given what was disposed of': (use) => use.run(make(), disposed),

  "given another copy's": (use) => use.run(make(), () => foreign),

  'given an inference tensor': (use) => {
    const leaf = make().requires_grad_()
    differentiate(use.run(leaf.mul(1), () => torch.inference_mode(make)))
  },
}

const state = process.argv[2] ?? ''
const run = STATES[state] as (typeof STATES)[string]
for (const use of uses()) {
  if (state.startsWith('given') && !use.takesTensors) continue
  writeSync(1, `${JSON.stringify({ started: use.name })}\n`)
  const outcome: Outcome = { name: use.name, error: null, isError: true }
  try {
    run(use)
  } catch (error) {
    outcome.isError = error instanceof Error
    outcome.error = String(error)
  }
  writeSync(1, `${JSON.stringify(outcome)}\n`)
}
