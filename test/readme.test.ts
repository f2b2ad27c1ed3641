import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'

const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8')

test.each([
  ['README.md', 3, []],
  // `using` needs its types.
  ['docs/training_comforts.md', 2, ['--lib', 'es2022,dom,esnext.disposable']],
])(
  'the program of %s compiles strictly, with no types but the library’s, and prints what its comments say',
  (page, lines, libraries) => {
    const text = readFileSync(join(packageRoot, page), 'utf8')
    const program = /```ts\n(.*?)```/s.exec(text)?.[1] ?? ''
    const expected = [...program.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line)
    expect(expected).toHaveLength(lines)
    // Inside the package, so that its name and its types are found.
    const folder = mkdtempSync(join(packageRoot, 'dist', 'readme-'))
    try {
      writeFileSync(join(folder, 'program.mts'), program)
      const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc')
      const flags = [
        '--strict',
        '--target',
        'es2022',
        '--module',
        'nodenext',
        ...libraries,
        '--types',
        '',
        '--ignoreConfig',
      ]
      execFileSync(tsc, [...flags, join(folder, 'program.mts')], { encoding: 'utf8' })
      const output = execFileSync(process.execPath, [join(folder, 'program.mjs')], {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      expect(output.trim().split('\n')).toEqual(expected)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

test('the README’s figures are those of docs/benchmarks.md', () => {
  const cells = (line: string) => line.split('|').map((cell) => cell.trim())
  const measured = readFileSync(join(packageRoot, 'docs', 'benchmarks.md'), 'utf8')
    .split('\n')
    .map(cells)
  const rows = readme
    .split('\n')
    .map(cells)
    .filter(([, , time]) => /^[\d.]+ [mu]s$/.test(time ?? ''))
  expect(rows).toHaveLength(4)
  for (const [, step, tstorch, pytorch] of rows) {
    expect(measured.find(([, name]) => name === step)?.slice(2, 4), step).toEqual([tstorch, pytorch])
  }
})

test('the README’s links lead to files, and its commands are there', () => {
  const links = [...readme.matchAll(/\]\(([^):]+)\)/g)].map(([, link]) => link as string)
  expect(links.length).toBeGreaterThan(5)
  for (const link of links) expect(existsSync(join(packageRoot, link)), link).toBe(true)
  const { scripts } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  const commands = [...readme.matchAll(/npm run (\w+(?::\w+)?)/g)].map(([, command]) => command as string)
  expect(commands.length).toBeGreaterThan(5)
  for (const command of commands) expect(Object.keys(scripts)).toContain(command)
})
