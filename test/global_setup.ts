// Before any test: dist/ is compiled from the sources as they are, since tests start programs from there.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { packageRoot } from '../lib/core/package_root.js'

function compile(): void {
  const tsc = join(packageRoot, 'node_modules', '.bin', 'tsc')
  const { status, stdout, error } = spawnSync(tsc, { cwd: packageRoot, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the sources do not compile, so nothing is tested:\n${error?.message ?? stdout}`)
}

export default function setup(project: TestProject): void {
  compile()
  project.onTestsRerun(compile)
}
