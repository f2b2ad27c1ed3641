/** What is wrong with a safetensors file, or with what should become one. Python's name. */
export class SafetensorError extends Error {
  override name = 'SafetensorError'
}
