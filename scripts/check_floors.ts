// Holds the floors of lib/: an import points down, or stays in its own folder. (That no files import each other in a
// circle is the linter's to say: noImportCycles.) Charts, d2l and the examples read as a user's code: of the library
// they import only what package.json exports, by its name.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { packageRoot } from '../lib/core/package_root.js'

/** The folders and files of lib/ from the ground up; what stands in one row does not import each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['core'],
  ['operators'],
  ['generated'],
  ['tensor'],
  ['autograd', 'backends'],
  ['amp'],
  ['nn'],
  ['optim'],
  ['cuda'],
  [
    'utils',
    'func.ts',
    'signal',
    'masked.ts',
    'sparse.ts',
    'testing.ts',
    'profiler.ts',
    'safetensors',
    'jit',
    'inductor',
    'export.ts',
  ],
  ['serialization'],
  ['torch.ts'],
  ['index.ts'],
  ['data_worker.ts'],
  ['plot'],
  ['d2l'],
  ['examples'],
]

/** They read as a user's code. */
const USERS: readonly string[] = ['data_worker.ts', 'plot', 'd2l', 'examples']

/** What they import beyond that. */
const EXCEPTIONS: readonly string[] = [
  // Downloads share one cache, which is no user's business.
  'lib/d2l/time_machine.ts imports lib/core/package_root.ts',
  // Every file is there whole or not at all.
  'lib/d2l/time_machine.ts imports lib/core/atomic_file.ts',
  'lib/plot/line_chart.ts imports lib/core/atomic_file.ts',
  // What to say where the library does not load.
  'lib/data_worker.ts imports lib/utils/data/workers/failure.ts',
  'lib/data_worker.ts imports lib/utils/data/workers/messages.ts',
]

/** lib/nn/init.ts is in the room nn, lib/sparse.ts in the room sparse.ts, examples/sine.ts in the room examples. */
const roomOf = (file: string): string => file.split('/')[file.startsWith('lib/') ? 1 : 0] as string
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))

const { name, exports } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))

/** The source file that an import names: null where it names a package or a module of Node's. */
function targetOf(file: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return join(dirname(file), specifier).replace(/\.js$/, '.ts')
  if (specifier !== name && !specifier.startsWith(`${name}/`)) return null
  const exported: string | undefined = exports[`.${specifier.slice(name.length)}`]?.default
  return exported === undefined ? specifier : relative('dist', exported).replace(/\.js$/, '.ts')
}

const files = ['lib', 'examples'].flatMap((folder) =>
  readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file)),
)
const problems = new Set<string>()
let arrows = 0
for (const file of files.sort()) {
  const room = roomOf(file)
  if (floorOf(room) === -1) problems.add(`${file} has no floor: give it one in scripts/check_floors.ts`)
  const text = readFileSync(join(packageRoot, file), 'utf8')
  for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport|\bmodule|\bimport\() ?'([^']+)'/g)) {
    const target = targetOf(file, specifier as string)
    if (target === null || roomOf(target) === room) continue
    arrows++
    const arrow = `${file} imports ${target}`
    if (floorOf(roomOf(target)) === -1)
      problems.add(`${arrow}, which is no part of lib/, or which package.json does not export`)
    else if (floorOf(roomOf(target)) >= floorOf(room))
      problems.add(`${arrow}, which is not below it: imports point down`)
    if ((specifier as string).startsWith('.') === USERS.includes(room) && !EXCEPTIONS.includes(arrow)) {
      problems.add(
        USERS.includes(room)
          ? `${arrow} by its path: it reads as a user's code, and imports '${name}' or '${name}/...'`
          : `${arrow} by the package's name: below index.ts, files import each other by their paths`,
      )
    }
  }
}
for (const problem of problems) console.error(problem)
if (problems.size > 0) process.exit(1)
console.log(`${arrows} imports between the folders all point down`)
