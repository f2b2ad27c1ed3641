// Everything that PyTorch writes in Python and that is here, with each of its parameters, by keyword and in place: what is
// seen of it is what is seen in Python (fixtures/parameters.json, made by scripts/reference/parameters.py).

import { describe, expect, test } from 'vitest'
import torch from '../lib/index.js'
import { type SignatureKey, signatureOf } from '../lib/operators/arguments.js'
import { signatures } from '../lib/operators/generated/signatures.js'
import { fixture } from './helpers.js'
import type { Json } from './parameter_seen.js'
import { fresh, watchCall, watchContext, watchModule, watchOptimizer, watchScheduler } from './parameter_watch.js'
import { made } from './parameter_world.js'

type Values = Record<string, Json>
interface Entry {
  kind: 'module' | 'call' | 'optimizer' | 'scheduler' | 'context'
  /** What a method is called on. */
  on?: Json
  /** What is done after the call, to see what it changed. */
  after?: string
  /** Whether the signs of the result are free. */
  unsigned?: boolean
  /** What a module is called with. */
  inputs?: Json[] | null
  /** Arguments after those that have names. */
  rest?: Json[]
  /** What all cases are given. */
  given: Values
  seen: Json
  cases: Record<string, Partial<Entry> & { value: Json; also?: Values; seen: Json }>
}

const { callables } = fixture<{ callables: Record<string, Entry> }>('parameters.json')

/** Callables without a case: their tests are elsewhere. */
const ELSEWHERE: [start: RegExp, where: string][] = [
  [/^(nn\.functional|masked|signal\.windows)\./, 'parity.test.ts'],
  [/^safetensors\./, 'safetensors.test.ts'],
  [/^torch\.set_default_device$/, 'default_device.test.ts'],
  [/^utils\.(data|tensorboard|benchmark)\.|^utils\.summary$/, 'test/utils'],
  [/^serialization\./, 'test/serialization'],
  [/^(jit|export|_inductor)\./, 'test/jit'],
  [/^optim\.(lr_scheduler\.(LRScheduler|SequentialLR\.|(\w+\.(step|scale_fn)$))|swa_utils\.|LBFGS\.)/, 'test/optim'],
  [/^nn\.(modules\.module|attention|utils\.(prune|parametrize|parametrizations|stateless))\.|^func\./, 'test/nn'],
  [
    /^nn\.utils\.(remove_)?(spectral|weight)_norm$|^nn\.\w+\.(forward|from_pretrained|convert_sync_batchnorm|merge_masks|generate_square_subsequent_mask)$/,
    'test/nn',
  ],
  [/^nn\.(SyncBatchNorm|LinearCrossEntropyOptions|RNNCellBase|Uninitialized\w+(\.\w+)?|Module\.to_empty)$/, 'test/nn'],
  [/^cuda\.|^(nn\.Module|Tensor)\.cuda$/, 'test/cuda'],
]

/** Callables whose first arguments have no keywords, and why. */
const IN_PLACE: Record<string, string> = {
  'torch.set_default_dtype': 'nor have they in Python',
  'utils.checkpoint.checkpoint_sequential': 'its keywords are those of its options',
}
/** Parameters without a case, and why. */
const UNSEEN: Record<string, string> = {
  'nn.FractionalMaxPool2d._random_samples': 'kept for forward, whose tests are in test/nn',
  'nn.FractionalMaxPool3d._random_samples': 'kept for forward, whose tests are in test/nn',
  'nn.LinearCrossEntropyLoss.options': 'settings of how it is computed, not of what',
  'nn.Transformer.custom_encoder': 'a module: its tests are in test/nn',
  'nn.Transformer.custom_decoder': 'a module: its tests are in test/nn',
  'nn.Module.named_modules.memo': 'the modules that are left out, in a set',
  'optim.lr_scheduler.OneCycleLR.last_epoch': 'resumed in test/optim',
  'utils.checkpoint.checkpoint.context_fn': 'a function of two context managers',
}
/** Parameters that are refused, and why. */
const forwardMode = 'there is no forward mode of automatic differentiation'
const batched = 'there is no vmap'
const REFUSED: Record<string, string> = {
  'autograd.grad.only_inputs': 'deprecated in Python',
  'autograd.grad.is_grads_batched': batched,
  'autograd.gradcheck.check_grad_dtypes': 'gradients have the dtype of their tensor',
  'autograd.gradcheck.check_batched_grad': batched,
  'autograd.gradcheck.check_batched_forward_grad': forwardMode,
  'autograd.gradcheck.check_forward_ad': forwardMode,
  'autograd.gradcheck.check_backward_ad': forwardMode,
  'autograd.gradcheck.fast_mode': 'the whole Jacobian is compared',
  'autograd.gradcheck.masked': 'sparse inputs are not checked',
  'autograd.gradgradcheck.gen_non_contig_grad_outputs': 'the gradients are given or contiguous',
  'autograd.gradgradcheck.check_grad_dtypes': 'gradients have the dtype of their tensor',
  'autograd.gradgradcheck.check_batched_grad': batched,
  'autograd.gradgradcheck.check_fwd_over_rev': forwardMode,
  'autograd.gradgradcheck.check_rev_over_rev': forwardMode,
  'autograd.gradgradcheck.fast_mode': 'the whole Jacobian is compared',
  'autograd.gradgradcheck.masked': 'sparse inputs are not checked',
  'autograd.functional.hessian.outer_jacobian_strategy': forwardMode,
  'autograd.functional.jacobian.strategy': forwardMode,
  'torch.lu.out': 'linalg.lu_factor takes one',
}

