// How texts of modules and optimizers are compared.

/**
 * Whether a module or an optimizer that was made with `given` prints what Python's does. JavaScript does not tell 1.0
 * from 1: where such a number was given, texts are compared without their .0.
 */
export function samePrinting(actual: string, expected: string, given: unknown): boolean {
  if (actual === expected) return true
  const wholeFloat = /"float":\s*-?\d+(?:\.0)?[},]/.test(JSON.stringify(given))
  const plain = (text: string) => text.replace(/(\d)\.0\b/g, '$1')
  return wholeFloat && plain(actual) === plain(expected)
}
