// Checks that the C++ is formatted as .clang-format says.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../lib/core/package_root.js'

const folders = ['native', 'test/cuda/simulated'].map((name) => join(packageRoot, name))
const files = folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
const program = join(packageRoot, 'node_modules', '.bin', 'clang-format')
const result = spawnSync(program, ['--dry-run', '--Werror', ...files], { encoding: 'utf8' })
if (result.status !== 0) {
  console.error(`${result.stderr}\nC++ is not formatted: run npm run format`)
  process.exit(1)
}
console.log(`${files.length} C++ files are formatted`)
