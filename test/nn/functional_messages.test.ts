// What the functions of torch.nn.functional say of wrong arguments, as scripts/reference/functional_messages.py has it in
// Python.

import { expect, test } from 'vitest'
import torch, { type DType, nn } from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

type Spec = { zeros: number[]; dtype: string } | number | number[] | string | boolean | null
type Case = [name: string, args: Spec[], options: Record<string, Spec>, message: string]

const { cases } = fixture<{ cases: Record<string, Case> }>('functional_messages.json')
const functions = nn.functional as unknown as Record<string, (...args: unknown[]) => unknown>

function build(spec: Spec): unknown {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) return spec
  return torch.zeros(spec.zeros, { dtype: (torch as unknown as Record<string, DType>)[spec.dtype] as DType })
}

/** Without the operator's schema, which stands after libtorch's messages. */
function messageOf([name, args, options]: Case): string {
  const built = Object.fromEntries(Object.entries(options).map(([key, spec]) => [key, build(spec)]))
  try {
    functions[name]?.(...args.map(build), built)
  } catch (error) {
    return (error as Error).message.replace(/ \(in aten::[\s\S]*/, '')
  }
  return 'no error'
}

test.each(Object.values(filled(cases)))('%s(%j, %j)', (...each) => {
  expect(messageOf(each as Case)).toBe(each[3])
})
