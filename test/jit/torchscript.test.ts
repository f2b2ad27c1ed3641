// torch.jit: modules that Python wrote, held to what Python makes of the same files (scripts/reference/torchscript.py).

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import torch, { nn, optim } from '../../lib/index.js'
import { expectNumbers, filled, type Values } from '../helpers.js'
import { argumentOf, bytesOf, type Case, cases, comparable, loaded, tensorOf } from './reference.js'

const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
afterAll(() => rmSync(folder, { recursive: true }))

function expectTensor(actual: unknown, expected: Values, tolerance = 1e-5): void {
  const tensor = actual as torch.Tensor
  expect([String(tensor.dtype), [...tensor.shape]]).toEqual([expected.dtype, expected.shape])
  expectNumbers(tensor.flatten().tolist() as number[], expected.data.map(Number), tolerance)
}

const named = (calls: Case[]): [string, Case][] => filled(calls).map((call, i) => [`${i}: ${call.method}`, call])

function thrown(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

describe('a classifier', () => {
  const reference = cases.classifier as Case
  const x = tensorOf(reference.x)
  const y = torch.tensor(reference.y.map(BigInt))

  test('is a module with the parts, names and texts that it has in Python', () => {
    const module = loaded('classifier')
    expect(module).toBeInstanceOf(nn.Module)
    expect(module).toBeInstanceOf(torch.jit.ScriptModule)
    const { string, code, graph, inlined_graph, opnames, ...names } = reference.texts
    expect(String(module)).toBe(string)
    expect(module.code).toBe(code)
    expect(module.graph).toBe(graph)
    expect(module.inlined_graph).toBe(inlined_graph)
    expect(torch.jit.export_opnames(module).sort()).toEqual(opnames)
    expect({
      state_dict: Object.keys(module.state_dict()),
      parameters: module.named_parameters().map(([name]) => name),
      buffers: module.named_buffers().map(([name]) => name),
      modules: module.named_modules().map(([name]) => name),
    }).toEqual(names)
    for (const parameter of module.parameters()) expect(parameter).toBeInstanceOf(nn.Parameter)
    expect(module.head[1].bias.requires_grad).toBe(false)
  })

  test('has its loss, gradients and running statistics', () => {
    const module = loaded('classifier')
    const loss = nn.functional.cross_entropy(module(x, { temperature: 2 }), y)
    loss.backward()
    expectNumbers([loss.item()], [reference.loss], 1e-5)
    for (const [name, parameter] of module.named_parameters()) {
      const expected = reference.gradients[name]
      if (expected === null) expect(parameter.grad).toBeNull()
      else expectTensor(parameter.grad, expected)
    }
    expectTensor(module.norm.running_mean, reference.running_mean)
  })

  test.each(['sgd', 'adam'])('is trained for 20 steps with the losses of Python: %s', (name) => {
    const module = loaded('classifier')
    const optimizer =
      name === 'sgd'
        ? new optim.SGD(module.parameters(), { lr: 0.1, momentum: 0.9 })
        : new optim.Adam(module.parameters(), { lr: 0.05 })
    const losses: number[] = []
    for (let i = 0; i < 20; i++) {
      const loss = nn.functional.cross_entropy(module(x), y)
      optimizer.zero_grad()
      loss.backward()
      optimizer.step()
      losses.push(loss.item())
    }
    expectNumbers(losses, reference[name], 1e-4)
    if (name === 'sgd') expectTensor(module.eval()(x), reference.trained, 1e-3)
  })

  test('evaluates, is frozen and converted', () => {
    const module = loaded('classifier').eval()
    expect([module.training, module.norm.training]).toEqual([false, false])
    expectTensor(module(x), reference.eval)
    const frozen = torch.jit.freeze(module)
    expect([frozen.code, frozen.parameters().length]).toEqual([reference.frozen.code, reference.frozen.parameters])
    expectTensor(frozen(x), reference.frozen.output)
    expect('hidden' in frozen).toBe(false)
    expect(torch.jit.freeze(module, ['hidden']).hidden.weight.tolist()).toEqual(module.hidden.weight.tolist())
    expectTensor(torch.jit.optimize_for_inference(module)(x), reference.eval)
    expectTensor(module.double()(x.double()), reference.double)
    expect(() => torch.jit.freeze(loaded('classifier'))).toThrow(/call .eval\(\)/)
  })

  test('takes over states, and keeps its tensors', () => {
    const [module, other] = [loaded('classifier').eval(), loaded('classifier').eval()]
    const weight = module.hidden.weight
    torch.no_grad(() => weight.fill_(0.5))
    expect(other.load_state_dict(module.state_dict()).missing_keys).toEqual([])
    expect(other(x).tolist()).toEqual(module(x).tolist())
    other.load_state_dict(torch.deepcopy(module).double().state_dict(), { assign: true })
    expect(other(x.double()).dtype).toBe(torch.float64)
    other.hidden.weight = new nn.Parameter(torch.zeros(8, 6, { dtype: torch.float64 }))
    expect(other.hidden(x.double()).tolist()).toEqual(new Array(5).fill(other.hidden.bias.tolist()))
    expect(() => {
      other.hidden = new nn.Linear(6, 8)
    }).toThrow(/non-scripted module/)
    expect(module.requires_grad_(false)(x).requires_grad).toBe(false)
  })

  test('is copied', () => {
    const module = loaded('classifier').eval()
    const copy = torch.deepcopy(module)
    torch.no_grad(() => copy.hidden.weight.zero_())
    expectTensor(module(x), reference.eval)
    expect(copy.hidden.weight.is_leaf).toBe(true)
    expect(copy(x).tolist()).not.toEqual(module(x).tolist())
  })

  test('is saved and loaded, with its extra files', () => {
    const extra: Record<string, string | Uint8Array> = { 'labels.txt': '', 'bytes.bin': '', absent: 'stays' }
    const module = torch.jit.load(bytesOf('classifier'), { _extra_files: extra }).eval()
    expect(extra).toEqual({
      'labels.txt': new TextEncoder().encode('a b c'),
      'bytes.bin': Uint8Array.from([0, 255]),
      absent: 'stays',
    })
    const file = join(folder, 'model.pt')
    torch.jit.save(module, file, { _extra_files: { note: 'hello' } })
    const note = { note: '' }
    const again = torch.jit.load(file, { map_location: 'cpu', _extra_files: note })
    expect(note).toEqual({ note: new TextEncoder().encode('hello') })
    expectTensor(again(x), reference.eval)
    expect(Buffer.from(module.save_to_buffer()).subarray(0, 2).toString()).toBe('PK')
    module.save(file)
    expectTensor(torch.jit.load(file)(x), reference.eval)
  })

  test('runs hooks', () => {
    const module = loaded('classifier').eval()
    const seen: unknown[] = []
    module.hidden.register_forward_hook(() => seen.push('child'))
    using _hook = module.register_forward_hook((_module, args, output) => {
      seen.push(args.length)
      return (output as torch.Tensor).mul(2)
    })
    expect(module(x).tolist()).toEqual(tensorOf(reference.eval).mul(2).tolist())
    // A call inside of TorchScript is none of JavaScript's.
    expect(seen).toEqual([1])
  })
})

describe('values', () => {
  const reference = cases.kinds as Case
  const module = loaded('kinds')

  test.each(named(reference.calls))('%s', (_name, call) => {
    const { method, args, kwargs, result } = call
    const given = Object.keys(kwargs).length > 0 ? [...args.map(argumentOf), kwargs] : args.map(argumentOf)
    expect(comparable(module[method](...given))).toEqual(comparable(argumentOf(result)))
  })

  test.each(named(reference.refused))('is refused: %s', (_name, call) => {
    const { method, args, message } = call
    const error = thrown(() => module[method](...args.map(argumentOf)))
    expect(error).toBeInstanceOf(TypeError)
    // Python names the parameter.
    const [, name] = /argument '(\w+)'/.exec(message) ?? []
    if (name !== undefined) expect(error.message).toContain(`argument '${name}'`)
  })

  test('named tuples have names and places; dicts are objects or maps', () => {
    const named = module.named([torch.ones(1), 4])
    expect([named.count, named[1], [...named].length]).toEqual([4, 4, 2])
    expect(module.dict_of_int(new Map([[1, 'a']])).get(1)).toBe('a')
    expect(module.dict_of_str(new Map([['k', torch.ones(1)]])).k.tolist()).toEqual([1])
    expect(module.list_of_float(new Float64Array([0.5]))).toEqual([0.5])
  })

  test('objects of its classes are passed on, with their attributes and methods', () => {
    const counter = module.counter(5)
    expect(module.count(counter, 2)).toBe(7)
    expect(counter.add(1)).toBe(8)
    expect(counter.value).toBe(8)
    counter.value = 20
    expect(module.count(counter, 1)).toBe(21)
    expect(() => module.count({}, 1)).toThrow(TypeError)
    // One of another file is of another class.
    expect(() => loaded('kinds').count(counter, 1)).toThrow(TypeError)
  })

  test('schemas', () => {
    for (const [name, schema] of Object.entries(filled(reference.schemas))) expect(module[name].schema).toBe(schema)
  })

  test('what TorchScript has no values for is refused', () => {
    const self: unknown[] = []
    self.push(self)
    for (const value of [() => 1, Symbol('s'), new Date(), self, new nn.Linear(1, 1)]) {
      expect(() => module.any(value)).toThrow(/no values such as|nested|Expected|cannot/)
    }
    expect(() => module.text('s', 't')).toThrow(/at most 1 argument/)
    expect(() => module.keywords(1, { d: 2 })).toThrow(/unexpected keyword argument 'd'/)
    expect(() => module.keywords(1, { a: 2 })).toThrow(/multiple values for argument 'a'/)
  })
})

describe('attributes', () => {
  const reference = cases.stateful as Case
  const x = tensorOf(reference.x)

  test('are read, and changed by methods', () => {
    const module = loaded('stateful')
    expectTensor(module(x), reference.output)
    expect(String(module)).toBe(reference.texts.string)
    expect(Object.keys(module.state_dict())).toEqual(reference.texts.state_dict)
    expect(module.named_parameters().map(([name]) => name)).toEqual(reference.texts.parameters)
    const read = (names: string[]) => Object.fromEntries(names.map((name) => [name, comparable(module[name])]))
    const expected = (of: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(of).map(([name, value]) => [name, comparable(argumentOf(value))]))
    expect(read(Object.keys(reference.attributes))).toEqual(expected(reference.attributes))
    const total = module.total
    module.add(torch.ones(2))
    module.add(torch.ones(2))
    expect(read(Object.keys(reference.after))).toEqual(expected(reference.after))
    expect(module.counter.value).toBe(reference.count)
    // The method has put another tensor into the buffer.
    expect(module.total === total).toBe(false)
    expect(module.state_dict().total?.tolist()).toEqual([2, 2])
    expect(module.total === module.buffers()[0]).toBe(true)
  })

  test('are set, where they have the type', () => {
    const module = loaded('stateful')
    module.rate = 2
    module.maybe = 9
    expectTensor(module(x), reference.changed.output)
    expect(module.maybe).toBe(reference.changed.maybe)
    expect(() => {
      module.rate = 'fast'
    }).toThrow(/Expected a value of type 'float' for attribute 'rate' but instead found type 'str'/)
    expect(() => {
      module.limit = 8
    }).toThrow(/Cannot mutate TorchScript constant value: 'limit'/)
    module.note = 'a field of JavaScript'
    expect(module.note).toBe('a field of JavaScript')
  })
})

describe('errors', () => {
  const reference = cases.failing as Case
  const module = loaded('failing')

  test.each(named(reference.calls))('%s', (_name, call) => {
    const { method, args, type, message } = call
    const error = thrown(() => module[method](...args.map(argumentOf)))
    expect(error.message).toBe(message)
    expect(error instanceof torch.jit.Error).toBe(type === 'torch.jit.Error')
    expect(error.stack).toContain('torchscript.test.ts')
  })

  test('what is no model says so', () => {
    const garbage = join(folder, 'garbage')
    writeFileSync(garbage, 'garbage')
    expect(() => torch.jit.load(garbage)).toThrow(/garbage: the file is damaged, or another program's/)
    expect(() => torch.jit.load(join(folder, 'absent'))).toThrow(/ENOENT/)
    expect(() => torch.jit.load(folder)).toThrow(/it is no file/)
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    expect(() => torch.jit.load(pipe)).toThrow(/it is no file/)
    expect(() => torch.jit.load(3 as never)).toThrow(/a file's name, or its bytes/)
    expect(() => torch.jit.load(bytesOf('kinds'), { map_location: 'nowhere' })).toThrow(/nowhere/)
    expect(() => torch.jit.save(new nn.Linear(1, 1), join(folder, 'x'))).toThrow(/expected a ScriptModule/)
    for (const name of ['script', 'trace', 'trace_module', 'script_if_tracing'] as const) {
      expect(() => torch.jit[name](new nn.Linear(1, 1))).toThrow(/in Python/)
    }
    expect(() => torch.export.load('a.pt2')).toThrow(/aoti_compile_and_package/)
  })
})

test('a recurrent network gives its output, its state and its gradients', () => {
  const reference = cases.recurrent as Case
  const module = loaded('recurrent')
  const x = tensorOf(reference.x)
  const [out, state] = module(x)
  const [expected, [h, c]] = reference.result
  expectTensor(out, expected.tensor)
  expectTensor(state[0], h.tensor)
  expectTensor(state[1], c.tensor)
  out.sum().backward()
  expectTensor(module.lstm.weight_hh_l0.grad, reference.gradient)
  expectTensor(module(x, state)[0], reference.again[0].tensor)
})

test('a traced module', () => {
  const reference = cases.traced as Case
  const module = loaded('traced')
  expect(module.code).toBe(reference.code)
  const { maps, mean } = module(tensorOf(reference.x))
  const [[, expectedMaps], [, expectedMean]] = reference.result.dict
  expectTensor(maps, expectedMaps.tensor)
  expectTensor(mean, expectedMean.tensor)
})

test.runIf(process.arch === 'x64')("weights in objects of libtorch's own classes", () => {
  const reference = cases.quantized as Case
  expectTensor(loaded('quantized')(tensorOf(reference.x)), reference.result, 2e-2)
})

test('a function', () => {
  const reference = cases.function as Case
  expectTensor(loaded('function')(torch.ones(2), { by: 2 }), reference.result)
})

test('functions from their source code', () => {
  const reference = cases.source as Case
  const unit = new torch.jit.CompilationUnit(reference.source)
  expect(unit.fibonacci(10)).toEqual(reference.fibonacci)
  expectTensor(unit.normalized(torch.arange(4).float(), { eps: 0.5 }), reference.normalized)
  expect(unit.normalized.code).toBe(reference.code)
  expect(thrown(() => new torch.jit.CompilationUnit('def f(x):\n    return y\n')).message).toBe(reference.error.message)
  expect(() => new torch.jit.CompilationUnit(`def f(x):\n    return ${'('.repeat(1e5)}x${')'.repeat(1e5)}\n`)).toThrow(
    /nested too deep/,
  )
})

test('fork and wait', () => {
  expect(torch.jit.wait(torch.jit.fork((a: number, b: number) => a + b, 1, 2))).toBe(3)
})

test('the fusion strategy is set for the process', () => {
  const before = torch.jit.set_fusion_strategy([['DYNAMIC', 3]])
  expect(torch.jit.set_fusion_strategy(before)).toEqual([['DYNAMIC', 3]])
  expect(() => torch.jit.set_fusion_strategy([['OTHER', 3]] as never)).toThrow(/only supported/)
})
