// torch.jit: models made in Python by torch.jit.script and torch.jit.trace.

export { ScriptFunction } from './callable.js'
export { CompilationUnit } from './compilation_unit.js'
export { JitError as Error } from './error.js'
export { fork, wait } from './future.js'
export { load } from './load.js'
export { export_opnames, freeze, optimize_for_inference, set_fusion_strategy } from './optimize.js'
export { script, script_if_tracing, trace, trace_module } from './python_alone.js'
export { save } from './save.js'
export { type RecursiveScriptModule, ScriptModule, type ScriptObject } from './script_module.js'
export { Future } from './values.js'
