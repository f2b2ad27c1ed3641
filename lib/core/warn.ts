// Warnings, as Node shows them. As in Python, each is shown once.

const shown = new Set<string>()

export function warn(message: string, code?: string): void {
  if (shown.has(message)) return
  shown.add(message)
  process.emitWarning(message, code === undefined ? {} : { code })
}
