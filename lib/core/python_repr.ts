/** A setting as Python writes it: True, None, 1e-08, (0.9, 0.999). */
export function pythonRepr(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (value === null) return 'None'
  if (Array.isArray(value)) return `(${value.map(pythonRepr).join(', ')}${value.length === 1 ? ',' : ''})`
  if (typeof value === 'number') return numberRepr(value)
  return String(value)
}

function numberRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const size = Math.abs(value)
  // Python switches to exponents sooner than JavaScript.
  const text = size !== 0 && (size < 1e-4 || size >= 1e16) ? value.toExponential() : String(value)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}
