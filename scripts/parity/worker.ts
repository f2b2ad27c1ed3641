// Checks entries, one after the other, in a process that may crash: node worker.js FOLDER ENTRY...
// One line of JSON before an entry, one after it.

import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { checkCase, checkError } from './check.js'
import { readEntries } from './entry.js'

/** The result of checking an entry. */
export interface Outcome {
  name: string
  function: string | null
  module: string
  cases: number
  errors: number
  failed: number
  /** What went wrong, each kind once. */
  failures: string[]
  skipped: string[]
}

/** Writes synchronously: buffered output would be lost in a crash. */
const report = (message: object): void => {
  writeSync(1, `${JSON.stringify(message)}\n`)
}

/** Messages that differ only in numbers are of one kind. */
function oneOfEachKind(failures: readonly string[]): string[] {
  const kinds = new Map<string, string>()
  for (const failure of failures) {
    const kind = failure.replace(/^\w+, /, '').replace(/-?\d[\d.e+-]*/g, '#')
    if (!kinds.has(kind)) kinds.set(kind, failure.slice(0, 600))
  }
  return [...kinds.values()].slice(0, 20)
}

const [folder, ...names] = process.argv.slice(2) as [string, ...string[]]
for (const name of names) {
  report({ started: name })
  const { entries, tensors } = readEntries(join(folder, name))
  for (const entry of entries) {
    const failures: string[] = []
    for (const record of entry.cases) {
      const wrong = checkCase(record, tensors)
      if (wrong !== null) failures.push(`${record.dtype}, ${record.calls[0]?.fn}: ${wrong}`)
    }
    for (const record of entry.errors) {
      const wrong = checkError(record, tensors)
      if (wrong !== null) failures.push(`${record.calls.at(-1)?.fn}: ${wrong}`)
    }
    const outcome: Outcome = {
      name: entry.name,
      function: entry.function,
      module: entry.module,
      cases: entry.cases.length,
      errors: entry.errors.length,
      failed: failures.length,
      failures: oneOfEachKind(failures),
      skipped: entry.skipped,
    }
    report({ outcome })
  }
}
