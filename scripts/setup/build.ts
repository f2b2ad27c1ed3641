// Builds the addon with cmake-js.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'
import type { Libtorch } from './libtorch.js'
import { output, run, SetupError, say } from './terminal.js'

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
const jobs = (): number => Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 1.5e9)))

/** The setting of a CMake cache, or null. */
export function cmakeSetting(name: string): string | null {
  const cache = join(packageRoot, 'build', 'CMakeCache.txt')
  if (!existsSync(cache)) return null
  return new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1] ?? null
}

export async function build(libtorch: Libtorch, debug: boolean): Promise<void> {
  checkTools()
  const folder = join(packageRoot, 'build')
  // CMake refuses a folder that another copy of the sources has configured.
  if (cmakeSetting('CMAKE_HOME_DIRECTORY') !== packageRoot) rmSync(folder, { recursive: true, force: true })
  // Plain cmake may have configured it with another generator than cmake-js would choose.
  const generator = cmakeSetting('CMAKE_GENERATOR')
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
  const settings = [
    ...['--directory', packageRoot, '--out', folder, '--config', debug ? 'Debug' : 'Release'],
    ...['--parallel', String(jobs()), `--CDLIBTORCH=${libtorch.folder}`],
    ...(generator === null ? [] : ['--generator', generator]),
  ]
  say(`building the addon with ${compiler()} (${jobs()} at a time; about two minutes the first time)`)
  await run(process.execPath, [cmakeJs, 'configure', '--log-level', 'error', ...settings])
  await run(process.execPath, [cmakeJs, 'build', '--log-level', 'error', ...settings])
  // A dependency is built once, so its precompiled header (400 MB) is of no more use.
  if (packageRoot.includes('/node_modules/')) rmSync(join(folder, 'CMakeFiles'), { recursive: true })
}
