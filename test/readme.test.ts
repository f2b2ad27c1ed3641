import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'

test('the README’s program compiles strictly, with no types but the library’s, and prints what its comments say', () => {
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')
  const program = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? ''
  const expected = [...program.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line)
  expect(expected).toHaveLength(3)
  // Inside the package, so that its name and its types are found.
  const folder = mkdtempSync(join(packageRoot, 'dist', 'readme-'))
  try {
    writeFileSync(join(folder, 'program.mts'), program)
    const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc')
    const flags = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--types', '', '--ignoreConfig']
    execFileSync(tsc, [...flags, join(folder, 'program.mts')], { encoding: 'utf8' })
    const output = execFileSync(process.execPath, [join(folder, 'program.mjs')], { encoding: 'utf8' })
    expect(output.trim().split('\n')).toEqual(expected)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
