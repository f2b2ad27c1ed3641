// Checks entries of module_db and optim_db, one after the other, in a process that may crash:
// node worker.js FOLDER ENTRY...

import type { Tensors } from '../entry.js'
import { checkEntries } from '../outcome.js'
import { beyond, checkModule, checkModuleError } from './check_module.js'
import { checkOptimizer, checkOptimizerError } from './check_optimizer.js'
import {
  type ArgumentsRecord,
  type Entry,
  isOptimizer,
  type ModuleCase,
  type OptimizerCase,
  readEntries,
} from './entry.js'

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

function optimizerInWords({ kind, settings, switches, reload }: OptimizerCase): string {
  const on = Object.keys(switches).find((name) => switches[name])
  const how = on ?? (Object.keys(switches).length > 0 ? 'loop' : 'default')
  return `${kind}, ${argumentsInWords({ args: [], kwargs: settings })}, ${how}${reload ? ', reloaded' : ''}`
}

/** What is wrong with each sample, and with each error sample. */
function* judged(entry: Entry, tensors: Tensors): Iterable<string[]> {
  if (isOptimizer(entry)) {
    for (const record of entry.cases)
      yield checkOptimizer(entry, record, tensors).map((text) => `${optimizerInWords(record)}: ${text}`)
    for (const record of entry.errors) {
      const wrong = checkOptimizerError(entry, record, tensors)
      yield wrong === null ? [] : [`${record.description}: ${wrong}`]
    }
    return
  }
  for (const record of entry.cases)
    yield checkModule(record, tensors).map((text) => `${describe(record).slice(0, 200)}: ${text}`)
  for (const record of entry.errors) {
    const wrong = checkModuleError(record, tensors)
    const reason = wrong === null ? null : beyond(record, wrong)
    if (reason !== null) entry.skipped.push(`error sample: ${reason}`)
    yield wrong === null || reason !== null ? [] : [`${argumentsInWords(record)}: ${wrong}`]
  }
}

checkEntries(function* (stem) {
  const { entries, tensors } = readEntries(stem)
  for (const entry of entries) {
    const wrong = [...judged(entry, tensors)]
    yield {
      name: entry.name,
      function: null,
      module: entry.name,
      ours: 'ours' in entry,
      cases: entry.cases.length,
      errors: entry.errors.length,
      failed: wrong.filter((texts) => texts.length > 0).length,
      failures: wrong.flat(),
      skipped: entry.skipped,
    }
  }
})
