// torch.export: programs that Python exported. Their operators are run by Python alone.

const CURE =
  'compile it in Python, torch._inductor.aoti_compile_and_package(program, package_path="model.pt2"), and load that with ' +
  'torch._inductor.aoti_load_package("model.pt2"); or write it with torch.jit.save(torch.jit.trace(...)) for torch.jit.load'

/** @throws always: libtorch has no reader of exported programs. The message says what to do. */
export function load(..._args: unknown[]): never {
  throw new Error(`torch.export.load(): libtorch cannot run an ExportedProgram without Python: ${CURE}`)
}

/** @throws always, as `load`. */
export function save(..._args: unknown[]): never {
  throw new Error('torch.export.save(): there are no ExportedPrograms here, as models are exported in Python')
}
