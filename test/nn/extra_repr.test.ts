// What modules print of their settings, as scripts/reference/extra_repr.py has it in Python.

import { expect, test } from 'vitest'
import torch, { type DType, nn } from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

interface ModuleSpec {
  module: string
  args: Spec[]
  options: Record<string, unknown>
}
type Spec =
  | ModuleSpec
  | { named: Record<string, Spec> }
  | { list: Spec[] }
  | { zeros: number[]; dtype?: string }
  | number
  | string
  | null
  | (number | null)[]

interface Case extends ModuleSpec {
  text: string
  extra: string
}

const { modules: cases } = fixture<{ modules: Case[] }>('extra_repr.json')
const classes = nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>

function build(spec: Spec): unknown {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) return spec
  if ('module' in spec) {
    const named = Object.entries(spec.options).map(([name, option]) => [name, build(option as Spec)])
    const options = named.length > 0 ? [Object.fromEntries(named)] : []
    return new (classes[spec.module] as (typeof classes)[string])(...spec.args.map(build), ...options)
  }
  if ('named' in spec) return Object.fromEntries(Object.entries(spec.named).map(([name, part]) => [name, build(part)]))
  if ('list' in spec) return spec.list.map(build)
  const { zeros, dtype = 'float32' } = spec
  return torch.zeros(zeros, { dtype: (torch as unknown as Record<string, DType>)[dtype] as DType })
}

test.each(filled(cases))('$module($args, $options)', (spec) => {
  const module = build(spec) as nn.Module
  expect(module.extra_repr()).toBe(spec.extra)
  expect(String(module)).toBe(spec.text)
})

test('every module that is there is among the cases', () => {
  const there = Object.entries(nn)
    .filter(([, value]) => typeof value === 'function' && value.prototype instanceof nn.Module)
    .map(([name]) => name)
  // Nobody makes one of these.
  const abstract = ['RNNBase', 'RNNCellBase']
  const made = new Set([...abstract, ...cases.map(({ module }) => module)])
  expect([...made].sort()).toEqual(there.sort())
})
