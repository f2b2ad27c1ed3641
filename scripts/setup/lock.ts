// A lock that processes hold one at a time, by a file. One that ended without giving it back holds it no longer.

import { mkdirSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { removedAtEnd, say } from './terminal.js'

/** The holder touches its lock so often, and one that was not touched for so long has no holder, in ms. */
const TOUCHED = 2_000
const FORGOTTEN = 30_000

/** Numbers of processes mean something only here. */
const place = ((): string => {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
})()

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether a living process holds the lock. */
export function isHeld(file: string): boolean {
  try {
    const [pid, ...where] = readFileSync(file, 'utf8').split(' ')
    if (where.join(' ') === place && !isAlive(Number(pid))) return false
    return Date.now() - statSync(file).mtimeMs < FORGOTTEN
  } catch {
    return false
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid} ${place}`, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/** Does something while no other process does what takes the same lock; `what` says it to those that wait. */
export async function locked<T>(file: string, what: string, action: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true })
  let said = false
  while (!take(file)) {
    if (!isHeld(file)) {
      // Looked at twice, as another may have taken it over meanwhile.
      await sleep(50 + Math.random() * 100)
      if (!isHeld(file)) rmSync(file, { force: true })
      continue
    }
    if (!said) say(`another setup is ${what}; this one waits for it`)
    said = true
    await sleep(100)
  }
  const giveBack = removedAtEnd(file)
  const touch = setInterval(() => {
    const now = new Date()
    try {
      utimesSync(file, now, now)
    } catch {
      // Somebody has deleted it.
    }
  }, TOUCHED)
  try {
    return await action()
  } finally {
    clearInterval(touch)
    giveBack()
  }
}
