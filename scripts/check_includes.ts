// Holds the floors of native/: an include points down, or stays in its own folder.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../lib/core/package_root.js'

/** The folders and files of native/ from the ground up; what stands in one row does not include each other. */
const FLOORS: readonly (readonly string[])[] = [
  ['torch.h', 'contract.h'],
  ['memory', 'raw'],
  ['binding'],
  ['exports.h'],
  ['autograd'],
  ['recurrent', 'training', 'tensors', 'serialization', 'runtime', 'cuda', 'jit'],
  ['operators'],
  ['addon.cc'],
]

const folder = join(packageRoot, 'native')
const roomOf = (path: string): string => path.split('/')[0] as string
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))

const problems = new Set<string>()
let arrows = 0
for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!/\.(cc|h)$/.test(file)) continue
  const room = roomOf(file)
  if (floorOf(room) === -1) problems.add(`native/${room} has no floor: give it one in scripts/check_includes.ts`)
  for (const [, included = ''] of readFileSync(join(folder, file), 'utf8').matchAll(/^#include "([^"]+)"/gm)) {
    if (roomOf(included) === room) continue
    arrows++
    if (floorOf(roomOf(included)) >= floorOf(room)) {
      problems.add(`native/${file} includes native/${included}, which is not below it: includes point down`)
    }
  }
}
for (const problem of problems) console.error(problem)
if (problems.size > 0) process.exit(1)
console.log(`${arrows} includes between the folders of native/ all point down`)
