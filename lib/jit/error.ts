/** The name of errors that native code throws for TorchScript's own exceptions. */
const NAME = 'torch.jit.Error'

/** What TorchScript's `raise` throws. What its operators throw are errors as everywhere. */
export class JitError extends Error {
  override name = NAME

  /** The error as one of these where it is. */
  static of(error: unknown): unknown {
    if (error instanceof Error && error.name === NAME) Object.setPrototypeOf(error, JitError.prototype)
    return error
  }
}
