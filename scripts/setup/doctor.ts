// Shows what tstorch runs on, where each part was found, and what is wrong with it.

import { existsSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { addonFile, cacheFolder } from '../../lib/core/package_root.js'
import { buildTool, compiler } from './build.js'
import { findLibtorch, incompleteDownloads } from './libtorch.js'
import { loadAddon } from './load.js'
import { output, pythons } from './terminal.js'

interface Finding {
  name: string
  ok: boolean
  text: string
}

const firstLine = (text: string | null): string => text?.split('\n')[0] ?? ''

function tool(name: string, program: string | null, remedy: string): Finding {
  if (program === null) return { name, ok: false, text: `not found; ${remedy}` }
  const version = output(program, ['--version'])
  if (version === null) return { name, ok: false, text: `${program} not found; ${remedy}` }
  return { name, ok: true, text: `${firstLine(version)} (${output('which', [program]) ?? program})` }
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > 20 || (major === 20 && minor >= 19)
  return {
    name: 'Node.js',
    ok,
    text: `${process.version} (${process.execPath})${ok ? '' : '; 20.19 or newer is needed'}`,
  }
}

function libtorch(): Finding {
  const refused: string[] = []
  try {
    const found = findLibtorch(refused)
    if (found !== null) {
      return {
        name: 'libtorch',
        ok: true,
        text: `${found.version} for ${found.variant}, from ${found.origin} (${found.folder})`,
      }
    }
  } catch (error) {
    return { name: 'libtorch', ok: false, text: (error as Error).message }
  }
  const looked = refused.length > 0 ? `; looked at: ${refused.join('; ')}` : ''
  return { name: 'libtorch', ok: false, text: `not found; npx tstorch setup gets it${looked}` }
}

function addon(): Finding[] {
  const file = addonFile()
  if (!existsSync(file)) return [{ name: 'addon', ok: false, text: `not built (${file}); npx tstorch setup builds it` }]
  const loaded = loadAddon()
  if (typeof loaded === 'string')
    return [{ name: 'addon', ok: false, text: `${loaded}; npx tstorch setup builds it again` }]
  const { libtorch, folder, devices, threads } = loaded
  const cuda =
    devices !== null
      ? `${devices} device${devices === 1 ? '' : 's'}${devices === 0 ? '; is the NVIDIA driver installed?' : ''}`
      : 'not in this libtorch; TSTORCH_VARIANT=cuda npx tstorch setup uses one that has it'
  return [
    {
      name: 'addon',
      ok: true,
      text: `loads, with libtorch ${libtorch}${folder === null ? '' : ` of ${folder}`} (${file})`,
    },
    { name: 'CUDA', ok: true, text: cuda },
    { name: 'threads', ok: true, text: `${threads} of ${availableParallelism()} processors` },
  ]
}

/** What is left of downloads that were cut off harms nobody. */
function cache(): Finding {
  const leftovers = incompleteDownloads().length
  const text = leftovers > 0 ? ` (npx tstorch setup removes ${leftovers} cut-off downloads from it)` : ''
  return { name: 'cache', ok: true, text: `${cacheFolder()}${text}` }
}

/** Prints the findings; whether all is well. */
export function doctor(): boolean {
  const driver = output('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader'])
  const python = pythons().find((name) => output(name, ['--version']) !== null) ?? null
  const findings: Finding[] = [
    node(),
    tool('C++ compiler', compiler(), 'one for C++20 is needed, such as g++ 11'),
    tool('CMake', 'cmake', 'install it with your package manager'),
    tool('build tool', buildTool(), 'install make or ninja'),
    {
      name: 'Python',
      ok: true,
      text: python === null ? 'none (not needed)' : `${output(python, ['--version'])} (${output('which', [python])})`,
    },
    libtorch(),
    cache(),
    ...addon(),
    { name: 'GPU', ok: true, text: driver === null ? 'no NVIDIA driver' : firstLine(driver) },
    { name: 'memory', ok: true, text: `${(totalmem() / 2 ** 30).toFixed(1)} GiB` },
  ]
  const width = Math.max(...findings.map(({ name }) => name.length))
  for (const { name, ok, text } of findings) console.log(`${ok ? 'ok   ' : 'WRONG'} ${name.padEnd(width)}  ${text}`)
  return findings.every(({ ok }) => ok)
}
