// TypeScript's call signatures of an operator's schema.

import type { Parameter, Schema } from './schema.js'

export const RESERVED = new Set(
  (
    'break case catch class const continue debugger default delete do else enum export extends false finally for ' +
    'function if import in instanceof new null return super switch this throw true try typeof var void while with ' +
    'yield let static await async of from as eval arguments'
  ).split(' '),
)

const TYPES: Record<string, string> = {
  Tensor: 'Tensor',
  TensorOrScalar: 'Tensor | Scalar',
  int: 'number',
  float: 'number',
  bool: 'boolean',
  str: 'string',
  Scalar: 'Scalar',
  number: 'Scalar',
  ScalarType: 'DType',
  Layout: 'Layout',
  Device: 'DeviceLike',
  MemoryFormat: 'MemoryFormat',
  Generator: 'Generator',
  true: 'true',
  Reduction: 'Reduction',
  Numbers: 'Tensor | ArrayLike<number>',
  Figure: 'Uint8Array',
  Sizes: 'readonly number[] | readonly (readonly number[])[]',
  Inputs: 'Tensor | readonly unknown[] | Readonly<Record<string, unknown>>',
  DTypes: 'readonly DType[]',
  Columns:
    "readonly ('input_size' | 'output_size' | 'num_params' | 'params_percent' | 'kernel_size' | 'mult_adds' | 'trainable')[]",
  RowSettings: "readonly ('ascii_only' | 'depth' | 'var_names' | 'hide_recursive_layers')[]",
  Statement: '(() => unknown)',
  Clock: '(() => number)',
  TimeCallback: '((number: number, seconds: number) => void)',
  TaskSpec: 'TaskSpec',
  Measurement: 'Measurement',
  Entries: 'Readonly<Record<string, unknown>>',
  NormOrder: "number | 'fro' | 'nuc'",
  TensorOrNumber: 'Tensor | number',
  OptionalSizes: 'number | null | readonly (number | null)[]',
  Lengths: 'Tensor | readonly number[]',
  unknown: 'unknown',
  Distance: '((x: Tensor, y: Tensor) => Tensor)',
  Activation: '((input: Tensor) => Tensor)',
  LinearCrossEntropyOptions: 'LinearCrossEntropyOptions',
  NestedArray: 'unknown',
  Seed: 'number | bigint',
  ElementFunction: '((...elements: any[]) => number | bigint | boolean | Complex)',
  Message: 'string | ((message: string) => string)',
  Hook: 'Hook',
  LeafHook: '((leaf: Tensor) => void)',
  TensorFunction: '((...inputs: any[]) => any)',
  Gradients: 'Tensor | readonly (Tensor | null)[]',
  Parameters: 'Tensor | Iterable<Tensor>',
  Stream: 'Stream',
  Event: 'Event',
  CUDAGraph: 'CUDAGraph',
  Pool: 'MemoryPool',
  Module: 'Module',
  Modules: 'Iterable<Module>',
  NamedModules: 'Readonly<Record<string, Module>>',
  NamedValues: 'Readonly<Record<string, unknown>>',
  ModuleSet: 'Set<Module>',
  ModuleFunction: '((module: Module) => void)',
  Parameter: 'Parameter',
  Values: 'Iterable<Tensor>',
  StateDict: 'Readonly<Record<string, Tensor>>',
  StateDicts: 'Readonly<Record<string, Tensor>> | readonly Readonly<Record<string, Tensor>>[]',
  Kwargs: 'object',
  PruningMethod: 'BasePruningMethod',
  Metadata: 'Readonly<Record<string, string>>',
  Bytes: 'ArrayBuffer | ArrayBufferView',
  Path: 'string | { readonly href: string }',
  MapLocation: 'MapLocation',
  Savable: 'unknown',
  Tagger: 'Tagger',
  Deserializer: 'Deserializer',
  SafeGlobal: 'SafeGlobal',
  FusionStrategy: "readonly (readonly ['STATIC' | 'DYNAMIC', number])[]",
  ExtraFiles: 'Record<string, string | Uint8Array>',
  ForwardHook: 'ForwardHook',
  ForwardPreHook: 'ForwardPreHook',
  BackwardHook: 'BackwardHook',
  BackwardPreHook: 'BackwardPreHook',
  StateDictHook: 'StateDictHook',
  StateDictPreHook: 'StateDictPreHook',
  LoadPreHook: 'LoadPreHook',
  LoadPostHook: 'LoadPostHook',
  RegistrationHook: 'RegistrationHook',
  PackedSequence: 'PackedSequence',
  NumberOrNone: 'number | null',
  Params: 'Params<OPTIONS>',
  Settings: 'object',
  ParamGroup: 'object',
  Closure: '(() => unknown)',
  OptimizerState: 'OptimizerStateDict',
  Optimizer: 'Optimizer<any>',
  LRScheduler: 'LRScheduler',
  Ints: 'Iterable<number>',
  Rates: 'number | Tensor | readonly (number | Tensor)[]',
  Lambda: '((x: number) => number)',
  Lambdas: '((epoch: number) => number) | readonly ((epoch: number) => number)[]',
  AverageFunction: 'AverageFunction',
  MultiAverageFunction: 'MultiAverageFunction',
  Dataset: 'AnyDataset',
  Datasets: 'Iterable<AnyDataset>',
  Sized: 'Sized',
  Indices: 'Iterable<any>',
  Positions: 'ArrayLike<any>',
  Weights: 'Tensor | ArrayLike<number>',
  Collate: '((samples: any) => any)',
  WorkerInit: '((worker_id: number) => void)',
  Samples: 'readonly unknown[]',
  Value: 'unknown',
  Loader: 'Iterable<unknown> | AsyncIterable<unknown>',
}

