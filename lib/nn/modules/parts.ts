// The parts of a module and of all below it: walks over them, looking them up by path, and registering them.

import type { Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Parameter } from '../parameter.js'
import { Fields, nonPersistentBuffers, parametersAndModulesOf, partRecord, partsOf, register } from './fields.js'
import type { Module } from './module.js'

export const modulesOf = (module: Fields): [string, Module][] =>
  partsOf(module, 'module') as unknown as [string, Module][]
const parametersOf = (module: Fields): [string, Parameter][] => partsOf(module, 'parameter')
const buffersOf = (module: Fields): [string, Tensor][] => partsOf(module, 'buffer')

function member(module: Module, name: string): unknown {
  if (!(name in module)) throw new RangeError(`${module.constructor.name} has no attribute \`${name}\``)
  return (module as unknown as Record<string, unknown>)[name]
}

/** A module as the tree of its parts. */
export class Parts extends Fields {
  /** The direct submodules with their names. */
  named_children(): [string, Module][] {
    const seen = new Set<Module>()
    return modulesOf(this).filter(([, module]) => !seen.has(module) && seen.add(module))
  }

  children(): Module[] {
    return this.named_children().map(([, module]) => module)
  }

  /** This module and all below it with their paths, each once unless `remove_duplicate` is false. */
  named_modules(...args: Arguments['nn.Module.named_modules']): [string, Module][] {
    const { memo, prefix, remove_duplicate } = read('nn.Module.named_modules', args)
    return this.#namedModules(memo ?? new Set(), prefix, remove_duplicate)
  }

