// Checks that the C++ is formatted as .clang-format says. `--write` formats it.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../lib/core/package_root.js'

const files = ['native', 'test/cuda/simulated'].flatMap((folder) =>
  readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(packageRoot, folder, name)),
)
const program = join(packageRoot, 'node_modules', '.bin', 'clang-format')
const options = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror']
const result = spawnSync(program, [...options, ...files], { encoding: 'utf8' })
if (result.status !== 0) {
  console.error(`${result.stderr}\nC++ is not formatted: run npm run format`)
  process.exit(1)
}
console.log(`${files.length} C++ files are formatted`)
