// One side of a benchmark: a process that runs one case's steps when asked to, and says how long they took.

import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { packageRoot } from '../../lib/core/package_root.js'
import type { Case } from './cases.js'

export interface Round {
  /** Microseconds of a step. */
  us: number
  /** The process's peak resident memory so far, in MB (2^20 bytes). */
  peak_mb: number
}

export interface Identity {
  version: string
  threads: number
}

/** How to start a side for a case; null where it has no such case. */
export interface Side {
  name: string
  command(spec: Case): string[] | null
}

const WARM_UP_LIMIT_MS = 300_000

export class RunningSide {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface
  #stderr = ''

  constructor([program, ...args]: string[]) {
    this.#process = spawn(program as string, args)
    this.#process.stderr.on('data', (data) => {
      this.#stderr = (this.#stderr + data).slice(-4000)
    })
    this.#process.on('error', (error) => {
      this.#stderr += error.message
    })
    this.#process.stdin.on('error', () => {})
    this.#reader = createInterface({ input: this.#process.stdout })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  async #answer<T>(limit: number): Promise<T> {
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), limit)
    try {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error(this.#stderr.trim().split('\n').at(-1) || 'it ended without an answer')
      return JSON.parse(value) as T
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits for the end of the warm-up. */
  ready(): Promise<Identity> {
    return this.#answer(WARM_UP_LIMIT_MS)
  }

  async run(steps: number): Promise<Round> {
    this.#process.stdin.write(`${steps}\n`)
    return this.#answer(WARM_UP_LIMIT_MS)
  }

  end(): void {
    this.#reader.close()
    this.#process.stdin.end()
    this.#process.kill()
  }
}

/** The cases that torch.compile runs: it unrolls sequences, and compiles for minutes. */
const COMPILED = new Set(['sine', 'scratch', 'rnn 512x35', 'lstm 512x35'])
const file = (name: string) => join(packageRoot, 'scripts/bench/sides', name)
const json = (spec: Case) => JSON.stringify(spec)

function runs(program: string, code: string): boolean {
  try {
    execFileSync(program, ['-c', code], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export interface Programs {
  python: string
  jax: string
}

/** The sides on a GPU: each step by step, and as one CUDA graph. */
export function gpuSides({ python }: Programs): Side[] {
  const tstorch = (spec: Case, ...flags: string[]) => [
    process.execPath,
    join(packageRoot, 'dist/scripts/bench/sides/tstorch.js'),
    json(spec),
    ...flags,
  ]
  const sides: Side[] = [
    { name: 'tstorch', command: (spec) => tstorch(spec) },
    { name: 'tstorch, CUDA graph', command: (spec) => tstorch(spec, '--graph') },
  ]
  if (runs(python, 'import torch; assert torch.cuda.is_available()')) {
    const pytorch = (spec: Case, ...flags: string[]) => [python, file('pytorch.py'), json(spec), ...flags]
    sides.push(
      { name: 'PyTorch', command: (spec) => pytorch(spec) },
      { name: 'PyTorch, CUDA graph', command: (spec) => pytorch(spec, '--graph') },
      { name: 'torch.compile', command: (spec) => (COMPILED.has(spec.name) ? pytorch(spec, '--compile') : null) },
    )
  }
  return sides
}

/** The sides that this machine has. */
export function availableSides({ python, jax }: Programs): Side[] {
  const sides: Side[] = [
    {
      name: 'tstorch',
      command: (spec) => [process.execPath, join(packageRoot, 'dist/scripts/bench/sides/tstorch.js'), json(spec)],
    },
  ]
  if (runs(python, 'import torch')) {
    sides.push({
      name: 'PyTorch',
      command: (spec) => (spec.task === 'add_in_scope' ? null : [python, file('pytorch.py'), json(spec)]),
    })
    sides.push({
      name: 'torch.compile',
      command: (spec) => (COMPILED.has(spec.name) ? [python, file('pytorch.py'), json(spec), '--compile'] : null),
    })
  }
  if (runs(jax, 'import jax')) {
    const has = ({ task, layers }: Case) => layers === 1 && !/^(add|optimizer|program|calls|file)/.test(task)
    sides.push({ name: 'JAX', command: (spec) => (has(spec) ? [jax, file('jax_side.py'), json(spec)] : null) })
  }
  const program = join(packageRoot, 'build/bench_libtorch')
  if (existsSync(program)) {
    sides.push({
      name: 'libtorch C++',
      command: (spec) => {
        if (['add_in_scope', 'optimizer', 'program', 'calls', 'file'].includes(spec.task)) return null
        const { task, cell, hidden, length, batch, layers, bidirectional, warmup } = spec
        return [program, ...[task, cell, hidden, length, batch, layers, bidirectional, warmup].map(String)]
      },
    })
  }
  return sides
}
