// What of torch.jit needs the model's source code in Python.

const refuse = (name: string): never => {
  throw new Error(
    `torch.jit.${name} reads a model's code in Python, which is not here: script or trace it in Python, write it with ` +
      'torch.jit.save, and load it with torch.jit.load. Functions of TorchScript can be compiled from their code: ' +
      'new torch.jit.CompilationUnit(code)',
  )
}

/** @throws always: it needs the model's code in Python. */
export const script = (..._args: unknown[]): never => refuse('script')

/** @throws always: it needs the model's code in Python. */
export const script_if_tracing = (..._args: unknown[]): never => refuse('script_if_tracing')

/** @throws always: it needs the model's code in Python. */
export const trace = (..._args: unknown[]): never => refuse('trace')

/** @throws always: it needs the model's code in Python. */
export const trace_module = (..._args: unknown[]): never => refuse('trace_module')
