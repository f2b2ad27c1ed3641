/** What is wrong with a checkpoint, or what it holds that is not read. Python's name. */
export class UnpicklingError extends Error {
  override name = 'UnpicklingError'
}