// biome-ignore lint/suspicious/noExplicitAny: the cases name what they call
type Any = any

/** What a key of the signatures stands for; undefined where it is not here. */
function find(key: string): Any {
  const path = key
    .replace(/^torch\./, '')
    .replace(/^(Tensor\.to)\..*/, '$1')
    .split('.')
  return path.reduce((owner: Any, name) => {
    if (owner === undefined) return undefined
    if (typeof owner === 'function') return owner.prototype?.[name]
    return Object.hasOwn(owner, name) ? owner[name] : undefined
  }, torch)
}

const isClass = (value: Any): boolean => typeof value === 'function' && /^class\b/.test(String(value))

/** The arguments: `values` by name in place as far as `placed` says, the others as keywords. */
function argumentsOf(key: SignatureKey, entry: Entry, values: Map<string, unknown>, placed: number): unknown[] {
  const { parameters } = signatureOf(key)
  const args: unknown[] = []
  const keywords: Record<string, unknown> = {}
  parameters.forEach(({ name, default: otherwise }, i) => {
    if (i < placed) args.push(values.has(name) ? values.get(name) : otherwise)
    else if (values.has(name)) keywords[name] = values.get(name)
  })
  args.push(...(entry.rest ?? []).map(made))
  if (Object.keys(keywords).length > 0) args.push(keywords)
  return args
}

function observe(key: SignatureKey, entry: Entry, given: Values, placed: number, expected: Json): Json {
  fresh()
  const on = entry.on === undefined ? null : (made(entry.on) as Any)
  const callable = find(key)
  const values = new Map(Object.entries(given).map(([name, value]) => [name, made(value)]))
  const args = argumentsOf(key, entry, values, placed)
  const call = () => {
    if (on !== null) return callable.apply(on, args)
    return isClass(callable) ? new callable(...args) : callable(...args)
  }
  if (entry.kind === 'optimizer') return watchOptimizer(call)
  if (entry.kind === 'scheduler') return watchScheduler(call)
  if (entry.kind === 'context') {
    return watchContext((body) =>
      key === 'autograd.detect_anomaly' ? callable(body, ...args) : callable(...args, body),
    )
  }
  if (entry.kind === 'call') return watchCall(call, on, values.get('out'), entry)
  const settings = Object.keys((expected as { settings?: object }).settings ?? {})
  return watchModule(call, entry.inputs ?? null, settings)
}

/** What is seen without a parameter, changed by what is seen else with it. */
function changed(base: Json, change: Json): Json {
  const isObject = (value: Json): value is Values =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject(base) || !isObject(change) || ('raises' in change && change.raises !== 'gone')) return change
  const all = { ...base }
  for (const [name, value] of Object.entries(change)) {
    if (value === 'gone') delete all[name]
    else all[name] = changed(base[name] ?? null, value)
  }
  return all
}

/** JavaScript has one kind of numbers: 1.0 is 1. */
const printed = (value: Json): Json =>
  typeof value === 'string'
    ? value.replaceAll(/(\d)\.0\b/g, '$1').replaceAll(/[([](\d+(?:, \d+)*),?[)\]]/g, '($1)')
    : value

