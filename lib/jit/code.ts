// How deep TorchScript's code is nested: libtorch's parser and compiler call themselves for each step down, and the stack
// ends where nobody catches it.

/** Code that libtorch writes stays far below these. */
const DEEPEST = 200
const LONGEST_CHAIN = 1000

/** What makes an expression one step deeper, beside brackets: operators, by sign or by word. */
const STEP = /^(?:and|or|not|in|is|if|else|elif|lambda)\b|^[-+*/%&|^<>=!~.@]/

/** Names and numbers, which are passed over whole. */
const WORD = /^[\w]+(?:\.\d+(?:[eE][-+]?\d+)?)?/

/** Where a string that begins here ends; -1 where it does not. */
function endOfString(code: string, start: number): number {
  const quote = code[start] as string
  const triple = code.startsWith(quote.repeat(3), start)
  for (let at = start + (triple ? 3 : 1); at < code.length; at++) {
    const character = code[at]
    if (character === '\\') at++
    else if (triple ? code.startsWith(quote.repeat(3), at) : character === quote) return at + (triple ? 3 : 1)
    else if (character === '\n' && !triple) return -1
  }
  return -1
}

/** @throws where code is nested deeper, or an expression is longer, than libtorch's compiler can be given. */
export function checkCode(code: string, name: string): void {
  const refuse = (): never => {
    throw new Error(`${name} is nested too deep to be compiled`)
  }
  /** Steps of the expression at each depth of brackets. */
  const steps = [0]
  let at = 0
  while (at < code.length) {
    const character = code[at] as string
    const top = steps.length - 1
    if (character === '\n') {
      at++
      if (top > 0) continue
      steps[0] = 0
      let indentation = 0
      while (code[at] === ' ' || code[at] === '\t') {
        at++
        indentation++
      }
      if (indentation > 2 * DEEPEST) refuse()
      continue
    }
    if (character === '#') {
      while (at < code.length && code[at] !== '\n') at++
      continue
    }
    const rest = code.slice(at, at + 64)
    if (character === "'" || character === '"') {
      at = endOfString(code, at)
      if (at === -1) throw new Error(`${name} has a string without an end`)
      continue
    }
    if ('([{'.includes(character)) {
      if (steps.push(0) > DEEPEST) refuse()
    } else if (')]}'.includes(character)) {
      if (top > 0) steps.pop()
    } else if (character === ',') {
      steps[top] = 0
    } else if (STEP.test(rest)) {
      steps[top] = (steps[top] as number) + 1
      if ((steps[top] as number) > LONGEST_CHAIN) refuse()
    }
    at += WORD.exec(rest)?.[0].length || 1
  }
}
