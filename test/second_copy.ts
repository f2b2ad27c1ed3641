// A second copy of the library in one process, as where two packages depend on versions of it that differ.

import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { addonFile, packageRoot } from '../lib/core/package_root.js'
import type torch from '../lib/index.js'

export async function secondCopy(): Promise<typeof torch> {
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(packageRoot, 'package.json'), join(folder, 'package.json'))
  cpSync(join(packageRoot, 'dist', 'lib'), join(folder, 'dist', 'lib'), { recursive: true })
  mkdirSync(join(folder, 'build', 'Release'), { recursive: true })
  symlinkSync(addonFile(), join(folder, 'build', 'Release', 'tstorch.node'))
  const index = pathToFileURL(join(folder, 'dist', 'lib', 'index.js')).href
  return (await import(index)).default
}
