// How much of libtorch can be called: the names that Python exposes, and all others under torch.ops.aten.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { native } from '../../lib/core/native.js'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { Tensor } from '../../lib/index.js'
import { schemasOf } from '../generate/schema.js'

export interface Coverage {
  /** Of each namespace: how many names Python exposes. */
  exposed: Record<string, number>
  /** Names that Python exposes and tstorch does not, with the namespace. */
  missing: string[]
  /** Operators by distinct name that Python exposes. */
  publicNames: number
  /** Operators whose names do not begin with an underscore. */
  publicAten: number
  names: number
  overloads: number
  /** Overloads that need what JavaScript cannot give, and the kind of it. */
  unreachable: Record<string, string[]>
  /** Operators that nobody may call. */
  refused: string[]
}

/** Types of required arguments that nothing in JavaScript stands for. */
const UNREACHABLE = /Dimname|Storage|Stream|QScheme|__torch__|Future/

function resolve(space: string, name: string): unknown {
  if (space === 'Tensor') return name in Tensor.prototype
  let value: unknown = torch
  for (const part of [...(space === 'torch' ? [] : space.split('.')), name])
    value = (value as Record<string, unknown>)?.[part]
  return typeof value === 'function'
}

export function coverage(): Coverage {
  const lists = JSON.parse(readFileSync(join(packageRoot, 'scripts/generate/exposed_names.json'), 'utf8'))
  const spaces = Object.keys(lists).filter((key) => Array.isArray(lists[key]) && key !== 'undocumented')
  const missing: string[] = []
  const publicNames = new Set<string>()
  for (const space of spaces) {
    const prefix = ['linalg', 'fft', 'special'].includes(space) ? `${space}_` : ''
    for (const name of lists[space] as string[]) {
      publicNames.add(prefix + name)
      if (!resolve(space, name)) missing.push(`${space}.${name}`)
    }
  }
  const operators = native.operator_names().filter((name) => name.startsWith('aten::'))
  const unreachable: Record<string, string[]> = {}
  const refused: string[] = []
  for (const name of new Set(operators.map((operator) => operator.split('.')[0] as string))) {
    const schemas = schemasOf(name)
    if (schemas === null) refused.push(name.slice('aten::'.length))
    for (const schema of schemas ?? []) {
      const bad = schema.parameters.find((parameter) => parameter.required && UNREACHABLE.test(parameter.type))
      if (bad === undefined) continue
      const full = schema.overload === '' ? schema.name : `${schema.name}.${schema.overload}`
      unreachable[bad.type] = [...(unreachable[bad.type] ?? []), full]
    }
  }
  const names = new Set(operators.map((operator) => (operator.split('.')[0] as string).slice('aten::'.length)))
  return {
    exposed: Object.fromEntries(spaces.map((space) => [space, lists[space].length])),
    missing,
    publicNames: publicNames.size,
    publicAten: [...names].filter((name) => !name.startsWith('_')).length,
    names: names.size,
    overloads: operators.length,
    unreachable,
    refused,
  }
}