/** TypeScript's type of what a parameter takes; a union's members are apart by |, None is a ? at the end. */
export function inputType(type: string): string {
  if (type.endsWith('?')) return `${inputType(type.slice(0, -1))} | null`
  if (type.includes('|')) return type.split('|').map(inputType).join(' | ')
  if (type.startsWith("'")) return type
  const tuple = /^(\w+)\((\d)\)$/.exec(type)
  // Their number is checked when they are read: an array whose length TypeScript does not know is one too.
  if (tuple !== null) return `readonly (${inputType(tuple[1] as string)})[]`
  const outputs = /^Outputs(\d)$/.exec(type)
  if (outputs !== null) return `readonly [${new Array(Number(outputs[1])).fill('Tensor').join(', ')}]`
  const list = /^(.*)\[(\d*)\]$/.exec(type)
  if (list === null) return TYPES[type] ?? 'unknown'
  const element = inputType(list[1] as string)
  const array = `readonly ${element.includes('|') ? `(${element})` : element}[]`
  return list[2] === '' ? array : `${element} | ${array}`
}

/** What stands before a declaration: the schemas, and PyTorch's page. */
export function documentation(lines: readonly string[], page: string | null, indent: string): string {
  const rows = [...lines.map((line) => `\`${line.replaceAll('*/', '* /')}\``), ...(page === null ? [] : [page])]
  if (rows.length === 1) return `${indent}/** ${rows[0]} */\n`
  return `${indent}/**\n${rows.map((row) => `${indent} * ${row}\n`).join(`${indent} *\n`)}${indent} */\n`
}

function outputType(schema: Schema, self: string): string {
  const plain = (type: string): string => {
    if (type === 'Tensor[]') return 'Tensors'
    if (type.endsWith('[]')) return `${plain(type.slice(0, -2))}[]`
    if (type.endsWith('?')) return `${plain(type.slice(0, -1))} | null`
    return TYPES[type] ?? 'unknown'
  }
  const { results } = schema
  if (results.length === 0) return 'void'
  const inPlace = ['self', 'input'].includes(schema.parameters[0]?.name ?? '') && schema.parameters[0].written
  if (results.length === 1) return inPlace ? self : plain((results[0] as { type: string }).type)
  const tuple = `[${results.map(({ type, name }) => (name === '' ? plain(type) : `${name}: ${plain(type)}`)).join(', ')}]`
  if (results.some(({ name }) => name === '')) return tuple
  const fields = results.map(({ name, type }) => `readonly ${name}: ${plain(type)}`)
  return `Named<${tuple}, { ${fields.join('; ')} }>`
}

