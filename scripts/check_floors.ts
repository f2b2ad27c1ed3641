// Holds the floors of lib/ and native/: an import or an include points down, or stays in its own folder. (That no
// files import each other in a circle is the linter's to say: noImportCycles.)

import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { packageRoot } from '../lib/core/package_root.js'

interface House {
  folder: string
  /** The folders and files from the ground up; what stands in one row does not import each other. */
  floors: readonly (readonly string[])[]
  file: RegExp
  /** What a file imports: its path is the first group. */
  arrow: RegExp
  /** The imported file, from the house's folder. */
  target: (file: string, path: string) => string
}

const HOUSES: readonly House[] = [
  {
    folder: 'lib',
    floors: [
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
    ],
    file: /\.ts$/,
    arrow: /(?:from|import|module) '(\.[^']+)\.js'/g,
    target: (file, path) => normalize(join(file, '..', `${path}.ts`)),
  },
  {
    folder: 'native',
    floors: [
      ['torch.h', 'contract.h'],
      ['memory', 'raw'],
      ['binding'],
      ['exports.h'],
      ['autograd'],
      ['recurrent', 'training', 'tensors', 'runtime', 'cuda'],
      ['operators'],
      ['addon.cc'],
    ],
    file: /\.(cc|h)$/,
    arrow: /^#include "([^"]+)"/gm,
    target: (_, path) => path,
  },
]

const problems: string[] = []

function check({ folder, floors, file: isFile, arrow, target }: House): void {
  const roomOf = (path: string): string => path.split('/')[0] as string
  const floorOf = (room: string): number => floors.findIndex((rooms) => rooms.includes(room))
  let arrows = 0
  for (const file of readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => isFile.test(name))
    .sort()) {
    const room = roomOf(file)
    if (floorOf(room) === -1) problems.push(`${folder}/${room} has no floor: give it one in scripts/check_floors.ts`)
    const text = readFileSync(join(packageRoot, folder, file), 'utf8')
    for (const [, path = ''] of text.matchAll(arrow)) {
      const imported = target(file, path)
      if (roomOf(imported) === room) continue
      arrows++
      if (floorOf(roomOf(imported)) >= floorOf(room)) {
        problems.push(`${folder}/${file} imports ${folder}/${imported}, which is not below it: imports point down`)
      }
    }
  }
  console.log(`${folder}/: ${arrows} imports between folders`)
}

for (const house of HOUSES) check(house)
for (const problem of new Set(problems)) console.error(problem)
if (problems.length > 0) process.exit(1)
console.log('all of them point down')
