import { native } from '../core/native.js'
import { type Arguments, read } from './generated/arguments.js'
import { moduleOf, type ScriptModule, scriptOf } from './script_module.js'

/**
 * A copy of a module in eval mode whose parameters and attributes are constants of its code, but for those in
 * `preserved_attrs`: faster, and no longer to be trained.
 */
export function freeze(...args: Arguments['jit.freeze']): ScriptModule {
  const { mod, preserved_attrs, optimize_numerics } = read('jit.freeze', args)
  const script = scriptOf(mod, 'torch.jit.freeze')
  if ((mod as ScriptModule).training) {
    throw new Error(
      'Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing.',
    )
  }
  return moduleOf(native.jit_freeze(script, preserved_attrs ?? [], optimize_numerics))
}

/** Freezes a module, where it is not frozen yet, and puts in place of its operators those that run faster here. */
export function optimize_for_inference(...args: Arguments['jit.optimize_for_inference']): ScriptModule {
  const { mod, other_methods } = read('jit.optimize_for_inference', args)
  const script = scriptOf(mod, 'torch.jit.optimize_for_inference')
  return moduleOf(native.jit_optimize_for_inference(script, other_methods ?? []))
}

/** The names of all operators that a module's methods call. */
export function export_opnames(...args: Arguments['jit.export_opnames']): string[] {
  const { m } = read('jit.export_opnames', args)
  return native.jit_export_opnames(scriptOf(m, 'torch.jit.export_opnames'))
}

type Strategy = [behavior: 'STATIC' | 'DYNAMIC', depth: number][]

/** Sets how often fused operators are compiled again for other sizes; gives what it was. For the whole process. */
export function set_fusion_strategy(...args: Arguments['jit.set_fusion_strategy']): Strategy {
  const { strategy } = read('jit.set_fusion_strategy', args)
  const before = native.jit_set_fusion_strategy(
    strategy.map(([behavior]) => behavior),
    strategy.map(([, depth]) => depth),
  )
  const result: Strategy = []
  for (let i = 0; i < before.length; i += 2) result.push([before[i] as 'STATIC' | 'DYNAMIC', before[i + 1] as number])
  return result
}
