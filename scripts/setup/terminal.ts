// Output of the commands, and the programs that they run.

import { spawn, spawnSync } from 'node:child_process'

/** An error that the user can fix: shown without a stack. */
export class SetupError extends Error {}

export function say(text: string): void {
  process.stderr.write(`tstorch: ${text}\n`)
}

/** A program's standard output, or null where it is missing or fails. */
export function output(program: string, args: readonly string[]): string | null {
  const result = spawnSync(program, args, { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim() : null
}

/** The names under which a Python may be found. */
export const pythons = (): string[] => [process.env.PYTHON, 'python3', 'python'].filter((name) => name !== undefined)

/** Runs a program whose output the user sees, with some variables of its own. Rejects where it fails. */
export function run(program: string, args: readonly string[], cwd?: string, env = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 2, 2] })
    child.on('error', (error) => reject(new SetupError(`${program} could not be started: ${error.message}`)))
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new SetupError(`${program} failed (${signal ?? `exit status ${code}`}); its messages stand above`))
    })
  })
}
