// Builds the addon with cmake-js.

import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'
import { damageOf } from '../../lib/core/shared_library.js'
import type { Libtorch } from './libtorch.js'
import { output, removedAtEnd, run, SetupError, say } from './terminal.js'

export const compiler = (): string | null =>
  [process.env.CXX, 'c++', 'g++', 'clang++'].find(
    (name) => name !== undefined && output(name, ['--version']) !== null,
  ) ?? null

export const buildTool = (): string | null =>
  ['ninja', 'make'].find((name) => output(name, ['--version']) !== null) ?? null

const INSTALL =
  process.platform === 'darwin'
    ? 'xcode-select --install, and brew install cmake'
    : "apt-get install g++ make cmake, or your system's like"

/** Throws a one-line error for what is missing. */
export function checkTools(): void {
  const missing = [
    ...(output('cmake', ['--version']) === null ? ['CMake 3.18 or newer'] : []),
    ...(compiler() === null ? ['a C++20 compiler'] : []),
    ...(buildTool() === null ? ['make or ninja'] : []),
  ]
  if (missing.length > 0) throw new SetupError(`missing: ${missing.join(', ')}. Install with: ${INSTALL}`)
}

/** One compiler takes about 1.5 GB. */
const jobs = (): number =>
  Number(process.env.CMAKE_BUILD_PARALLEL_LEVEL) ||
  Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 1.5e9)))

const buildFolder = join(packageRoot, 'build')
const configuration = (debug: boolean): string => (debug ? 'Debug' : 'Release')
const outcome = (debug: boolean): string => join(buildFolder, configuration(debug))

/** Throws where this user cannot build here. */
export function checkWritable(): void {
  for (const folder of [packageRoot, buildFolder]) {
    try {
      if (existsSync(folder)) accessSync(folder, constants.W_OK)
    } catch {
      throw new SetupError(
        `the addon is built inside the package, but ${folder} cannot be written. Run this as the user who installed the ` +
          'package; for an image, while it is built',
      )
    }
  }
}

/** The setting of a CMake cache, or null. */
function cmakeSetting(name: string): string | null {
  const cache = join(buildFolder, 'CMakeCache.txt')
  if (!existsSync(cache)) return null
  return new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1] ?? null
}

/** What the addon is made of, as paths from the package's root. */
const sources = (): string[] => [
  'CMakeLists.txt',
  ...readdirSync(join(packageRoot, 'native'), { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => join('native', name))
    .filter((name) => statSync(join(packageRoot, name)).isFile()),
]

const headerPackages = ['node-addon-api', 'node-api-headers']
const resolveModule = createRequire(import.meta.url).resolve

/** What tells a file from what it was. */
const traceOf = (file: string): string => {
  const { size, mtimeMs } = statSync(file)
  return `${size} ${mtimeMs}`
}

/** Changes with all that an addon is built from. */
function inputsOf(libtorch: Libtorch): string {
  const hash = createHash('sha256')
  const add = (...texts: (string | undefined)[]) => hash.update(JSON.stringify(texts))
  for (const name of sources()) add(name).update(readFileSync(join(packageRoot, name)))
  for (const name of headerPackages) add(readFileSync(resolveModule(`${name}/package.json`), 'utf8'))
  add(libtorch.folder, libtorch.version, libtorch.variant, process.arch)
  for (const name of readdirSync(join(libtorch.folder, 'lib')).sort())
    if (name.startsWith('libtorch') || name.startsWith('libc10')) add(name, traceOf(join(libtorch.folder, 'lib', name)))
  const { CC, CXX, CPPFLAGS, CXXFLAGS, LDFLAGS } = process.env
  add(CC, CXX, CPPFLAGS, CXXFLAGS, LDFLAGS)
  return hash.digest('hex')
}

/** Changes with what an addon is built from, and with the addon; not where it is copied. */
function stampOf(inputs: string, debug: boolean): string {
  const addon = readFileSync(join(outcome(debug), 'tstorch.node'))
  return `${createHash('sha256').update(inputs).update(addon).digest('hex')}\n`
}

const stampFile = (debug: boolean): string => join(outcome(debug), 'stamp')

/** Whether the addon is there, whole, and of what would be built. */
export function isBuilt(libtorch: Libtorch, debug: boolean): boolean {
  if (!existsSync(stampFile(debug)) || damageOf(join(outcome(debug), 'tstorch.node')) !== null) return false
  return readFileSync(stampFile(debug), 'utf8') === stampOf(inputsOf(libtorch), debug)
}

/** Removes what is built, and how; a libtorch in there and the lock stay. */
export function removeBuild(): void {
  for (const name of existsSync(buildFolder) ? readdirSync(buildFolder) : []) {
    if (name !== 'build.lock' && !name.startsWith('libtorch-'))
      rmSync(join(buildFolder, name), { recursive: true, force: true })
  }
}

/** The folder of a package as compilers find it: yarn's Plug'n'Play keeps packages in archives, which only Node reads. */
function headersOf(name: string, copies: string): string {
  const folder = dirname(resolveModule(`${name}/package.json`))
  if (!folder.includes('.zip/')) return folder
  const copy = (from: string, to: string): void => {
    mkdirSync(to, { recursive: true })
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (entry.isDirectory()) copy(join(from, entry.name), join(to, entry.name))
      else writeFileSync(join(to, entry.name), readFileSync(join(from, entry.name)))
    }
  }
  copy(folder, join(copies, name))
  return join(copies, name)
}

