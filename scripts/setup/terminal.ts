// Output of the commands, the programs that they run, and how both end.

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** An error that the user can fix: shown without a stack. */
export class SetupError extends Error {}

/** Runs a command line. What the user can fix is one line and an exit code. */
export async function runProgram(program: { parseAsync(): Promise<unknown> }): Promise<void> {
  try {
    await program.parseAsync()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(`tstorch: ${error.message}`)
    process.exitCode = 1
  }
}

export function say(text: string): void {
  process.stderr.write(`tstorch: ${text}\n`)
}

/** A program's standard output, or null where it is missing or fails. For what answers at once. */
export function output(program: string, args: readonly string[]): string | null {
  const result = spawnSync(program, args, { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim() : null
}

/** The names under which a Python may be found. */
export const pythons = (): string[] => [process.env.PYTHON, 'python3', 'python'].filter((name) => name !== undefined)

/** What a signal must end, and what it must remove. */
const running = new Set<ChildProcess>()
const temporary = new Set<string>()
let ending = false

/** Has a file or folder removed if a signal ends the process. Returns what removes it. */
export function removedAtEnd(path: string): () => void {
  temporary.add(path)
  return () => {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 })
    temporary.delete(path)
  }
}

/** A process and all that descend from it. Where /proc does not tell them, the process alone. */
function familyOf(pid: number): number[] {
  const family = [pid]
  for (const each of family) {
    try {
      for (const task of readdirSync(`/proc/${each}/task`)) {
        const children = readFileSync(`/proc/${each}/task/${task}/children`, 'utf8')
        family.push(...children.split(' ').filter(Boolean).map(Number))
      }
    } catch {
      // It has ended.
    }
  }
  return family
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}

/** Whether a process runs; one that has ended may keep its number for a while. */
function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return process.platform !== 'linux' && send(pid, 0)
  }
}

/** How long programs have to end by themselves, in ms. */
const GRACE = 3_000

/**
 * Ends what was started, what was half done, and this process. Build tools put compilers into groups of their own and may
 * lose one when they end, so each process gets the signal.
 */
async function endBy(signal: NodeJS.Signals): Promise<void> {
  if (ending) return
  ending = true
  const leaders = [...running].flatMap(({ pid }) => pid ?? [])
  const family = leaders.flatMap(familyOf)
  for (const pid of [...leaders.map((leader) => -leader), ...family]) send(pid, 'SIGTERM')
  for (const until = Date.now() + GRACE; family.some(runs) && Date.now() < until; ) await sleep(20)
  for (const pid of [...leaders.map((leader) => -leader), ...family.flatMap(familyOf)]) send(pid, 'SIGKILL')
  for (const path of temporary) rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

/** From here on, what ends this process by a signal also ends what it has started, and leaves nothing half done. */
export function endCleanly(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void endBy(signal))
}

/** Starts a program in a group of its own, which no terminal's Ctrl-C reaches but ours. Resolves when it has ended; after a signal to us never. */
function started(program: string, args: readonly string[], options: SpawnOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, detached: true })
    running.add(child)
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('error', (error) => {
      running.delete(child)
      reject(new SetupError(`${program} could not be started: ${error.message}`))
    })
    child.on('close', (code, signal) => {
      running.delete(child)
      if (!ending) resolve({ code, signal, stderr })
    })
  })
}

interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stderr: string
}

/** Runs a program whose output the user sees, with some variables of its own. Rejects where it fails. */
export async function run(program: string, args: readonly string[], cwd?: string, env = {}): Promise<void> {
  const { code, signal } = await started(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 2, 2],
  })
  if (code === 0) return
  const name = program === process.execPath ? basename(args[0] ?? '') : program
  throw new SetupError(`${name} failed (${signal ?? `exit status ${code}`}); its messages stand above`)
}

/** Runs a program whose output nobody sees. Null where it went well, else the last line of its errors. */
export async function failureOf(program: string, args: readonly string[]): Promise<string | null> {
  const { code, signal, stderr } = await started(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  return code === 0 ? null : (stderr.trim().split('\n').at(-1) ?? `${program} failed (${signal ?? code})`)
}
