// JSON, read as strictly as Python's safetensors reads it. JSON.parse takes the last of two equal names, cannot tell 2
// from 2.0, rounds beyond 2^53 and takes half a surrogate pair.

/** A whole number of at most 64 bits is a bigint, any other a number. */
export type Json = null | boolean | string | number | bigint | Json[] | Map<string, Json>

/** How many arrays and objects may lie in each other, as in Python. */
const DEPTH = 127
const LARGEST = 2n ** 64n - 1n

const SPACE = /[ \t\n\r]*/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const LITERALS: [text: string, value: null | boolean][] = [
  ['null', null],
  ['true', true],
  ['false', false],
]

/** @throws {SyntaxError} that says what is wrong. */
export function parseJson(text: string): Json {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

class Reader {
  #at = 0

  constructor(readonly text: string) {}

  value(depth: number): Json {
    const first = this.#next()
    if (depth === DEPTH && (first === '{' || first === '[')) throw new SyntaxError('it is nested too deeply')
    switch (first) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"':
        return this.#string()
    }
    const literal = LITERALS.find(([text]) => this.text.startsWith(text, this.#at))
    if (literal === undefined) return this.#number()
    this.#at += literal[0].length
    return literal[1]
  }

  end(): void {
    if (this.#next() !== '') throw new SyntaxError(`there is more behind its end, at position ${this.#at}`)
  }

  /** The next character that is no space; nothing at the end. */
  #next(): string {
    SPACE.lastIndex = this.#at
    SPACE.test(this.text)
    this.#at = SPACE.lastIndex
    return this.text.charAt(this.#at)
  }

  /** Whether this character comes next; if so it is read. */
  #takes(character: string): boolean {
    if (this.#next() !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#takes(character)) throw new SyntaxError(`there is no '${character}' at position ${this.#at}`)
  }

  #object(depth: number): Map<string, Json> {
    const result = new Map<string, Json>()
    this.#expect('{')
    if (this.#takes('}')) return result
    do {
      if (this.#next() !== '"') throw new SyntaxError(`there is no name at position ${this.#at}`)
      const name = this.#string()
      if (result.has(name)) throw new SyntaxError(`${JSON.stringify(name)} is there twice`)
      this.#expect(':')
      result.set(name, this.value(depth + 1))
    } while (this.#takes(','))
    this.#expect('}')
    return result
  }

  #array(depth: number): Json[] {
    const result: Json[] = []
    this.#expect('[')
    if (this.#takes(']')) return result
    do result.push(this.value(depth + 1))
    while (this.#takes(','))
    this.#expect(']')
    return result
  }

  #string(): string {
    const start = this.#at
    let end = start
    let slashes: number
    do {
      end = this.text.indexOf('"', end + 1)
      if (end === -1) throw new SyntaxError(`the string at position ${start} has no end`)
      for (slashes = 0; this.text[end - 1 - slashes] === '\\'; ) slashes++
    } while (slashes % 2 === 1)
    this.#at = end + 1
    // It refuses what may not stand in a string.
    const value: string = JSON.parse(this.text.slice(start, end + 1))
    if (hasLoneSurrogate(value)) throw new SyntaxError(`the string at position ${start} holds half a surrogate pair`)
    return value
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at
    const [text] = NUMBER.exec(this.text) ?? []
    if (text === undefined) throw new SyntaxError(`there is no value at position ${this.#at}`)
    this.#at = NUMBER.lastIndex
    const value = Number(text)
    if (!Number.isFinite(value)) throw new SyntaxError('a number is out of range')
    // A longer text is no whole number of 64 bits, and slow to read.
    const whole = /^\d{1,20}$/.test(text) ? BigInt(text) : null
    return whole !== null && whole <= LARGEST ? whole : value
  }
}

/** Whether a text holds half a surrogate pair, which UTF-8 cannot hold. */
export const hasLoneSurrogate = (text: string): boolean => /\p{Surrogate}/u.test(text)
