// What became of the entries that a process checked: lines of JSON for the process that started it.

import { writeSync } from 'node:fs'
import { join } from 'node:path'

/** The result of checking an entry. */
export interface Outcome {
  name: string
  function: string | null
  module: string
  /** Whether the entry is none of PyTorch's. */
  ours?: boolean
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

/**
 * Checks the entries that the command line names (FOLDER ENTRY...), one after the other: a line before an entry, one
 * after it. `check` gets an entry's files without their endings.
 */
export function checkEntries(check: (stem: string) => Iterable<Outcome>): void {
  const [folder, ...names] = process.argv.slice(2) as [string, ...string[]]
  for (const name of names) {
    report({ started: name })
    for (const outcome of check(join(folder, name)))
      report({ outcome: { ...outcome, failures: oneOfEachKind(outcome.failures) } })
  }
}
