// npm run fuzz -- kills: ends processes by SIGKILL at random moments while they save over a file, and sees that the file
// is whole each time; and saves where there is no room and no right to.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { packageRoot } from '../../../lib/core/package_root.js'
import torch from '../../../lib/index.js'
import { Random } from '../values.js'
import { checkState, stateOf, WRITERS, type Writer } from './writers.js'

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url))
const leftovers = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.tmp'))

/** Kills one process so many milliseconds after its first saving; whether it was in the midst of one. */
async function kill(writer: string, file: string, folder: string, delay: number): Promise<boolean> {
  const before = leftovers(folder)
  const child = spawn(process.execPath, ['--no-warnings', CHILD, writer, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise((resolve) => child.on('close', resolve))
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), closed])
  // Finer than a timer counts.
  const until = performance.now() + delay
  while (performance.now() < until - 2) await new Promise((resolve) => setTimeout(resolve, 1))
  while (performance.now() < until);
  if (!child.kill('SIGKILL')) throw new Error('it ended by itself')
  await closed
  return leftovers(folder).some((name) => !before.includes(name))
}

export interface KillOptions {
  seed: number
  /** How many processes are killed. */
  count: number
  /** How long they may save, in milliseconds. */
  longest?: number
  onKill?: (done: number) => void
}

export interface Kills {
  /** How many were killed in the midst of saving. */
  midst: number
  /** What was wrong with a file. */
  faults: string[]
}

/** Kills processes that save by a writer. */
export async function kills(writer: string, { seed, count, longest = 400, onKill }: KillOptions): Promise<Kills> {
  const random = new Random(seed)
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-kills-'))
  const file = join(folder, 'state')
  const found: Kills = { midst: 0, faults: [] }
  const { save, load } = WRITERS[writer] as Writer
  try {
    for (let i = 0; i < count; i++) {
      const delay = random.below(1 << 20) / 2 ** 20
      if (await kill(writer, file, folder, delay * longest)) found.midst++
      try {
        torch.scope(() => checkState(load(file)))
      } catch (error) {
        found.faults.push(`kill ${i}: ${(error as Error).message}`)
      }
      onKill?.(i + 1)
    }
    save(stateOf(0), file)
    const left = readdirSync(folder).filter((name) => name !== 'state')
    if (left.length > 0) found.faults.push(`left behind: ${left.join(', ')}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return found
}

// --- where it cannot be saved -------------------------------------------------------------------------------------

const LIBRARY = pathToFileURL(join(packageRoot, 'dist', 'scripts', 'fuzz', 'kills', 'writers.js')).href
const quoted = (words: string[]) => words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')

/** What a process says that saves over a file, after `before` of the shell's. It is not root then, who may do all. */
function saveIn(writer: string, file: string, before: string): string {
  const program = `import { WRITERS, stateOf } from '${LIBRARY}'
    if (process.getuid() === 0) process.setuid(65534)
    try { WRITERS.${writer}.save(stateOf(6), ${JSON.stringify(file)}); console.log('saved') }
    catch (error) { console.log(error.message.replaceAll('\\n', ' ')) }`
  const node = quoted([process.execPath, '--no-warnings', '--input-type=module', '-e', program])
  const shell = ['-c', `${before}exec ${node}`]
  const { stdout, status, signal } = spawnSync('sh', shell, {
    encoding: 'utf8',
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  return status === 0 ? stdout.trim() : `ended by ${signal ?? status}`
}

/** A small file system in memory; null where this process may not make one. */
function mounted(folder: string, options: string): string | null {
  mkdirSync(folder, { recursive: true })
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', folder]).status === 0 ? folder : null
}

/** Saves where it must fail: by name, what was said, and what is wrong with that. */
export function refusals(writer: string): [name: string, said: string, fault: string | null][] {
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-kills-'))
  const results: [string, string, string | null][] = []
  const { save, load } = WRITERS[writer] as Writer
  function expect(
    name: string,
    into: string,
    before: string,
    codes: string[],
    options: { ready?: () => void } = {},
  ): void {
    const file = join(into, 'state')
    save(stateOf(1), file)
    const old = readFileSync(file)
    chmodSync(file, 0o666)
    options.ready?.()
    const said = saveIn(writer, file, before)
    const wrong = [
      ...(codes.some((code) => said.startsWith(`cannot write '${file}': ${code}`)) ? [] : [`expected ${codes}`]),
      ...(readFileSync(file).equals(old) ? [] : ['the old file is not whole']),
      ...(leftovers(into).length === 0 ? [] : ['a temporary file was left']),
    ]
    torch.scope(() => checkState(load(file)))
    results.push([name, said, wrong.join('; ') || null])
  }
  const mounts: string[] = []
  try {
    chmodSync(folder, 0o777)
    const limited = join(folder, 'limited')
    mkdirSync(limited)
    chmodSync(limited, 0o777)
    expect('files of at most 1 MB (ulimit -f)', limited, 'ulimit -f 2048; ', ['EFBIG'])
    const full = mounted(join(folder, 'full'), 'size=12m,mode=777')
    if (full !== null) {
      mounts.push(full)
      expect('a full disk', full, '', ['ENOSPC'])
    }
    const closed = join(folder, 'closed')
    mkdirSync(closed)
    expect('a folder that may not be written to', closed, '', ['EACCES'], { ready: () => chmodSync(closed, 0o555) })
    const readOnly = mounted(join(folder, 'read_only'), 'size=12m,mode=777')
    if (readOnly !== null) {
      mounts.push(readOnly)
      const ready = () => void execFileSync('mount', ['-o', 'remount,ro', readOnly])
      expect('a file system that is read only', readOnly, '', ['EROFS'], { ready })
    }
    if (existsSync('/dev/full')) {
      const said = saveIn(writer, '/dev/full', '')
      results.push(['/dev/full', said, said.startsWith("cannot write '/dev/full': ENOSPC") ? null : 'expected ENOSPC'])
    }
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', ['-m', '666', pipe])
    // Whoever reads goes away after 10 bytes.
    const said = saveIn(writer, pipe, `head -c 10 '${pipe}' > /dev/null 2>&1 & `)
    const isPipe = spawnSync('test', ['-p', pipe]).status === 0
    results.push(['a pipe that its reader closes', said, said.includes('EPIPE') && isPipe ? null : 'expected EPIPE'])
  } finally {
    // At once, even where a reader still has a file open.
    for (const folder of mounts) spawnSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true, force: true })
  }
  return results
}
