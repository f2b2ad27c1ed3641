// What hooks and a Function's backward give in place of gradients: node dist/test/autograd/hooks.js prints what came of
// it as JSON. A process of its own, as what is let through may end it. Line by line scripts/reference/hooks.py.

import torch, { autograd, type Tensor } from '../../lib/index.js'

type Give = (grad: Tensor) => unknown
export type Outcome = { error: string } | { grad: number[] | null }

const GIVEN: Record<string, Give> = {
  nothing: () => undefined,
  itself: (g) => g,
  doubled: (g) => g.mul(2),
  number: () => 5,
  zero: () => 0,
  false: () => false,
  text: () => 'gradient',
  empty: () => torch.ones(0),
  'fewer dimensions': () => torch.ones(3),
  'more dimensions': () => torch.ones(1, 2, 3),
  transposed: () => torch.ones(3, 2),
  float64: (g) => g.double(),
  int64: (g) => g.long(),
  complex: (g) => g.to(torch.complex64),
  meta: (g) => g.to('meta'),
  sparse: (g) => g.to_sparse(),
  'sparse rows': (g) => g.to_sparse_csr(),
}

class Passing extends autograd.Function {
  static override forward(ctx: autograd.FunctionCtx, x: Tensor, give: Give): Tensor {
    ctx.give = give
    return x.mul(1)
  }
  static override backward(ctx: autograd.FunctionCtx, g: Tensor): (Tensor | null)[] {
    return [ctx.give(g), null]
  }
}

/** As hooks of nodes give it. */
const inArray = (give: Give) => (gradients: (Tensor | null)[]) => {
  const given = give(gradients[0] as Tensor)
  return given === undefined ? undefined : ([given] as Tensor[])
}

const PLACES: Record<string, (x: Tensor, give: Give) => Tensor> = {
  tensor(x, give) {
    const y = x.mul(2)
    y.register_hook(give as () => Tensor)
    return y
  },
  'before node'(x, give) {
    const y = x.exp()
    y.grad_fn?.register_prehook(inArray(give))
    return y
  },
  'after node'(x, give) {
    const y = x.exp()
    y.grad_fn?.register_hook(inArray(give))
    return y.sin()
  },
  'before layer norm'(x, give) {
    const y = torch.nn.functional.layer_norm(x, [3])
    y.grad_fn?.register_prehook((grads) => {
      const given = give(grads[0] as Tensor)
      return given === undefined ? undefined : ([given, ...grads.slice(1)] as Tensor[])
    })
    return y
  },
  function: (x, give) => Passing.apply(x, give),
  // What Python lets through and dies of.
  'in place, before layer norm'(x, give) {
    const y = torch.nn.functional.layer_norm(x, [3])
    y.grad_fn?.register_prehook((grads) => {
      const given = give(grads[0] as Tensor)
      if (torch.is_tensor(given)) (grads[0] as Tensor).data = given
    })
    return y
  },
}

function outcome(run: () => Tensor | null): Outcome {
  try {
    const grad = run()
    return { grad: grad === null ? null : (grad.to_dense().flatten().tolist() as number[]) }
  } catch (error) {
    return { error: (error as Error).name }
  }
}

const outcomes = Object.fromEntries(
  Object.entries(PLACES).map(([place, run]) => {
    const each = Object.entries(GIVEN).map(([name, give]) => {
      const x = torch.arange(6).float().view(2, 3).requires_grad_()
      const result = outcome(() => {
        run(x, give).sum().backward()
        return x.grad
      })
      return [name, result]
    })
    return [place, Object.fromEntries(each)]
  }),
)

const counts = Object.fromEntries(
  Object.entries({ 'none at all': [], two: [torch.ones(2), torch.ones(2)], 'one that is none': [null] }).map(
    ([name, given]) => {
      const x = torch.ones(2, { requires_grad: true })
      const y = x.exp()
      y.grad_fn?.register_prehook(() => given)
      const result = outcome(() => {
        y.sum().backward()
        return x.grad
      })
      return [name, result]
    },
  ),
)

class Halves extends autograd.Function {
  static override forward(_ctx: autograd.FunctionCtx, x: Tensor): Tensor[] {
    return [x.mul(1), x.mul(2)]
  }
  static override backward(_ctx: autograd.FunctionCtx, a: Tensor, b: Tensor): Tensor {
    return a.add(b)
  }
}

function unused(): { seen: unknown[]; refused: boolean } {
  const seen: unknown[] = []
  const x = torch.ones(2, { requires_grad: true })
  const [a, b] = Halves.apply(x) as [Tensor, Tensor]
  b.register_hook((g) => void seen.push(g))
  a.sum().backward()
  const [y, z] = Halves.apply(x) as [Tensor, Tensor]
  z.register_hook(() => torch.ones(2))
  const replaced = outcome(() => {
    y.sum().backward()
    return null
  })
  return { seen, refused: 'error' in replaced }
}

process.stdout.write(JSON.stringify({ outcomes, counts, unused: unused() }))
