// A random program of the public API: a list of steps. What a step does it decides by its picks, small numbers, so that
// every program can be made from a seed, written as JSON and shrunk.

import fc from 'fast-check'

/** What one step does, and the numbers that it decides by. */
export type Step = [name: string, picks: number[]]
export type Program = Step[]

const PICKS = 10

/** Reads numbers one after the other; a list that is used up gives zeros. */
export class Picks {
  readonly #numbers: readonly number[]
  #next = 0

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }

  below(end: number): number {
    return (this.#numbers[this.#next++] ?? 0) % end
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }

  /** The numbers that are left, for what decides later and perhaps more than once. */
  rest(): number[] {
    return this.#numbers.slice(this.#next)
  }
}

/** Programs of steps by their names; a name that is there more than once is picked more often. */
export function programs(names: readonly string[]): fc.Arbitrary<Program> {
  const step = fc.tuple(
    fc.constantFrom(...names),
    fc.array(fc.nat(9999), { minLength: PICKS, maxLength: PICKS, size: 'max' }),
  )
  return fc.array(step, { minLength: 1, maxLength: 24, size: 'max' })
}

/** How fast-check is to make the one program that belongs to a seed. */
export const parameters = (seed: number, place: number) => ({
  seed: (Math.imul(seed, 0x9e3779b1) + place) | 0,
  numRuns: 1,
  unbiased: true,
})

export function programAt(arbitrary: fc.Arbitrary<Program>, seed: number, place: number): Program {
  return fc.sample(arbitrary, parameters(seed, place))[0] as Program
}

/** The exit status of a process that leaves the rest of its programs to another, since it has grown. */
export const GROWN = 42
