// Containers: what their methods leave, as scripts/reference/containers.py has it in Python.

import { describe, expect, test } from 'vitest'
import torch, { nn } from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

const { torch: _, ...expected } = fixture<Record<string, string>>('containers.json')

const [relu, tanh, linear] = [new nn.ReLU(), new nn.Tanh(), new nn.Linear(1, 2)]
const named = (): nn.Sequential => new nn.Sequential({ b: relu, a: linear })
const row = (): nn.Sequential => new nn.Sequential<nn.Module[]>(relu, tanh, linear)
const { zeros } = torch

function after<T>(made: T, ...changes: ((made: T) => unknown)[]): T {
  for (const change of changes) change(made)
  return made
}

const cases: Record<string, () => nn.Module> = {
  'append to names': () => named().append(tanh),
  'assign the last': () =>
    after(named(), (s) => {
      s[-1] = tanh
    }),
  'pop a name': () => after(named(), (s) => s.pop(0)),
  insert: () => row().insert(1, new nn.Sigmoid()).insert(-1, relu).insert(5, relu),
  pop: () =>
    after(
      row(),
      (s) => s.pop(1),
      (s) => s.pop(-1),
    ),
  extend: () => row().extend(named()),
  slice: () => row().slice(1),
  'slice back': () => row().slice(null, null, -2),
  'slice of names': () => named().slice(0, 1),
  add: () => row().add(named()),
  mul: () => named().mul(2),
  list: () =>
    after(
      new nn.ModuleList<nn.Module>([relu, tanh]),
      (m) => m.insert(1, linear),
      (m) => m.extend([relu]),
      (m) => m.pop(0),
    ),
  'list slice': () => new nn.ModuleList<nn.Module>([relu, tanh, linear]).slice(0, -1),
  'list add': () => new nn.ModuleList<nn.Module>([relu]).add([tanh]),
  dict: () =>
    after(
      new nn.ModuleDict<Record<string, nn.Module>>({ x: relu, y: tanh }),
      (m) =>
        m.update([
          ['z', linear],
          ['x', tanh],
        ]),
      (m) => m.pop('y'),
    ),
  parameters: () =>
    after(
      new nn.ParameterList([zeros(2), 5, 'text']),
      (p) => {
        p[0] = zeros(3)
      },
      (p) => p.append(zeros(1)),
    ),
  'parameters slice': () => new nn.ParameterList([zeros(2), zeros(1)]).slice(1),
  'parameter dict': () =>
    after(
      new nn.ParameterDict({ b: zeros(1), a: zeros(2, 3) }),
      (p) => p.update({ d: 1, c: zeros(1) }),
      (p) => p.setdefault('e', zeros(4)),
      (p) => p.pop('b'),
      (p) => p.popitem(),
    ),
  ordered: () =>
    new nn.ParameterDict(
      new Map([
        ['b', zeros(1)],
        ['a', zeros(2)],
      ]),
    ),
  or: () => new nn.ParameterDict({ a: zeros(1) }).or(new nn.ParameterDict({ a: zeros(2), b: zeros(3) }) as never),
  fromkeys: () => new nn.ParameterDict().fromkeys(['x', 'y'], zeros(2)),
}

test.each(Object.entries(filled(cases)))('%s', (name, make) => {
  expect(String(make())).toBe(expected[name])
})

test('every case of Python’s is here', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(expected).sort())
})

describe('positions', () => {
  test('count from the end, and beyond it there is nothing to assign to', () => {
    const s = named()
    expect([s[-1] === linear, s[0] === relu, s[2], s.at(-2) === relu]).toEqual([true, true, undefined, true])
    expect(() => {
      s[2] = tanh
    }).toThrow('index 2 is out of range')
    expect(() => s.pop(2)).toThrow('index 2 is out of range')
    expect(() => s.insert(3, tanh)).toThrow('Index out of range: 3')
    expect(() => s.mul(0)).toThrow('Non-positive multiplication factor 0')
  })

  test('of modules with names and numbers run as they were added', () => {
    const s = new nn.Sequential({ first: new nn.Linear(2, 3) }).append(new nn.Linear(3, 1))
    expect(s(torch.ones(1, 2)).shape.equals([1, 1])).toBe(true)
    expect(Object.keys(s.state_dict())).toHaveLength(4)
  })
})

test('names that modules use themselves, and what is not there, are refused', () => {
  expect(() => new nn.ParameterDict({ forward: zeros(1) })).toThrow("'forward' already exists")
  expect(() => new nn.ParameterDict({ forward: 5 })).toThrow("'forward' already exists")
  expect(() => new nn.ModuleDict().pop('a')).toThrow("no module 'a'")
  expect(() => new nn.ParameterDict().pop('a')).toThrow("no parameter 'a'")
  expect(() => new nn.ParameterDict().popitem()).toThrow('empty')
  expect(() => new nn.ModuleDict([['a']] as never)).toThrow('has length 1; 2 is required')
  expect(() => new nn.ParameterList()()).toThrow('ParameterList should not be called')
})
