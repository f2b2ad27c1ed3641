// Runs the programs that stress threads and memory on each supported major version of Node.js, with the addon as it
// is built: node dist/scripts/node_versions.js [MAJOR ...]. Gets Node from npm, into a temporary folder.

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../lib/core/package_root.js'

const majors = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26']
const compiled = join(packageRoot, 'dist', 'test')
const PROGRAMS: [name: string, args: string[]][] = [
  ['worker terminated in the middle of a step, 50 times', ['workers/programs.js', 'terminate', '50']],
  ['two workers train at once', ['workers/programs.js', 'pair']],
  ['5,000 tensors of 4 MB', ['memory/scenarios.js', 'tensors']],
  ['5,000 tensors of 4 MB, in a worker', ['memory/in_worker.js', 'tensors']],
  ['400 forwards without backward', ['memory/scenarios.js', 'forwards']],
  ['200,000 views', ['memory/scenarios.js', 'views']],
  ['hooks', ['memory/scenarios.js', 'hooks']],
]

let failed = 0
for (const major of majors) {
  const folder = mkdtempSync(join(tmpdir(), `node-${major}-`))
  try {
    const name = `node-${process.platform}-${process.arch}`
    execFileSync('npm', ['install', '--silent', '--no-save', '--prefix', folder, `${name}@${major}`], {
      stdio: ['ignore', 'ignore', 2],
    })
    const node = join(folder, 'node_modules', name, 'bin', 'node')
    console.log(`Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`)
    for (const [what, [file = '', ...args]] of PROGRAMS) {
      const { status, signal, stdout, stderr } = spawnSync(node, [join(compiled, file), ...args], { encoding: 'utf8' })
      const good = status === 0
      if (!good) failed++
      console.log(
        `  ${good ? 'ok    ' : 'FAILED'} ${what}: ${good ? stdout.trim() : `${signal ?? status} ${stderr.slice(-500)}`}`,
      )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
if (failed > 0) process.exitCode = 1