  #namedModules(memo: Set<Module>, prefix: string, remove_duplicate: boolean): [string, Module][] {
    const self = this as unknown as Module
    if (memo.has(self)) return []
    if (remove_duplicate) memo.add(self)
    const below = modulesOf(this).flatMap(([name, module]) =>
      module.#namedModules(memo, prefix === '' ? name : `${prefix}.${name}`, remove_duplicate),
    )
    return [[prefix, self], ...below]
  }

  /** This module and all below it, each once unless `remove_duplicate` is false. */
  modules(...args: Arguments['nn.Module.modules']): Module[] {
    const { remove_duplicate } = read('nn.Module.modules', args)
    return remove_duplicate ? this.#modules() : this.#namedModules(new Set(), '', false).map(([, module]) => module)
  }

  #modules(): Module[] {
    const found = new Set<Module>()
    const collect = (module: Module): void => {
      if (found.has(module)) return
      found.add(module)
      for (const [, child] of modulesOf(module)) collect(child)
    }
    collect(this as unknown as Module)
    return [...found]
  }

  #named<T>(
    own: (module: Module) => [string, T][],
    { prefix, recurse, remove_duplicate }: { prefix: string; recurse: boolean; remove_duplicate: boolean },
  ): [string, T][] {
    const seen = new Set<T>()
    const modules: [string, Module][] = recurse
      ? this.#namedModules(new Set(), prefix, remove_duplicate)
      : [[prefix, this as unknown as Module]]
    return modules.flatMap(([path, module]) =>
      own(module)
        .filter(([, value]) => !remove_duplicate || (!seen.has(value) && seen.add(value)))
        .map(([name, value]): [string, T] => [path === '' ? name : `${path}.${name}`, value]),
    )
  }

  /** The parameters of this module and, unless `recurse` is false, of all below it, each once unless told otherwise. */
  named_parameters(...args: Arguments['nn.Module.named_parameters']): [string, Parameter][] {
    return this.#named(parametersOf, read('nn.Module.named_parameters', args))
  }

  /** Without names, which cost more than the rest: training needs these in every step. */
  parameters(...args: Arguments['nn.Module.parameters']): Parameter[] {
    const { recurse } = read('nn.Module.parameters', args)
    const found = new Set<Parameter>()
    const seen = new Set<Fields>()
    const collect = (module: Fields): void => {
      if (seen.has(module)) return
      seen.add(module)
      const [own, below] = parametersAndModulesOf(module)
      for (const [, parameter] of own) found.add(parameter)
      if (recurse) for (const [, child] of below) collect(child)
    }
    collect(this)
    return [...found]
  }

  named_buffers(...args: Arguments['nn.Module.named_buffers']): [string, Tensor][] {
    return this.#named(buffersOf, read('nn.Module.named_buffers', args))
  }

  buffers(...args: Arguments['nn.Module.buffers']): Tensor[] {
    const { recurse } = read('nn.Module.buffers', args)
    return this.#named(buffersOf, { prefix: '', recurse, remove_duplicate: true }).map(([, buffer]) => buffer)
  }

  /** The names of this module's own buffers that are not in the state_dict. */
  get _non_persistent_buffers_set(): Set<string> {
    return nonPersistentBuffers(this)
  }

  // Under Python's names: this module's own parts by name, null for those that are registered and empty. What is written
  // into these objects does not reach the module: assign, delete or register a field.

  get _parameters(): Readonly<Record<string, Parameter | null>> {
    return partRecord(this, 'parameter')
  }

  get _buffers(): Readonly<Record<string, Tensor | null>> {
    return partRecord(this, 'buffer')
  }

  get _modules(): Readonly<Record<string, Module | null>> {
    return partRecord(this, 'module') as unknown as Record<string, Module | null>
  }

  /**
   * The submodule at a path such as 'encoder.0'; the module itself for ''.
   * @throws {RangeError} where a part of the path is not there, or is no module; as Python's AttributeError.
   */
  get_submodule(...args: Arguments['nn.Module.get_submodule']): Module {
    const { target } = read('nn.Module.get_submodule', args)
    let module = this as unknown as Module
    for (const name of target === '' ? [] : target.split('.')) {
      const found = member(module, name)
      if (!(found instanceof Parts)) throw new RangeError(`\`${name}\` is not an nn.Module`)
      module = found as Module
    }
    return module
  }

  /**
   * Puts `module` at a path, in the place of a submodule or, unless `strict`, as a new part of the module above it.
   * @throws {RangeError} where the module above is not there, something else has the name, or with `strict` nothing has.
   */
  set_submodule(...args: Arguments['nn.Module.set_submodule']): void {
    const { target, module, strict } = read('nn.Module.set_submodule', args)
    if (target === '') throw new RangeError('Cannot set the submodule without a target name!')
    if (!(module instanceof Parts)) throw new RangeError(`\`module\` is not an nn.Module, found ${describe(module)}`)
    const [parent, name] = this.#parentOf(target)
    if (strict || name in parent) {
      if (!(member(parent, name) instanceof Parts)) throw new RangeError(`\`${name}\` is not an nn.Module`)
    }
    // A new name is no position of a Sequential's, which an assignment would take it for.
    if (name in parent) (parent as unknown as Record<string, Module>)[name] = module as Module
    else parent.add_module(name, module as Module)
  }

  /** @throws {RangeError} where the path leads nowhere, or to no parameter. */
  get_parameter(...args: Arguments['nn.Module.get_parameter']): Parameter {
    const [parent, name] = this.#parentOf(read('nn.Module.get_parameter', args).target)
    const found = member(parent, name)
    if (!(found instanceof Parameter)) throw new RangeError(`\`${name}\` is not an nn.Parameter`)
    return found
  }

  /** @throws {RangeError} where the path leads nowhere, or to no buffer. */
  get_buffer(...args: Arguments['nn.Module.get_buffer']): Tensor {
    const [parent, name] = this.#parentOf(read('nn.Module.get_buffer', args).target)
    const found = member(parent, name)
    if (!Object.hasOwn(parent._buffers, name)) throw new RangeError(`\`${name}\` is not a buffer`)
    return found as Tensor
  }

  /** The module that a path's last name belongs to, and that name. */
  #parentOf(target: string): [parent: Module, name: string] {
    const dot = target.lastIndexOf('.')
    return [this.get_submodule(dot === -1 ? '' : target.slice(0, dot)), target.slice(dot + 1)]
  }

  /**
   * Makes `tensor` a buffer: part of the module's state, and not learned. Whatever tensor is assigned to its name later
   * is one too. Only a persistent buffer is in the state_dict.
   */
  register_buffer(...args: Arguments['nn.Module.register_buffer']): void {
    const { name, tensor, persistent } = read('nn.Module.register_buffer', args)
    register(this, 'buffer', name, tensor, persistent)
  }

  register_parameter(...args: Arguments['nn.Module.register_parameter']): void {
    const { name, param } = read('nn.Module.register_parameter', args)
    if (param !== null && !(param instanceof Parameter)) {
      throw new TypeError(
        `cannot assign '${describe(param)}' to parameter '${name}': it must be an nn.Parameter or null`,
      )
    }
    register(this, 'parameter', name, param)
  }

  add_module(...args: Arguments['nn.Module.add_module']): void {
    const { name, module } = read('nn.Module.add_module', args)
    if (module !== null && !(module instanceof Parts))
      throw new TypeError(`${describe(module)} is not a Module subclass`)
    register(this, 'module', name, module)
  }

  /** Another name of `add_module`. */
  register_module(...args: Arguments['nn.Module.register_module']): void {
    const { name, module } = read('nn.Module.register_module', args)
    this.add_module(name, module)
  }
}
