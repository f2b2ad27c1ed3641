// Holds the floors of lib/: an import points down, or stays in its own folder. (That no files import each other in a
// circle is the linter's to say: noImportCycles.)

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
  ['utils', 'signal', 'masked.ts', 'sparse.ts', 'testing.ts', 'profiler.ts', 'safetensors.ts'],
  ['torch.ts'],
  ['index.ts'],
  ['plot'],
  ['d2l'],
]

const lib = join(packageRoot, 'lib')
const roomOf = (path: string): string => path.split('/')[0] as string
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))

const problems: string[] = []
let arrows = 0
for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()) {
  const room = roomOf(file)
  if (floorOf(room) === -1) problems.push(`lib/${room} has no floor: give it one in scripts/check_floors.ts`)
  const text = readFileSync(join(lib, file), 'utf8')
  for (const [, path] of text.matchAll(/(?:from|import|module) '(\.[^']+)\.js'/g)) {
    const target = relative(lib, join(lib, dirname(file), `${path}.ts`))
    if (roomOf(target) === room) continue
    arrows++
    if (floorOf(roomOf(target)) >= floorOf(room)) {
      problems.push(`lib/${file} imports lib/${target}, which is not below it: imports point down`)
    }
  }
}
for (const problem of new Set(problems)) console.error(problem)
if (problems.length > 0) process.exit(1)
console.log(`${arrows} imports between the folders of lib/ all point down`)
