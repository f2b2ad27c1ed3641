// torch.autograd.Function, as scripts/reference/autograd.py has it in Python.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { autograd, type Tensor } from '../../lib/index.js'
import { expectTensor, fixture } from '../helpers.js'

const reference = fixture('autograd.json')
type Ctx = InstanceType<typeof autograd.FunctionCtx>
const leaf = (...data: number[]) => torch.tensor(data, { dtype: torch.float64, requires_grad: true })

class Exp extends autograd.Function {
  static override forward(ctx: Ctx, x: Tensor): Tensor {
    const y = x.exp()
    ctx.save_for_backward(y)
    return y
  }
  static override backward(ctx: Ctx, grad: Tensor): Tensor {
    return grad.mul(ctx.saved_tensors[0] as Tensor)
  }
}

class ScaledProduct extends autograd.Function {
  static override forward(a: Tensor, b: Tensor, factor: number): Tensor {
    return a.matmul(b).mul(factor)
  }
  static setup_context(ctx: Ctx, [a, b, factor]: [Tensor, Tensor, number]): void {
    ctx.save_for_backward(a, b)
    ctx.factor = factor
  }
  static override backward(ctx: Ctx, grad: Tensor): (Tensor | null)[] {
    const [a, b] = ctx.saved_tensors as [Tensor, Tensor]
    const scaled = grad.mul(ctx.factor)
    return [
      ctx.needs_input_grad[0] ? scaled.matmul(b.T) : null,
      ctx.needs_input_grad[1] ? a.T.matmul(scaled) : null,
      null,
    ]
  }
}

class SortedWithPlaces extends autograd.Function {
  static override forward(ctx: Ctx, x: Tensor): [Tensor, Tensor] {
    const [y, places] = x.sort()
    ctx.mark_non_differentiable(places)
    ctx.save_for_backward(places)
    return [y, places]
  }
  static override backward(ctx: Ctx, grad: Tensor, _gradPlaces: Tensor): Tensor {
    return torch.zeros_like(grad).scatter(0, ctx.saved_tensors[0] as Tensor, grad)
  }
}

class DoubleInPlace extends autograd.Function {
  static override forward(ctx: Ctx, x: Tensor): Tensor {
    ctx.mark_dirty(x)
    return x.mul_(2)
  }
  static override backward(_ctx: Ctx, grad: Tensor): Tensor {
    return grad.mul(2)
  }
}

const seen: boolean[][] = []
class TwoResults extends autograd.Function {
  static override forward(ctx: Ctx, x: Tensor, materialize: boolean): [Tensor, Tensor] {
    ctx.set_materialize_grads(materialize)
    return [x.mul(2), x.mul(3)]
  }
  static override backward(_ctx: Ctx, first: Tensor | null, second: Tensor | null): (Tensor | null)[] {
    seen.push([first === null, second === null])
    const parts = [first?.mul(2), second?.mul(3)].filter((part) => part !== undefined)
    return [parts.reduce((sum, part) => sum.add(part)), null]
  }
}

// biome-ignore lint/suspicious/noExplicitAny: setup_context changes what apply takes
const apply = (cls: any, ...args: unknown[]) => cls.apply(...args)

describe('a custom function', () => {
  test('has first and second derivatives', () => {
    const x = leaf(0.5, -1.5)
    const y = Exp.apply(x)
    const [first] = autograd.grad(y.sum(), x, { create_graph: true }) as [Tensor]
    const [second] = autograd.grad(first.pow(2).sum(), x) as [Tensor]
    expect(y.grad_fn?.name()).toBe(reference.exp.grad_fn)
    expectTensor(y, reference.exp.y, 1e-12)
    expectTensor(first, reference.exp.first, 1e-12)
    expectTensor(second, reference.exp.second, 1e-12)
  })

  test('keeps other things in its context; needs_input_grad says what is wanted', () => {
    const a = torch.arange(6).float().view(2, 3).detach().requires_grad_()
    const b = torch.arange(12).float().view(3, 4)
    apply(ScaledProduct, a, b, 0.5).pow(2).sum().backward()
    expectTensor(a.grad as Tensor, reference.scaled_product)
    expect(b.grad).toBeNull()
  })

  test('may have results without gradient', () => {
    const x = leaf(3, 1, 2)
    const [y, places] = SortedWithPlaces.apply(x)
    y.mul(torch.tensor([1, 10, 100]))
      .sum()
      .backward()
    expectTensor(y, reference.sorted.y)
    expectTensor(places, reference.sorted.places)
    expect(places.requires_grad).toBe(reference.sorted.differentiable)
    expectTensor(x.grad as Tensor, reference.sorted.grad)
  })

  test('may change its input', () => {
    const x = leaf(1, 2)
    const base = x.mul(1)
    const result = DoubleInPlace.apply(base)
    result.sum().backward()
    const { same, version, grad_fn, grad } = reference.in_place
    expect([result === base, base._version, base.grad_fn?.name()]).toEqual([same, version, grad_fn])
    expectTensor(x.grad as Tensor, grad)
  })

  test('gets zeros, or null, for results without gradient', () => {
    for (const [materialize, name] of [
      [true, 'True'],
      [false, 'False'],
    ] as const) {
      const x = leaf(1)
      TwoResults.apply(x, materialize)[1].backward()
      expectTensor(x.grad as Tensor, reference[`materialize_${name}`])
    }
    expect(seen).toEqual(reference.materialize_seen)
  })

  test('passes gradcheck and gradgradcheck; a wrong gradient does not', () => {
    const x = leaf(0.5, -1.5)
    expect(autograd.gradcheck((t) => Exp.apply(t), x)).toBe(true)
    expect(autograd.gradgradcheck((t) => Exp.apply(t), x)).toBe(true)
    class Wrong extends Exp {
      static override backward(ctx: Ctx, grad: Tensor): Tensor {
        return super.backward(ctx, grad).mul(2)
      }
    }
    expect(autograd.gradcheck((t) => Wrong.apply(t), x, { raise_exception: false })).toBe(false)
    expect(() => autograd.gradcheck((t) => Wrong.apply(t), x)).toThrow(
      /Jacobian mismatch for output 0 with respect to input 0/,
    )
    const a = torch.randn(2, 3, { dtype: torch.float64, requires_grad: true })
    const b = torch.randn(3, 2, { dtype: torch.float64, requires_grad: true })
    expect(autograd.gradcheck((s, t) => apply(ScaledProduct, s, t, 0.5), [a, b])).toBe(true)
    const c = torch.randn(3, { dtype: torch.complex128, requires_grad: true })
    expect(autograd.gradcheck((t) => t.mul(t).conj(), c)).toBe(true)
  })
})

