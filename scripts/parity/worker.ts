// Checks entries of op_db, one after the other, in a process that may crash: node worker.js FOLDER ENTRY...

import { checkCase, checkError } from './check.js'
import { readEntries } from './entry.js'
import { checkEntries } from './outcome.js'

checkEntries(function* (stem) {
  const { entries, tensors } = readEntries(stem)
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
    yield {
      name: entry.name,
      function: entry.function,
      module: entry.module,
      cases: entry.cases.length,
      errors: entry.errors.length,
      failed: failures.length,
      failures,
      skipped: entry.skipped,
    }
  }
})
