// Whether the addon loads, seen from outside: a library that is damaged or does not fit may end the process.

import { spawnSync } from 'node:child_process'

export interface Loaded {
  libtorch: string
  /** Where libtorch was opened; null where the addon itself knows. */
  folder: string | null
  devices: number | null
  threads: number
}

const PROGRAM = `
const [native, libtorch] = process.argv.slice(1)
try {
  const { native: addon } = await import(native)
  const { openedLibtorch } = await import(libtorch)
  console.log(JSON.stringify({
    libtorch: addon.libtorch_version,
    folder: openedLibtorch(),
    devices: addon.cuda_built?.() ? addon.cuda_device_count() : null,
    threads: addon.get_num_threads?.() ?? 1,
  }))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}`

const address = (name: string): string => new URL(`../../lib/core/${name}.js`, import.meta.url).href

/** What the addon says of itself, or the first line of why it does not load. */
export function loadAddon(debug = process.env.TSTORCH_DEBUG === '1'): Loaded | string {
  const args = ['--input-type=module', '-e', PROGRAM, address('native'), address('libtorch')]
  const env = { ...process.env, TSTORCH_DEBUG: debug ? '1' : '' }
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  if (status === 0) return JSON.parse(stdout) as Loaded
  return signal === null ? (stderr.trim().split('\n')[0] ?? '') : `loading the addon ended the process by ${signal}`
}
