// The programs of docs/data.md: each compiles strictly and prints what its comments say.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../../lib/core/package_root.js'
import { filled, fixtureFile } from '../../helpers.js'

const page = readFileSync(join(packageRoot, 'docs', 'data.md'), 'utf8')
const programs = [...page.matchAll(/```ts\n(.*?)```/gs)].map((match, i) => {
  const [heading] =
    page
      .slice(0, match.index)
      .match(/^#+ .*$/gm)
      ?.slice(-1) ?? []
  return { name: `${heading} (${i})`, file: `program${i}.mts`, program: match[1] as string }
})

let folder: string
beforeAll(async () => {
  // Inside the package, so that its name and those of the libraries are found.
  folder = mkdtempSync(join(packageRoot, 'dist', 'data-'))
  copyFileSync(fixtureFile('measurements.parquet'), join(folder, 'measurements.parquet'))
  const lines = ['height,width,kind', '1.5,0.25,oak', '3,"0.5",elm', '4.5,0.75,ash']
  writeFileSync(join(folder, 'measurements.csv'), lines.join('\r\n'))
  for (const [name, background, width] of [
    ['red/1.png', { r: 255, g: 0, b: 0 }, 16],
    ['red/2.png', { r: 255, g: 0, b: 0, alpha: 1 }, 5],
    ['blue/1.png', { r: 0, g: 0, b: 255 }, 9],
  ] as const) {
    mkdirSync(join(folder, 'images', name, '..'), { recursive: true })
    const channels = 'alpha' in background ? 4 : 3
    await sharp({ create: { width, height: 7, channels, background } }).toFile(join(folder, 'images', name))
  }
  for (const { file, program } of programs) writeFileSync(join(folder, file), program)
  const flags = ['--strict', '--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', '--ignoreConfig']
  const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc')
  execFileSync(tsc, [...flags, '--types', 'node', ...programs.map(({ file }) => file)], { cwd: folder })
})
afterAll(() => rmSync(folder, { recursive: true }))

test.each(filled(programs))('$name', ({ file, program }) => {
  const expected = [...program.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line)
  expect(expected.length).toBeGreaterThan(0)
  const output = execFileSync(process.execPath, [file.replace('.mts', '.mjs')], { cwd: folder, encoding: 'utf8' })
  expect(output.trim().split('\n')).toEqual(expected)
})

test('there are recipes for Parquet, CSV and images', () => {
  const text = programs.map(({ program }) => program).join()
  for (const library of ['hyparquet', 'csv-parse', 'sharp']) expect(text).toContain(`from '${library}'`)
})
