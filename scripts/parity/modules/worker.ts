// Checks entries of module_db and optim_db, one after the other, in a process that may crash:
// node worker.js FOLDER ENTRY...

import { checkEntries } from '../outcome.js'
import { checkModule, checkModuleError } from './check_module.js'
import { type ArgumentsRecord, type ModuleCase, readEntries } from './entry.js'

/** An argument in few words. */
function inWords(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inWords).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const record = value as Record<string, unknown>
  if ('shape' in record) return `tensor [${record.shape}]`
  if ('module' in record) return `${record.module}${argumentsInWords(record as unknown as ArgumentsRecord)}`
  const [only] = Object.values(record)
  return typeof only === 'object' ? inWords(only) : String(only)
}

function argumentsInWords({ args, kwargs = {} }: ArgumentsRecord): string {
  return `(${[...args.map(inWords), ...Object.entries(kwargs).map(([key, value]) => `${key}=${inWords(value)}`)].join(', ')})`
}

const describe = ({ dtype, training, ...record }: ModuleCase): string =>
  `${dtype}, ${training ? 'train' : 'eval'}, ${argumentsInWords(record)}`

checkEntries(function* (stem) {
  const { entries, tensors } = readEntries(stem)
  for (const { name, cases, errors, skipped } of entries) {
    const failures: string[] = []
    let failed = 0
    for (const record of cases) {
      const wrong = checkModule(record, tensors)
      if (wrong.length > 0) failed++
      failures.push(...wrong.map((text) => `${describe(record).slice(0, 200)}: ${text}`))
    }
    for (const record of errors) {
      const wrong = checkModuleError(record, tensors)
      if (wrong === null) continue
      failed++
      failures.push(`${argumentsInWords(record)}: ${wrong}`)
    }
    yield { name, function: null, module: name, cases: cases.length, errors: errors.length, failed, failures, skipped }
  }
})
