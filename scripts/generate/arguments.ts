// What callables that Python writes by hand take: the table that lib/operators/arguments.ts reads by, and TypeScript's
// types of the arguments in each of their forms.

import { type PythonSignature, pythonText, writtenDefault } from './python.js'
import { documentation, inputType, RESERVED } from './signatures.js'

type Parameter = PythonSignature['parameters'][number]

export const keyOf = ({ space, name }: PythonSignature): string => `${space}.${name}`

/** The table: each callable's parameters on a line, "in_features:int, bias:bool=true"; after `*` by keyword alone. */
export function signatureTable(signatures: readonly PythonSignature[]): string {
  const rows = signatures.map((signature) => {
    const parts = signature.parameters.map(
      (parameter) =>
        `${parameter.name}:${parameter.type}${'default' in parameter ? `=${writtenDefault(parameter.default, parameter.float)}` : ''}`,
    )
    const star = signature.parameters.findIndex((parameter) => parameter.keyword_only)
    if (star !== -1) parts.splice(star, 0, '*')
    return `  '${keyOf(signature)}': '${parts.join(', ').replaceAll("'", "\\'")}',`
  })
  return (
    '/** The parameters of all that PyTorch writes in Python, as lib/operators/arguments.ts reads them. */\n' +
    `export const signatures = {\n${rows.join('\n')}\n} satisfies Record<string, string>\n`
  )
}

/** Classes that are one another's alternatives: `new nn[kind](...)`. */
const CHOSEN = /^nn\.(RNN|LSTM|GRU)(Cell)?$/

/** The tuples of arguments: some in place, the rest by keyword. */
function forms(signature: PythonSignature): string {
  const { parameters } = signature
  const isRequired = (parameter: Parameter) => !('default' in parameter)
  const place = parameters.filter((parameter) => !parameter.keyword_only)
  const required = place.filter(isRequired)
  const given = parameters.filter(isRequired).map(({ name }) => `'${name}'`)
  const keywords = `Keywords<'${keyOf(signature)}'${given.length > 0 ? `, ${given.join(' | ')}` : ''}>`
  // Those that only a keyword gives.
  const named = parameters.filter((parameter) => parameter.keyword_only && isRequired(parameter))
  const fields = (list: readonly Parameter[]) =>
    `{ ${list.map(({ name, type }) => `${name}: ${inputType(type)}`).join('; ')} }`
  const declared = ({ name, type }: Parameter) => `${RESERVED.has(name) ? `${name}_` : name}: ${inputType(type)}`
  const byName = required.map((_, count) => {
    const rest = parameters.length > required.length ? ` & ${keywords}` : ''
    const options = `options: ${fields([...required.slice(count), ...named])}${rest}`
    return `[${[...required.slice(0, count).map(declared), options].join(', ')}]`
  })
  const inPlace = place.map((parameter, i) => {
    if (i < required.length) return declared(parameter)
    return `${declared(parameter).replace(': ', '?: ')} | ${keywords} | undefined`
  })
  if (named.length > 0 && place.length === required.length) inPlace.push(`options: ${fields(named)} & ${keywords}`)
  else if (place.length < parameters.length) inPlace.push(`options?: ${keywords} | undefined`)
  // One tuple where it can say all, or where one of several classes is chosen by name: of a union of callables
  // TypeScript understands calls with one tuple each. That a second argument is missing is then seen at run time.
  if (required.length === 1 || (required.length > 1 && CHOSEN.test(keyOf(signature)))) {
    const keyword = byName.map((form) => /options: (.*)\]$/.exec(form)?.[1])
    const merged = inPlace.map((parameter, i) => {
      if (i >= required.length) return parameter
      return parameter.replace(': ', `${i > 0 ? '?' : ''}: (${keyword[i]}) | `)
    })
    return `[${merged.join(', ')}]`
  }
  return [...byName, `[${inPlace.join(', ')}]`].join(' | ')
}

/** An optimizer's groups of parameters take the settings that the optimizer itself takes. */
const ofSettings = (signature: PythonSignature, text: string): string =>
  text.replaceAll('OPTIONS', `Settings<'${keyOf(signature)}'>`)

const SETTINGS =
  '/** What an optimizer takes beside its parameters. */\n' +
  "export type Settings<K extends keyof Values> = Omit<Values[K], 'params'>\n\n"

const KEYWORDS =
  '/** Keyword arguments, but for those that must be given. */\n' +
  'export type Keywords<K extends keyof Values, Given = never> = {\n' +
  '  [N in Exclude<keyof Values[K], Given>]?: Values[K][N] | undefined\n}\n\n'

/** The file's text, less its imports: `Arguments` and `Values` by key, and the reader with these types. */
export function argumentTypes(signatures: readonly PythonSignature[], pageOf: (name: string) => string | null): string {
  const args = signatures.map((signature) => {
    const page = pageOf(keyOf(signature).replace(/^(?!torch\.)/, 'torch.'))
    const comment = documentation([pythonText(signature)], page, '  ')
    return `${comment}  '${keyOf(signature)}': ${ofSettings(signature, forms(signature))}\n`
  })
  const values = signatures.map((signature) => {
    const fields = signature.parameters.map(({ name, type }) => `${name}: ${inputType(type)}`)
    return `  '${keyOf(signature)}': { ${ofSettings(signature, fields.join('; '))} }`
  })
  return (
    KEYWORDS +
    (args.some((text) => text.includes('Settings<')) ? SETTINGS : '') +
    '/** What the callables take: arguments in place, then an object of keywords. */\n' +
    `export interface Arguments {\n${args.join('\n')}}\n\n` +
    `/** The values of their parameters. */\nexport interface Values {\n${values.join('\n')}\n}\n\n` +
    "/** The values of a callable's parameters, from what it was called with. */\n" +
    'export const read = readArguments as <K extends keyof Values>(\n' +
    '  key: K,\n  args: readonly unknown[],\n  callee?: string,\n) => Values[K]\n'
  )
}