const identifier = (name: string) => (RESERVED.has(name) ? `${name}_` : name)

/** Signatures of one overload: all parameters in their places; and those after the first `prefix` ones by name. */
export function callSignatures(schema: Schema, receiver: number, self: string, numbers: 0 | 1 | 2): string[] {
  const parameters = schema.parameters.slice(receiver)
  const positional = parameters.filter((parameter) => !parameter.keywordOnly)
  const keywords = parameters.filter((parameter) => parameter.keywordOnly)
  const result = outputType(schema, self)
  const optionsOf = (named: readonly Parameter[]): string => {
    if (named.length === 0) return ''
    const optional = named.every((parameter) => !parameter.required)
    const fields = named.map(({ name, type, required }) => {
      // A generator that may be undefined is none; libtorch has overloads with and without it.
      const optional = !required || type === 'Generator?'
      return `${name}${optional ? '?' : ''}: ${inputType(type)}${optional ? ' | undefined' : ''}`
    })
    return `options${optional ? '?' : ''}: { ${fields.join('; ')} }`
  }
  const join_ = (parts: readonly string[]) => parts.filter((part) => part !== '').join(', ')
  const inPlaces = positional.map(
    ({ name, type, required }) =>
      `${identifier(name)}${required ? '' : '?'}: ${inputType(type)}${required ? '' : ' | undefined'}`,
  )
  const keywordsRequired = keywords.some((parameter) => parameter.required)
  const signatures = new Set<string>()
  // A required options object cannot follow an optional parameter.
  if (!(keywordsRequired && positional.some((parameter) => !parameter.required))) {
    signatures.add(`(${join_([...inPlaces, optionsOf(keywords)])}): ${result}`)
  }
  if (numbers > 0 && positional.length > 0) {
    const separate = `...${identifier((positional[0] as Parameter).name)}: ${keywords.length > 0 ? `[...number[], ${optionsOf(keywords).replace(/^options\??: /, '')}] | number[]` : 'number[]'}`
    if (
      positional.filter(({ name }) => name !== 'implicit').length === 1 &&
      /^int\[/.test((positional[0] as Parameter).type)
    ) {
      signatures.add(`(${separate}): ${result}`)
    }
  }
  const requiredCount = positional.filter((parameter) => parameter.required).length
  const longer = Array.from({ length: positional.length - requiredCount }, (_, i) => requiredCount + i)
  for (const prefix of new Set([receiver === 1 ? 0 : Math.min(1, requiredCount), ...longer, requiredCount])) {
    const named = [...positional.slice(prefix), ...keywords]
    if (named.length > keywords.length || (prefix === positional.length && named.length > 0)) {
      const before = inPlaces.slice(0, prefix).map((parameter) => parameter.replace('?:', ':'))
      signatures.add(`(${join_([...before, optionsOf(named)])}): ${result}`)
    }
  }
  return [...signatures]
}

/**
 * Signatures with one result as a single one over all their arguments. TypeScript knows its result without looking at
 * the arguments, which a loop needs that replaces a state: `h = torch.matmul(x, h)`.
 */
export function oneSignature(signatures: readonly string[]): string | null {
  const parts = signatures.map(
    (signature) => /^\((.*)\): (.*)$/s.exec(signature) as unknown as [string, string, string],
  )
  const [first] = parts
  if (parts.length < 2 || first === undefined || parts.some(([, , result]) => result !== first[2])) return null
  const lists = parts.map(([, parameters]) =>
    parameters.startsWith('...') ? parameters.replace(/^\.\.\.\w+: /, '') : `[${parameters}]`,
  )
  return `(...args: ${lists.join(' | ')}): ${first[2]}`
}