/** CMake, make and compilers take these for their own syntax, each another part of them. */
const DELICATE = /[\s;:'"$`\\#&|<>(){}[\]*?!%^~]/

/** The path itself, or a link to it that has no delicate characters. */
function plain(path: string, links: string): string {
  if (!DELICATE.test(path)) return path
  const link = join(links, createHash('sha256').update(path).digest('hex').slice(0, 8))
  symlinkSync(path, link)
  return link
}

/** Builds in a folder whose path has no delicate characters, from copies of the sources. */
async function buildElsewhere(libtorch: Libtorch, debug: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-build-'))
  const clean = removedAtEnd(folder)
  try {
    for (const name of [...sources(), 'package.json'])
      cpSync(join(packageRoot, name), join(folder, name), { recursive: true })
    await cmake(folder, libtorch, debug)
    rmSync(outcome(debug), { recursive: true, force: true })
    cpSync(join(folder, 'build', configuration(debug)), outcome(debug), { recursive: true })
  } finally {
    clean()
  }
}

/** Runs CMake on the sources in a folder. */
async function cmake(folder: string, libtorch: Libtorch, debug: boolean): Promise<void> {
  const target = join(folder, 'build')
  const links = mkdtempSync(join(tmpdir(), 'tstorch-links-'))
  const clean = removedAtEnd(links)
  try {
    // Plain cmake may have configured it with another generator than cmake-js would choose.
    const generator = cmakeSetting('CMAKE_GENERATOR')
    const settings = [
      ...['--directory', folder, '--out', target, '--config', configuration(debug), '--parallel', String(jobs())],
      `--CDLIBTORCH=${plain(libtorch.folder, links)}`,
      ...headerPackages.map(
        (name) => `--CD${name.replaceAll('-', '_')}=${plain(headersOf(name, join(target, 'headers')), links)}`,
      ),
      ...(generator === null ? [] : ['--generator', generator]),
    ]
    const cmakeJs = resolveModule('cmake-js/bin/cmake-js')
    say(`building the addon with ${compiler()} (${jobs()} at a time; about two minutes the first time)`)
    await run(process.execPath, [cmakeJs, 'configure', '--log-level', 'error', ...settings])
    await run(process.execPath, [cmakeJs, 'build', '--log-level', 'error', ...settings])
  } finally {
    clean()
  }
}

export async function build(libtorch: Libtorch, debug: boolean): Promise<void> {
  // Before it is built: what changes meanwhile is built the next time.
  const inputs = inputsOf(libtorch)
  // CMake refuses a folder that another copy of the sources has configured.
  if (cmakeSetting('CMAKE_HOME_DIRECTORY') !== packageRoot) removeBuild()
  // CMake looks at times alone: a damaged one would count as built.
  for (const name of ['stamp', 'tstorch.node']) rmSync(join(outcome(debug), name), { force: true })
  if (DELICATE.test(packageRoot)) await buildElsewhere(libtorch, debug)
  else await cmake(packageRoot, libtorch, debug)
  writeFileSync(stampFile(debug), stampOf(inputs, debug))
  // A dependency is built once, so its precompiled header (400 MB) is of no more use.
  if (/[/\\]node_modules[/\\]/.test(packageRoot))
    for (const name of ['CMakeFiles', 'CMakeCache.txt'])
      rmSync(join(buildFolder, name), { recursive: true, force: true })
}
