// When a scheduler of a user's makes its first step. Python's subclasses set their fields and then call the constructor
// of LRScheduler, which asks `get_lr` for the first rates. A class of JavaScript's has no fields before that constructor
// has returned: so the first step waits until somebody looks at what it changes.

import { type AnyOptimizer, groupsOf } from './rates.js'

interface Scheduler {
  optimizer: AnyOptimizer
  _initial_step(): void
}

const waiting = new WeakMap<object, () => void>()

/** Makes the first step of a scheduler where it is still to come. */
export function settle(scheduler: object): void {
  waiting.get(scheduler)?.()
}

/** Lets the first step wait for the first look at a group's `lr`, or at one of these fields of the scheduler. */
export function deferFirstStep(scheduler: Scheduler, fields: readonly string[]): void {
  const restore: (() => void)[] = []
  const first = (): void => {
    waiting.delete(scheduler)
    for (const undo of restore) undo()
    scheduler._initial_step()
  }
  waiting.set(scheduler, first)
  const watch = (owner: Record<string, unknown>, key: string): void => {
    // Another scheduler may be waiting for the same look: the last one to come is asked first, and looks in its turn.
    const before = Object.getOwnPropertyDescriptor(owner, key) as PropertyDescriptor
    restore.push(() => Object.defineProperty(owner, key, before))
    Object.defineProperty(owner, key, {
      configurable: true,
      enumerable: true,
      get() {
        settle(scheduler)
        return owner[key]
      },
      set(value) {
        settle(scheduler)
        owner[key] = value
      },
    })
  }
  for (const group of groupsOf(scheduler.optimizer)) watch(group, 'lr')
  for (const field of fields) watch(scheduler as unknown as Record<string, unknown>, field)
}
