// A small package, a small libtorch and a server of its wheel, on a machine without Python: what a set-up does there takes
// seconds, and can be broken.

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'vitest'
import { makeSmallLibtorch, makeSmallPackage, makeTools, makeWheel } from '../../scripts/consumers/small_package.js'
import { WheelServer } from '../../scripts/consumers/wheel_server.js'

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
}

export const VERSION = '2.13.0'
export const READY = { code: 0, signal: null, output: expect.stringMatching(/ready: the addon loads/) }
const NOBODY = 65534
/** As root, another user; as another user already, none. */
export const otherUser: SpawnOptions =
  process.getuid?.() === 0 && spawnSync(process.execPath, ['-v'], { uid: NOBODY }).status === 0
    ? { uid: NOBODY, gid: NOBODY }
    : {}
/** Whether there is somebody whom permissions of files stop. */
export const someoneIsStopped = process.getuid?.() !== 0 || otherUser.uid === NOBODY

const LOAD = `import(process.argv[1] + '/dist/lib/core/native.js').then(
  async ({ native }) => {
    const { openedLibtorch } = await import(process.argv[1] + '/dist/lib/core/libtorch.js')
    console.log(native.libtorch_version, openedLibtorch())
  },
  (error) => console.log(error.message))`

/** Collects what a program says, until it ends. */
export function ended(child: ChildProcess): Promise<Ended> {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, output })))
}

export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
  readonly libtorch = makeSmallLibtorch(join(this.folder, 'libtorch'), VERSION)
  readonly tools = makeTools(join(this.folder, 'tools'))
  readonly server = new WheelServer(makeWheel(this.libtorch, join(this.folder, 'small.whl')), VERSION)
  private made = 0

  constructor() {
    chmodSync(this.folder, 0o755)
  }

  /** A folder that is not there yet. */
  fresh(name = 'new'): string {
    return join(this.folder, `${this.made++}`, name)
  }

  /** A project with the package in it, which is not set up. */
  package(project = this.fresh()): string {
    return makeSmallPackage(project)
  }

  environment(env: Record<string, string>): Record<string, string> {
    return { PATH: this.tools, TSTORCH_WHEEL_INDEX: this.server.index, ...env }
  }

  /** Starts `tstorch` in a package. */
  start(folder: string, args: readonly string[], env: Record<string, string>, options: SpawnOptions = {}) {
    const program = join(folder, 'dist', 'scripts', 'cli.js')
    return spawn(process.execPath, [program, ...args], { env: this.environment(env), ...options })
  }

  tstorch(folder: string, command: string, env: Record<string, string>, options?: SpawnOptions): Promise<Ended> {
    return ended(this.start(folder, command.split(' '), env, options))
  }

  /** What a program that imports the package's addon prints: libtorch's version and its folder, or the error. */
  load(folder: string, env: Record<string, string> = {}, options: SpawnOptions = {}): string {
    const args = ['-e', LOAD, pathToFileURL(folder).href]
    const { stdout, stderr, signal } = spawnSync(process.execPath, args, {
      env: { PATH: this.tools, ...env },
      encoding: 'utf8',
      ...(options as object),
    })
    return signal ?? `${stdout}${stderr}`.trim()
  }

  remove(): void {
    this.server.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** What a set-up that ended in any way leaves in a cache, but a whole libtorch. */
export const leftIn = (cache: string): string[] => readdirSync(cache).filter((name) => !name.startsWith('libtorch-'))
