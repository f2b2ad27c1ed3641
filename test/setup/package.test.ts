// What the package is for those who install it: its files, its types, its doors.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'

const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
const doors = Object.entries(manifest.exports as Record<string, { types: string; default: string } | string>)

describe('the tarball', () => {
  let files: string[] = []
  beforeAll(() => {
    const cache = mkdtempSync(join(tmpdir(), 'tstorch-'))
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--cache', cache]
    const [packed] = JSON.parse(execFileSync('npm', args, { cwd: packageRoot, encoding: 'utf8' }))
    files = packed.files.map(({ path }: { path: string }) => path)
    rmSync(cache, { recursive: true })
  })

  test('holds the library, the commands and what they build, and nothing else', () => {
    const wanted =
      /^(LICENSE|README\.md|package\.json|CMakeLists\.txt|native\/.+|dist\/(lib|scripts\/setup)\/.+|dist\/scripts\/cli\..+)$/
    expect(files.filter((file) => !wanted.test(file))).toEqual([])
    expect(files.filter((file) => /\.(map|ts)$/.test(file) && !file.endsWith('.d.ts'))).toEqual([])
  })

  test('holds all that is named, imported or compiled', () => {
    const named = doors.flatMap(([, door]) => (typeof door === 'string' ? [door] : [door.types, door.default]))
    const types = Object.values(manifest.typesVersions['*'] as Record<string, string[]>).flat()
    for (const file of [...named, ...types, manifest.main, manifest.types, manifest.bin.tstorch])
      expect(files).toContain(file.replace(/^\.\//, ''))
    const native = readdirSync(join(packageRoot, 'native'), { recursive: true, encoding: 'utf8' })
    for (const file of native.filter((name) => /\.(cc|h)$/.test(name))) expect(files).toContain(join('native', file))
    for (const file of files.filter((name) => name.endsWith('.js'))) {
      const text = readFileSync(join(packageRoot, file), 'utf8')
      for (const [, path] of text.matchAll(/(?:\bfrom |\bimport |\bimport\()'(\.[^']+)'/g))
        expect(files).toContain(join(file, '..', path as string))
    }
  })

  test('is packed, and installed by its users, without a compiler', () => {
    const scripts = ['prepare', 'prepack', 'postpack', 'preinstall', 'install', 'postinstall', 'prepublishOnly']
    expect(scripts.flatMap((name) => manifest.scripts[name] ?? [])).toEqual([
      'tsc',
      'tsc && node dist/scripts/bundle.js',
      'rm -f dist/.tsbuildinfo && tsc',
    ])
  })
})

describe('the types', () => {
  test('of every door are found without exports too, as TypeScript does by node10', () => {
    const inner = doors.filter(([name, door]) => name !== '.' && typeof door !== 'string')
    const byName = inner.map(([name, door]) => [name.slice(2), [(door as { types: string }).types]])
    expect(manifest.typesVersions['*']).toEqual(Object.fromEntries(byName))
  })

  test('name no export by a string, which TypeScript reads from 5.6 on', () => {
    const folder = join(packageRoot, 'dist', 'lib')
    const declarations = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.d.ts'),
    )
    expect(declarations.length).toBeGreaterThan(100)
    const strings = declarations.filter((name) =>
      /^export \{[^}]* as ['"]/m.test(readFileSync(join(folder, name), 'utf8')),
    )
    // A file whose source is gone is left by an older compilation.
    expect(strings.filter((name) => existsSync(join(packageRoot, 'lib', name.replace(/\.d\.ts$/, '.ts'))))).toEqual([])
  })
})

describe('require', () => {
  const printed = (script: string): string =>
    execFileSync(process.execPath, ['--no-warnings', '-e', script], { cwd: packageRoot, encoding: 'utf8' })

  test('gives what import gives', () => {
    expect(printed("const torch = require('tstorch'); console.log(torch.ones(2).add(1).tolist().join())")).toBe('2,2\n')
    const same = `const torch = require('tstorch')
      import('tstorch').then((it) => console.log(it.default === torch.default, it.ones === torch.ones, it.nn === torch.nn))`
    expect(printed(same)).toBe('true true true\n')
  })

  test('has the default that compilers of import ask for', () => {
    // What TypeScript and esbuild make of `import torch from 'tstorch'` for CommonJS.
    const helper = 'const get = (it) => it && it.__esModule ? it : { default: it }'
    const names = `${helper}; const torch = get(require('tstorch')).default`
    expect(printed(`${names}; console.log(typeof torch.ones, typeof torch.nn.Linear, typeof torch.default)`)).toBe(
      'function function undefined\n',
    )
    expect(
      printed(`${names}; console.log(Object.keys(torch).every((key) => torch[key] === require('tstorch')[key]))`),
    ).toBe('true\n')
  })
})
