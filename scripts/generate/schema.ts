// Reads libtorch's operator schemas, such as "aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False) -> Tensor".

import { native } from '../../lib/core/native.js'

export interface Parameter {
  name: string
  /** Without its alias annotation: "Tensor", "int[1]?". */
  type: string
  required: boolean
  keywordOnly: boolean
  /** Whether the operator writes to it. */
  written: boolean
}

export interface Result {
  name: string
  type: string
}

export interface Schema {
  text: string
  name: string
  overload: string
  parameters: Parameter[]
  results: Result[]
}

/** Splits at commas that stand in no bracket. */
function split(list: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < list.length; i++) {
    if ('([{'.includes(list[i] as string)) depth++
    if (')]}'.includes(list[i] as string)) depth--
    if (list[i] === ',' && depth === 0) {
      parts.push(list.slice(start, i))
      start = i + 1
    }
  }
  parts.push(list.slice(start))
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

function closing(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')' && --depth === 0) return i
  }
  throw new Error(`unbalanced parentheses in ${text}`)
}

const plainType = (type: string): string => type.replace(/\([^)]*\)/, '').replace('SymInt', 'int')

function parseParameter(text: string, keywordOnly: boolean): Parameter {
  const match = /^(.*?)\s+(\w+)(=.*)?$/.exec(text)
  if (match === null) throw new Error(`no parameter: ${text}`)
  const [, type, name, fallback] = match as unknown as [string, string, string, string | undefined]
  return { name, type: plainType(type), required: fallback === undefined, keywordOnly, written: /\([^)]*!/.test(type) }
}

function parseResult(text: string): Result {
  const [type, name = ''] = text.split(/\s+(?=\w+$)/) as [string, string?]
  return { type: plainType(type), name }
}

export function parseSchema(text: string): Schema {
  const open = text.indexOf('(')
  const close = closing(text, open)
  const [name, overload = ''] = text.slice(text.indexOf('::') + 2, open).split('.') as [string, string?]
  const parts = split(text.slice(open + 1, close))
  const star = parts.indexOf('*')
  const parameters = parts
    .map((part, i) => (part === '*' ? null : parseParameter(part, star !== -1 && i > star)))
    .filter((parameter) => parameter !== null)
  const returned = text.slice(text.indexOf('->', close) + 2).trim()
  const results = split(returned.startsWith('(') ? returned.slice(1, -1) : returned).map(parseResult)
  return { text, name, overload, parameters, results }
}

/** The schemas of an operator ("aten::add"), or null where it is not for calling. */
export function schemasOf(name: string): Schema[] | null {
  try {
    return native.signatures(native.operator(name)).map(parseSchema)
  } catch (error) {
    if ((error as Error).name === 'NotImplementedError') return null
    throw error
  }
}
