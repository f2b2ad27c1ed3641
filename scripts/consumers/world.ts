// What all consumers share: the packed tarball, a machine without Python, a server of libtorch's wheel, and a project in
// which the tarball was installed, set up and built.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'
import { findLibtorch, PINNED } from '../setup/libtorch.js'
import { makeNativeSmall, makeTools, makeWheel, PROGRAMS } from './small_package.js'
import { WheelServer } from './wheel_server.js'

/** Something to try. It returns what was seen, and throws if that is not as it must be. */
export interface Case {
  name: string
  run(world: World): Promise<string>
}

/** Thrown by what cannot be tried here. */
export class Skipped extends Error {}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
  seconds: number
}

/** How a program runs: variables beside the world's own, its user, and how long it may take, in seconds. */
export interface Options {
  env?: Record<string, string>
  uid?: number
  limit?: number
}

const NOBODY = 65534

/** What npm, package managers and the steps of images call. */
const SHELL = [
  'npm',
  'npx',
  'bash',
  'git',
  'cat',
  'cp',
  'rm',
  'mv',
  'mkdir',
  'ln',
  'ls',
  'sed',
  'ps',
  'chmod',
  'dirname',
]

/** What the caller's npm and shell have set must not reach the consumers. */
const foreign = /^(npm_|TSTORCH_|LIBTORCH$|VITEST|NODE_OPTIONS$|INIT_CWD$|XDG_CACHE_HOME$|FORCE_COLOR$)/

const npmSetting = (name: string): string => execFileSync('npm', ['config', 'get', name], { encoding: 'utf8' }).trim()

export class World {
  readonly folder: string
  readonly home: string
  readonly tools: string
  readonly registry = npmSetting('registry')
  tarball = ''
  server!: WheelServer
  private readonly base: string
  private readonly environment: Record<string, string>
  private readonly running = new Set<ChildProcess>()

  /** A new one, or one that was kept. */
  constructor(kept?: string) {
    this.folder = kept ?? mkdtempSync(join(tmpdir(), 'tstorch-consumers-'))
    this.home = join(this.folder, 'home')
    this.base = join(this.folder, 'base')
    // Other users come in too.
    chmodSync(this.folder, 0o755)
    mkdirSync(this.home, { recursive: true })
    this.tools = join(this.folder, 'tools')
    this.restoreTools()
    const own = Object.entries(process.env).filter(([name]) => !foreign.test(name)) as [string, string][]
    this.environment = {
      ...Object.fromEntries(own),
      PATH: this.tools,
      NO_COLOR: '1',
      HOME: this.home,
      npm_config_userconfig: npmSetting('userconfig'),
      npm_config_cache: npmSetting('cache'),
      npm_config_registry: this.registry,
      npm_config_yes: 'true',
    }
  }

  /** Puts all programs there that a consumer has. */
  restoreTools(): void {
    makeTools(this.tools, [...PROGRAMS, ...SHELL])
    const node = join(this.tools, 'node')
    if (!existsSync(node)) symlinkSync(process.execPath, node)
  }

  /** Packs the tarball, makes the wheel and sets up the base, which may be there from before. */
  async start(wheel: string | undefined): Promise<string> {
    this.tarball = join(
      this.folder,
      execFileSync('npm', ['pack', '--silent', '--pack-destination', this.folder], {
        cwd: packageRoot,
        encoding: 'utf8',
      }).trim(),
    )
    this.server = await new WheelServer(wheel ?? this.wheelOfThisMachine(), PINNED.cpu).start()
    const installed = join(this.base, 'node_modules', 'tstorch')
    if (existsSync(join(installed, 'build'))) {
      execFileSync('tar', ['xzf', this.tarball, '-C', installed, '--strip-components=1'])
      // As npm does for commands.
      chmodSync(join(installed, 'dist', 'scripts', 'cli.js'), 0o755)
      return 'installed and built before'
    }
    const project = await this.install(this.base)
    const { seconds } = await this.expect(project, 'npx tstorch setup', /ready: the addon loads/, { limit: 1800 })
    return `installed and built in ${Math.round(seconds)} s`
  }

