// A plain field of a module that a hook computes before every forward, where a parameter was.

import { internals, type Tensor } from '../../core/tensor.js'
import type { Module } from '../modules/module.js'

export const fieldsOf = (module: Module): Record<string, unknown> => module as unknown as Record<string, unknown>
export const tensorOf = (module: Module, name: string): Tensor => fieldsOf(module)[name] as Tensor

/** Sets the field, which outlives the scope that a forward runs in. */
export function setField(module: Module, name: string, value: Tensor): void {
  if (internals.ownerOf(value) !== null) internals.setOwner(value, null)
  fieldsOf(module)[name] = value
}

/** The hooks of a class that run before the module's forward. */
export function hooksOf<H>(module: Module, kind: abstract new (...args: never[]) => H): H[] {
  return [...module._forward_pre_hooks.values()].filter((hook): hook is typeof hook & H => hook instanceof kind)
}

export function removeHook(module: Module, hook: unknown): void {
  module._forward_pre_hooks.remove(hook as never)
}
