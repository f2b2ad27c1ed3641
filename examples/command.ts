// What the programs' command lines share.

import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import torch from 'tstorch'
import { try_gpu } from 'tstorch/d2l'

/** Whether a module is the program that was started, not imported. */
export const isMain = (url: string): boolean =>
  process.argv[1] !== undefined && fileURLToPath(url) === resolve(process.argv[1])

/** A user's mistake, reported without a stack. */
export class UsageError extends Error {}

/** The number of an option. */
export function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`${option} must be a whole number of at least ${least}, not '${text}'`)
  }
  return value
}

/** The number of an option that may be fractional. */
export function positiveNumber(option: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0) || !Number.isFinite(value)) {
    throw new UsageError(`${option} must be a number above 0, not '${text}'`)
  }
  return value
}

export const DEVICES = ['auto', 'cpu', 'cuda'] as const

/** The device of an option: a GPU where there is one, unless told otherwise. */
export function pickDevice(device: (typeof DEVICES)[number], graph: boolean): string {
  if (device === 'cpu' && graph) throw new UsageError('--graph needs a GPU: --device cuda')
  if (device === 'cuda' || graph) {
    try {
      torch.cuda.current_device()
    } catch (error) {
      throw new UsageError(`${graph ? '--graph' : '--device cuda'}: ${(error as Error).message}`)
    }
  }
  return device === 'auto' ? try_gpu().toString() : device
}

/** Makes the folder of a file. */
export function outFile(file: string): string {
  const folder = dirname(resolve(file))
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw new UsageError(`the folder ${folder} cannot be made: ${(error as Error).message}`)
  }
  return file
}

/** What was printed went nowhere: its reader has gone, or the disk is full. */
export class OutputError extends Error {
  /** A reader that has gone, as `head` does, has seen enough. */
  readonly wanted: boolean

  constructor(cause: Error) {
    super(`the output cannot be written: ${cause.message}`, { cause })
    this.wanted = (cause as { code?: string }).code !== 'EPIPE'
  }
}

let outputFailed: Error | null = null
process.stdout.on('error', (error) => {
  outputFailed ??= error
})

/** @throws {OutputError} if something that was printed went nowhere. */
export function checkOutput(): void {
  const error = outputFailed ?? process.stdout.errored
  if (error) throw new OutputError(error)
}

/** Prints a line. @throws {OutputError} if it went nowhere. */
export function print(...line: unknown[]): void {
  console.log(...line)
  checkOutput()
}

/** What libtorch says when memory does not suffice. */
const OUT_OF_MEMORY = /not enough memory|out of memory|can't allocate memory/i

/**
 * Runs a program; a user's mistake is reported in one line. Not awaited at the top of a module: Node ends the
 * process where a worker is terminated in a module that imports one which awaits (seen in Node 22, 24 and 26).
 */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    const { message, code } = error as { message: string; code?: string }
    const known =
      error instanceof UsageError ||
      error instanceof OutputError ||
      code?.startsWith('ERR_PARSE_ARGS') ||
      OUT_OF_MEMORY.test(message)
    if (!known) throw error
    if (error instanceof OutputError && !error.wanted) return
    console.error(message)
    process.exitCode = 1
  }
}
