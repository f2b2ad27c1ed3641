// Modules without parameters, as scripts/reference/settings_modules.py has them in Python: their fields, outputs and input
// gradients, the random numbers that they draw, what they refuse and how.

import { describe, expect, test } from 'vitest'
import torch, { type DType, nn, type Tensor } from '../../lib/index.js'
import * as activation from '../../lib/nn/modules/activation.js'
import * as adaptive_pooling from '../../lib/nn/modules/adaptive_pooling.js'
import * as channelshuffle from '../../lib/nn/modules/channelshuffle.js'
import * as distance from '../../lib/nn/modules/distance.js'
import * as dropout from '../../lib/nn/modules/dropout.js'
import * as flatten from '../../lib/nn/modules/flatten.js'
import * as fold from '../../lib/nn/modules/fold.js'
import * as padding from '../../lib/nn/modules/padding.js'
import * as pixelshuffle from '../../lib/nn/modules/pixelshuffle.js'
import * as pooling from '../../lib/nn/modules/pooling.js'
import * as softmax from '../../lib/nn/modules/softmax.js'
import * as upsampling from '../../lib/nn/modules/upsampling.js'
import type { SignatureKey } from '../../lib/operators/arguments.js'
import { signatures } from '../../lib/operators/generated/signatures.js'
import { expectTensor, filled, fixture, type Values } from '../helpers.js'

interface Spec {
  module: string
  args: unknown[]
  options: Record<string, unknown>
  inputs?: number[][][]
  call?: unknown[]
}
interface Result {
  outputs: Values[]
  grads: Values[]
}
interface Case extends Spec {
  dtype: 'float32' | 'float64'
  inputs: number[][][]
  /** What makes the indices of an unpooling. */
  pooled?: { args: unknown[]; options: object }
  fields: Record<string, unknown>
  /** A result for both modes, or one for each. */
  calls: ({ both: Result } | { train: Result; eval: Result })[]
}
interface Refusal extends Spec {
  error: keyof typeof ERRORS
  message: string
}

const ERRORS = {
  ValueError: RangeError,
  AssertionError: RangeError,
  IndexError: RangeError,
  RuntimeError: Error,
  TypeError: TypeError,
}
/** Eight digits are in the fixture; normal numbers of float32 differ from processor to processor in the last bits. */
const TOLERANCE = { float32: 1e-5, float64: 1e-7 }

const SPECIAL: Record<string, number> = { inf: Infinity, '-inf': -Infinity }
const number = (value: unknown) => SPECIAL[value as string] ?? value

type Callable = nn.Module & ((...inputs: unknown[]) => Tensor | Tensor[])
const classes = nn as unknown as Record<string, new (...args: unknown[]) => Callable>

function make({ module, args, options }: Pick<Spec, 'module' | 'args' | 'options'>): Callable {
  const named = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, number(value)]))
  const keywords = Object.keys(named).length > 0 ? [named] : []
  return new (classes[module] as (typeof classes)[string])(...args.map(number), ...keywords)
}

const list = (result: Tensor | Tensor[]): Tensor[] => (Array.isArray(result) ? result : [result])

function run(spec: Case, shapes: number[][], training: boolean): { outputs: Tensor[]; grads: Tensor[] } {
  torch.manual_seed(11)
  const module = make(spec).train(training)
  const dtype = (torch as unknown as Record<string, DType>)[spec.dtype] as DType
  const leaves = shapes.map((shape) => torch.randn(shape, { dtype }).mul(4).requires_grad_())
  let inputs = leaves.map((leaf) => leaf.clone())
  if (spec.pooled !== undefined) {
    const options = { ...spec.pooled.options, return_indices: true }
    inputs = list(make({ module: spec.module.replace('Unpool', 'Pool'), args: spec.pooled.args, options })(...inputs))
  }
  const outputs = list(module(...inputs, ...(spec.call ?? [])))
  const [first] = outputs as [Tensor]
  first.backward(torch.randn_like(first))
  return { outputs, grads: leaves.map((leaf) => leaf.grad as Tensor) }
}

const { cases } = fixture<{ cases: Case[] }>('settings_modules.json')
const { errors } = fixture<{ errors: Refusal[] }>('settings_modules_errors.json')

describe.each(filled(cases))('$module($args, $options), $dtype', (spec) => {
  test('has Python’s fields', () => {
    const module = make(spec)
    const fields = Object.keys(module).filter((name) => !name.startsWith('_'))
    expect(fields.sort()).toEqual(Object.keys(spec.fields).sort())
    for (const name of fields) {
      const expected = spec.fields[name]
      expect([name, (module as unknown as Record<string, unknown>)[name]]).toEqual([name, number(expected)])
    }
    expect(Object.keys(module.state_dict())).toEqual([])
  })

  test.each(['train', 'eval'] as const)('gives Python’s outputs and gradients (%s)', (mode) => {
    filled(spec.inputs).forEach((shapes, i) => {
      const call = spec.calls[i] as Case['calls'][number]
      const expected = 'both' in call ? call.both : call[mode]
      const { outputs, grads } = run(spec, shapes, mode === 'train')
      const what = `of ${JSON.stringify(shapes)}`
      expect(outputs.length).toBe(expected.outputs.length)
      for (const [kind, found] of Object.entries({ outputs, grads }))
        expected[kind as keyof Result].forEach((values, j) => {
          expectTensor(found[j] as Tensor, values, TOLERANCE[spec.dtype], `${kind} ${what}`)
        })
    })
  })
})

test.each(filled(errors))('$module($args, $options), called with $inputs, $call: $message', (spec) => {
  const refused = () => {
    const module = make(spec)
    for (const shapes of spec.inputs ?? []) {
      const inputs = shapes.map((shape) => torch.ones(shape))
      if (spec.module.includes('Unpool')) inputs[1] = (inputs[1] as Tensor).long()
      module(...inputs, ...(spec.call ?? []))
    }
  }
  expect(refused).toThrow(ERRORS[spec.error])
  expect(refused).toThrow(spec.message)
})

/** Whether a class's modules are made of weights: the constructor then says of what dtype. */
const hasWeights = (name: string): boolean => /\bdtype:/.test(signatures[`nn.${name}` as SignatureKey])

test('every class of these files is among the cases', () => {
  const classes = [
    activation,
    adaptive_pooling,
    channelshuffle,
    distance,
    dropout,
    flatten,
    fold,
    padding,
    pixelshuffle,
    pooling,
    softmax,
    upsampling,
  ]
  const there = classes.flatMap((file) => Object.keys(file)).filter((name) => !hasWeights(name))
  expect(there.sort()).toEqual([...new Set(cases.map(({ module }) => module))].sort())
})

describe('what has no counterpart in Python', () => {
  test('is refused: dimensions by name, and a string for sizes', () => {
    for (const size of [[['features', 2]], 'ab', [2, 'b'], [1.5]])
      expect(() => new nn.Unflatten(1, size as never)).toThrow(
        /Unflatten\(\): argument 'unflattened_size' .* must be tuple of ints/,
      )
    expect(() => new nn.AdaptiveAvgPool2d(['3', 3] as never)).toThrow(TypeError)
    expect(() => new nn.MaxPool2d({ kernel_size: 2, strides: 1 } as never)).toThrow(/did you mean 'stride'\?/)
  })
})
