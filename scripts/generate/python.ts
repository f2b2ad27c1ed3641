// The functions that PyTorch writes in Python: their types and documentation.

import { pythonRepr } from '../../lib/core/python_repr.js'
import type { Parameter, Schema } from './schema.js'
import { callSignatures, documentation, oneSignature } from './signatures.js'

export interface PythonSignature {
  space: string
  name: string
  kind: 'function' | 'class' | 'method'
  result: string
  parameters: {
    name: string
    type: string
    default?: unknown
    /** Whether the default is a float that is whole, as JSON does not say. */
    float?: boolean
    keyword_only?: boolean
  }[]
  /** Whether it takes any number of arguments besides. */
  variadic?: boolean
}

function pythonSchema({ name, result, parameters }: PythonSignature): Schema {
  const tensors = /^(\d) Tensors$/.exec(result)
  const results =
    tensors === null
      ? [{ name: '', type: result }]
      : Array.from({ length: Number(tensors[1]) }, () => ({ name: '', type: 'Tensor' }))
  const own: Parameter[] = parameters
    .filter((parameter) => !parameter.name.startsWith('_'))
    .map((parameter) => ({
      name: parameter.name,
      type: parameter.type,
      required: !('default' in parameter),
      keywordOnly: parameter.keyword_only ?? false,
      written: false,
    }))
  return { text: '', name, overload: '', parameters: own, results }
}

/** A default as it is written in TypeScript. */
export const writtenDefault = (value: unknown, float = false): string =>
  value === 'inf' ? 'Infinity' : `${JSON.stringify(value)}${float ? '.0' : ''}`

const shownDefault = (value: unknown, float = false) =>
  typeof value === 'string' ? `'${value}'` : `${pythonRepr(value)}${float ? '.0' : ''}`

/** `def` of a function, as Python's help shows it. */
export function pythonText({ space, name, parameters }: PythonSignature): string {
  const qualified = space === 'torch' ? `torch.${name}` : `torch.${space}.${name}`
  const shown = parameters.filter((parameter) => !parameter.name.startsWith('_'))
  const star = shown.findIndex((parameter) => parameter.keyword_only)
  const parts = shown.map((parameter) =>
    'default' in parameter ? `${parameter.name}=${shownDefault(parameter.default, parameter.float)}` : parameter.name,
  )
  if (star !== -1) parts.splice(star, 0, '*')
  return `${qualified}(${parts.join(', ')})`
}

function together(signatures: readonly string[]): readonly string[] {
  const one = oneSignature(signatures)
  return one === null ? signatures : [one]
}

/** With return_indices the indices come too. */
function pythonType(signature: PythonSignature): string {
  const schema = pythonSchema(signature)
  const flag = schema.parameters.findIndex(({ name }) => name === 'return_indices')
  if (flag === -1 || schema.results.length > 1) return together(callSignatures(schema, 0, 'Tensor', 0)).join('\n  ')
  const both = {
    ...schema,
    results: [
      { name: '', type: 'Tensor' },
      { name: '', type: 'Tensor' },
    ],
  }
  both.parameters = schema.parameters.map((parameter, i) =>
    i === flag ? { ...parameter, type: 'true', required: true, keywordOnly: true } : parameter,
  )
  const without = { ...schema, parameters: schema.parameters.filter((_, i) => i !== flag) }
  return [...callSignatures(without, 0, 'Tensor', 0), ...callSignatures(both, 0, 'Tensor', 0)].join('\n  ')
}

/** Of torch's functions those that are methods too, with what the methods do not take. */
const METHODS: Record<string, readonly string[]> = { norm: ['out'], stft: [] }

/** The signatures of a method: its function's, without the tensor; what follows a parameter left out is named. */
function methodType({ parameters, ...signature }: PythonSignature, leftOut: readonly string[]): string {
  const first = parameters.findIndex(({ name }) => leftOut.includes(name))
  const own = parameters
    .map((parameter, i) => (first !== -1 && i > first ? { ...parameter, keyword_only: true } : parameter))
    .filter(({ name }) => !leftOut.includes(name))
  return together(callSignatures(pythonSchema({ ...signature, parameters: own }), 1, 'Tensor', 0))
    .map((call) => `  ${signature.name}${call}`)
    .join('\n')
}

/** The file's text, less its first lines; `pageOf` gives PyTorch's page about a public name. */
export function pythonFunctions(
  pythonSignatures: readonly PythonSignature[],
  pageOf: (name: string) => string | null,
): string {
  const spaceName = (space: string) => space.replace(/\W/g, '_')
  const types = pythonSignatures.map((signature) => {
    const { space, name } = signature
    const page = pageOf(space === 'torch' ? `torch.${name}` : `torch.${space}.${name}`)
    const comment = documentation([pythonText(signature)], page, '')
    return `${comment}export interface ${spaceName(space)}_${name} {\n  ${pythonType(signature)}\n}\n`
  })
  const methods = pythonSignatures
    .filter(({ space, name }) => space === 'torch' && name in METHODS)
    .map(
      (signature) =>
        `  /** torch.${signature.name} of this tensor. */\n${methodType(signature, METHODS[signature.name] as string[])}`,
    )
  return (
    `${types.join('\n')}\n/** Functions among these that are methods too. */\n` +
    `export interface PythonMethods {\n${methods.join('\n')}\n}\n`
  )
}