/**
 * The first difference, or null. Numbers may differ by what float32 loses in short sums and six written digits: 1e-5 of
 * the greatest beside them.
 */
function difference(actual: Json, expected: Json, path = ''): string | null {
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    const numbers = expected.filter((value) => typeof value === 'number')
    const tolerance = 1e-5 * Math.max(0.1, ...numbers.map(Math.abs))
    for (const [i, value] of expected.entries()) {
      const own = actual[i] as Json
      if (typeof value === 'number' && typeof own === 'number' && Math.abs(own - value) <= tolerance) continue
      const found = difference(own, value, `${path}[${i}]`)
      if (found !== null) return found
    }
    return null
  }
  if (typeof expected === 'object' && expected !== null && typeof actual === 'object' && actual !== null) {
    if (Array.isArray(expected) !== Array.isArray(actual))
      return `${path}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const [own, value] = [(actual as Values)[name], (expected as Values)[name]]
      if (own === undefined || value === undefined)
        return `${path}.${name} is ${own === undefined ? 'missing' : 'too much'}`
      const found = difference(own, value, `${path}.${name}`)
      if (found !== null) return found
    }
    return null
  }
  if (typeof expected === 'number' && typeof actual === 'number') {
    if (Math.abs(actual - expected) <= 1e-5 * Math.max(0.1, Math.abs(expected))) return null
  }
  if (path.endsWith('repr') && printed(actual) === printed(expected)) return null
  return actual === expected ? null : `${path}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`
}

/** Calls and compares; a case that Python refuses is refused. */
function check(key: SignatureKey, entry: Entry, given: Values, placed: number, expected: Json): void {
  const run = () => observe(key, entry, given, placed, expected)
  if (typeof expected === 'object' && expected !== null && 'raises' in expected) {
    expect(run).toThrow(/^(?!.*(argument '\w+'|is not supported)).*/s)
    return
  }
  expect(difference(run(), expected)).toBeNull()
}

const here = (Object.keys(signatures) as SignatureKey[]).filter(
  (key) => find(key) !== undefined && !ELSEWHERE.some(([start]) => start.test(key)),
)
const walked = here.filter((key) => callables[key] !== undefined)

test('every callable that is here has its cases', () => {
  expect(here.filter((key) => callables[key] === undefined)).toEqual([])
  const parameters = walked.flatMap((key) => signatureOf(key).names.map((name) => `${key}.${name}`))
  const without = parameters.filter((parameter) => {
    const key = parameter.slice(0, parameter.lastIndexOf('.'))
    const { given, cases } = callables[key] as Entry
    const name = parameter.slice(key.length + 1)
    return given[name] === undefined && cases[name] === undefined
  })
  expect(without.sort()).toEqual(Object.keys(UNSEEN).sort())
  console.info(`${walked.length} callables, ${parameters.length - without.length} parameters`)
  expect(walked.length).toBeGreaterThan(160)
  expect(parameters.length).toBeGreaterThan(420)
})

describe.each(walked)('%s', (key) => {
  const entry = callables[key] as Entry
  const { parameters, inPlace, names } = signatureOf(key)
  const lastGiven = Math.max(-1, ...Object.keys(entry.given).map((name) => names.indexOf(name))) + 1

  if (IN_PLACE[key] === undefined) {
    const placed = entry.rest === undefined ? 0 : 1
    test('what is required, by keyword', () => check(key, entry, entry.given, placed, entry.seen))
  }
  if (lastGiven > 0) {
    test('what is required, in place', () => check(key, entry, entry.given, Math.min(inPlace, lastGiven), entry.seen))
  }
  for (const [name, { value, also, seen, ...own }] of Object.entries(entry.cases)) {
    const given = { ...entry.given, ...also, [name]: value }
    const place = names.indexOf(name)
    const required = parameters.filter((parameter) => parameter.required).length
    const expected = changed(entry.seen, seen)
    const refused = REFUSED[`${key}.${name}`]
    const run = (placed: number) => {
      const all = { ...entry, ...own } as Entry
      if (refused === undefined) check(key, all, given, placed, expected)
      else expect(() => observe(key, all, given, placed, expected)).toThrow(/is not supported/)
    }
    test(`${name}, by keyword`, () => run(Math.min(required, inPlace, place)))
    if (place < inPlace) test(`${name}, in place`, () => run(place + 1))
  }
})