describe('a custom function refuses', () => {
  class Of extends autograd.Function {
    static override forward(ctx: Ctx, x: Tensor, result: () => unknown): Tensor {
      ctx.result = result
      ctx.save_for_backward(x)
      return x.clone()
    }
    static override backward(ctx: Ctx): never {
      return ctx.result() as never
    }
  }
  const backwardGives = (result: () => unknown) => () => Of.apply(leaf(1, 2), result).sum().backward()

  test.each([
    ['too few gradients', backwardGives(() => [leaf(1, 1)]), /incorrect number of gradients \(expected 2, got 1\)/],
    [
      'a gradient of another shape',
      backwardGives(() => [leaf(1), null]),
      /invalid gradient at index 0 - got \[1\] but expected shape compatible with \[2\]/,
    ],
    [
      'a gradient of what is no tensor',
      backwardGives(() => [leaf(1, 1), leaf(1)]),
      /position 1, but the corresponding forward input was not a tensor/,
    ],
    ['what is no gradient', backwardGives(() => [3, null]), /gradient 0 must be a tensor or null, not number/],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message)
  })

  test('saved tensors that changed, a second backward, and saved_tensors outside backward', () => {
    const x = leaf(1, 2)
    const base = x.mul(1)
    const y = Exp.apply(base)
    y.mul_(2)
    expect(() => y.sum().backward()).toThrow(/modified by an inplace operation/)
    const z = Exp.apply(x).sum()
    z.backward()
    expect(() => z.backward()).toThrow(/second time/)
    expect(() => new autograd.FunctionCtx().saved_tensors).toThrow(/while backward runs/)
  })

  test('second derivatives where it is once_differentiable', () => {
    class Once extends Exp {
      static override backward = autograd.once_differentiable((ctx: Ctx, grad: Tensor) =>
        grad.mul(ctx.saved_tensors[0] as Tensor),
      )
    }
    const x = leaf(1)
    const [first] = autograd.grad(Once.apply(x).pow(2), x, { create_graph: true }) as [Tensor]
    expect(first.item()).toBeCloseTo(2 * Math.E ** 2)
    expect(() => first.backward()).toThrow(/once_differentiable/)
  })
})

test('an exception of backward comes out as the same object', () => {
  const thrown = new RangeError('from backward')
  class Throws extends Exp {
    static override backward(): never {
      throw thrown
    }
  }
  let caught: unknown
  try {
    Throws.apply(leaf(1)).backward()
  } catch (error) {
    caught = error
  }
  expect(caught).toBe(thrown)
})

// In a process of its own, since what it guards against waits for ever. The numbers are Python's.
test('a backward may run backward through its own node', () => {
  const library = pathToFileURL(join(packageRoot, 'dist', 'lib', 'index.js')).href
  const program = `
    const { default: torch } = await import('${library}')
    const x = torch.ones(2).requires_grad_()
    let depth = 0
    class Twice extends torch.autograd.Function {
      static forward(ctx, x) {
        ctx.save_for_backward(x)
        return x.mul(2)
      }
      static backward(ctx, grad) {
        if (++depth < 3) root.backward({ retain_graph: true })
        return grad.mul(2).mul(ctx.saved_tensors[0])
      }
    }
    const root = Twice.apply(x).sum()
    root.backward({ retain_graph: true })
    console.log(JSON.stringify([x.grad.tolist(), depth]))`
  const options = { encoding: 'utf8', timeout: 60_000 } as const
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program], options)
  expect([signal, stdout.trim()]).toEqual([null, '[[6,6],3]'])
})

test('saved results leak nothing, whether backward runs or not', async () => {
  const x = leaf(1, 2)
  const loop = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const y = Exp.apply(x)
      if (i % 2 === 0) y.sum().backward()
      if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await loop(20_000)
  const before = native.live_tensors()
  await loop(40_000)
  expect(native.live_tensors()).toBeLessThan(before + 20_000)
})

test('a scope frees what forward made, and not what backward needs', () => {
  const x = leaf(1, 2)
  const y = torch.scope(() => apply(ScaledProduct, x.view(1, 2), torch.ones(2, 2, { dtype: torch.float64 }), 2))
  y.sum().backward()
  expect(x.grad?.tolist()).toEqual([4, 4])
})