  private wheelOfThisMachine(): string {
    const libtorch = findLibtorch()
    if (libtorch?.version !== PINNED.cpu || libtorch.variant !== 'cpu')
      throw new Error(`pass --wheel FILE: this machine has no libtorch ${PINNED.cpu} for the CPU to make one from`)
    return makeWheel(libtorch.folder, join(this.folder, 'torch.whl'))
  }

  fresh(name = 'project'): string {
    const folder = join(mkdtempSync(join(this.folder, 'at-')), name)
    chmodSync(dirname(folder), 0o755)
    mkdirSync(folder)
    return folder
  }

  /** An empty project in which the tarball is installed by npm, not set up. */
  async install(project = this.fresh(), options: Options = {}): Promise<string> {
    mkdirSync(project, { recursive: true })
    if (!existsSync(join(project, 'package.json'))) writeFileSync(join(project, 'package.json'), '{ "private": true }')
    await this.expect(project, `npm install --silent "${this.tarball}"`, undefined, options)
    return project
  }

  /** The same, with a native part that builds in seconds. */
  async installSmall(project?: string): Promise<string> {
    const installed = await this.install(project)
    makeNativeSmall(join(installed, 'node_modules', 'tstorch'))
    return installed
  }

  /** A project like the base, set up; with other packages. */
  async project(files: Record<string, string>, packages: readonly string[] = []): Promise<string> {
    const project = this.fresh()
    // The files of a project of npm are copied: what is installed later changes none of the base's.
    cpSync(this.base, project, { recursive: true, verbatimSymlinks: true })
    if (packages.length > 0)
      await this.expect(project, `npm install --silent ${packages.map((name) => `"${name}"`).join(' ')}`)
    write(project, files)
    return project
  }

  /** Starts a line of the shell in a folder. */
  begin(folder: string, line: string, { env = {}, uid }: Options = {}): ChildProcess {
    const child = spawn('/bin/sh', ['-c', line], {
      cwd: folder,
      env: { ...this.environment, TSTORCH_WHEEL_INDEX: this.server?.index ?? '', ...env },
      detached: true,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    })
    this.running.add(child)
    child.on('close', () => this.running.delete(child))
    return child
  }

  /** Waits for a program, not for ever. */
  async ended(child: ChildProcess, limit = 300): Promise<Ended> {
    const began = Date.now()
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text) => (output += text))
    const watch = setTimeout(() => stop(child), 1000 * limit)
    return new Promise((resolve) =>
      child.on('close', (code, signal) => {
        clearTimeout(watch)
        resolve({ code, signal, output, seconds: (Date.now() - began) / 1000 })
      }),
    )
  }

  run(folder: string, line: string, options: Options = {}): Promise<Ended> {
    return this.ended(this.begin(folder, line, options), options.limit)
  }

  /** Runs a line that must end well, or, where `code` is another one, in that way, and print something. */
  async expect(
    folder: string,
    line: string,
    printed?: RegExp | string,
    options: Options = {},
    code = 0,
  ): Promise<Ended> {
    const ended = await this.run(folder, line, options)
    const fits = typeof printed === 'string' ? ended.output.includes(printed) : (printed?.test(ended.output) ?? true)
    if (ended.code === code && fits) return ended
    const lines = ended.output.trim().split('\n').slice(-15).join('\n')
    throw new Error(
      `${line}: ${ended.signal ?? `exit status ${ended.code}`}${fits ? '' : `, without ${printed}`}\n${lines}`,
    )
  }

  /** Another user than the one who installed, or null where this process may not become one. */
  get otherUser(): number | null {
    if (process.getuid?.() !== 0) return null
    return spawnSync(process.execPath, ['-v'], { uid: NOBODY }).status === 0 ? NOBODY : null
  }

  end(keep: boolean): void {
    for (const child of this.running) stop(child)
    this.server?.stop()
    if (keep) console.log(`kept: ${this.folder}`)
    else {
      spawnSync('chmod', ['-R', 'u+w', this.folder])
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}

/** Ends a program and its group; a set-up ends what it has started itself, if it is let. */
function stop({ pid }: ChildProcess): void {
  const send = (signal: NodeJS.Signals): void => {
    try {
      if (pid !== undefined) process.kill(-pid, signal)
    } catch {
      // It has ended.
    }
  }
  send('SIGTERM')
  setTimeout(() => send('SIGKILL'), 10_000).unref()
}

export function write(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}
