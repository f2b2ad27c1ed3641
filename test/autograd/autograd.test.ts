import { describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'

const leaf = (...data: number[]) => torch.tensor(data, { requires_grad: true })

describe('backward', () => {
  test('adds to the gradients of leaves', () => {
    const x = leaf(2, 3)
    x.pow(2).sum().backward()
    x.mul(10).sum().backward()
    expect(x.grad?.tolist()).toEqual([14, 16])
    x.grad = null
    expect(x.grad).toBeNull()
  })

  test('takes a gradient for what is no single number', () => {
    const x = leaf(1, 2)
    x.mul(3).backward(torch.tensor([1, 10]))
    expect(x.grad?.tolist()).toEqual([3, 30])
    expect(() => x.mul(3).backward()).toThrow(/only for scalar outputs/)
  })

  test('frees the graph unless it is to be retained', () => {
    const x = leaf(2)
    const y = x.pow(3).sum()
    y.backward({ retain_graph: true })
    y.backward()
    expect(x.grad?.tolist()).toEqual([24])
    expect(() => y.backward()).toThrow(/backward through the graph a second time/)
  })

  test('computes gradients of gradients with create_graph', () => {
    const x = leaf(3)
    const [first] = torch.autograd.grad(x.pow(3).sum(), x, { create_graph: true })
    const [second] = torch.autograd.grad((first as Tensor).sum(), x)
    expect([first?.tolist(), second?.tolist()]).toEqual([[27], [18]])
  })

  test('of chosen inputs leaves the others alone', () => {
    const [x, y] = [leaf(1), leaf(2)]
    x.mul(y)
      .sum()
      .backward({ inputs: [x] })
    expect([x.grad?.item(), y.grad]).toEqual([2, null])
    expect(() => x.mul(y).backward({ inputs: [] })).toThrow(/cannot be empty/)
  })

  test('of what needs no gradient is an error', () => {
    expect(() => torch.ones(1).sum().backward()).toThrow(/does not require grad/)
    expect(() => torch.autograd.grad(leaf(1).sum(), leaf(1))).toThrow(/not have been used in the graph/)
    expect(torch.autograd.grad(leaf(1).sum(), leaf(1), { allow_unused: true })).toEqual([null])
  })
})

describe('the graph', () => {
  test('says where a tensor comes from', () => {
    const x = leaf(1)
    const y = x.add(1)
    expect([x.is_leaf, x.grad_fn, y.is_leaf, y.grad_fn?.name(), y.requires_grad]).toEqual([
      true,
      null,
      false,
      'AddBackward0',
      true,
    ])
    expect([y.detach().requires_grad, y.detach().is_leaf]).toEqual([false, true])
    expect(() => y.requires_grad_(false)).toThrow(/leaf variables/)
    expect(() => torch.tensor([1n]).requires_grad_()).toThrow(/floating point/)
  })

  test('keeps inner gradients on request', () => {
    const x = leaf(2)
    const y = x.mul(3)
    y.retain_grad()
    y.pow(2).sum().backward()
    expect([y.retains_grad, y.grad?.tolist(), x.grad?.tolist()]).toEqual([true, [12], [36]])
  })

  test('notices changes in place', () => {
    const x = leaf(2)
    const y = x.exp()
    const loss = y.sum()
    y.detach().zero_()
    expect(() => loss.backward()).toThrow(/modified by an inplace operation/)
    expect(y._version).toBe(1)
  })

  // Python's counts.
  test('counts no change in a tensor that a factory just made', () => {
    const like = torch.ones(1)
    const made = {
      ones: torch.ones(2),
      zeros: torch.zeros(2),
      rand: torch.rand(2),
      full: torch.full([2], 1),
      empty: torch.empty(2),
      randn: torch.randn(2),
      arange: torch.arange(3),
      eye: torch.eye(2),
      tensor: torch.tensor([1]),
      randint: torch.randint(0, 2, [3]),
      randperm: torch.randperm(3),
      linspace: torch.linspace(0, 1, 2),
      zeros_like: torch.zeros_like(like),
      rand_like: torch.rand_like(like),
    }
    expect(Object.entries(made).filter(([, tensor]) => tensor._version !== 0)).toEqual([])
    expect(new nn.Linear(1, 1).weight._version).toBe(1)
    expect(torch.zeros(2, { requires_grad: true }).requires_grad).toBe(true)
  })

  test('data changes behind its back', () => {
    const x = leaf(2)
    x.data.fill_(5)
    x.data = torch.tensor([7])
    expect([x.item(), x.requires_grad]).toEqual([7, true])
  })

  test('refuses a gradient that does not fit', () => {
    const x = leaf(1, 2)
    expect(() => {
      x.grad = torch.ones(3)
    }).toThrow(/different size/)
    expect(() => {
      x.grad = torch.ones(2, { dtype: torch.float64 })
    }).toThrow(/data of type/)
    x.grad = torch.tensor([5, 6])
    expect(x.grad.tolist()).toEqual([5, 6])
  })
})

describe('hooks', () => {
  test('see a gradient and may replace it', () => {
    const x = leaf(1, 2)
    const seen: unknown[] = []
    const handle = x.register_hook((grad) => {
      seen.push(grad.tolist())
    })
    x.register_hook((grad) => grad.mul(2))
    x.sum().backward()
    handle.remove()
    x.sum().backward()
    expect(seen).toEqual([[1, 1]])
    expect(x.grad?.tolist()).toEqual([4, 4])
    expect(() => torch.ones(1).register_hook(() => null)).toThrow(/doesn't require gradient/)
  })

  test('pass their exceptions on as the same object, and leave everything usable', () => {
    const x = leaf(1)
    const failure = new TypeError('mine')
    const handle = x.register_hook(() => {
      throw failure
    })
    let caught: unknown
    try {
      x.sum().backward()
    } catch (error) {
      caught = error
    }
    expect(caught).toBe(failure)
    handle.remove()
    x.sum().backward()
    expect(x.grad?.tolist()).toEqual([1])
  })

  test('may compute, also gradients', () => {
    const x = leaf(3)
    x.register_hook((grad) => {
      const z = leaf(2)
      // As in Python, backward records no graph unless it is told to.
      expect(torch.is_grad_enabled()).toBe(false)
      torch.enable_grad(() => z.pow(2).sum().backward())
      return grad.add(z.grad as Tensor)
    })
    x.sum().backward()
    expect(x.grad?.tolist()).toEqual([5])
  })
})

describe('modes', () => {
  test('no_grad records nothing, inside both forms, also after an exception', () => {
    const x = leaf(1)
    expect(torch.no_grad(() => x.mul(2).requires_grad)).toBe(false)
    expect(() =>
      torch.no_grad(() => {
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(x.mul(2).requires_grad).toBe(true)
    const mode = torch.no_grad()
    expect([torch.is_grad_enabled(), torch.enable_grad(() => x.mul(2).requires_grad)]).toEqual([false, true])
    mode[Symbol.dispose]()
    expect(torch.is_grad_enabled()).toBe(true)
  })

  test('inference mode makes tensors that no graph accepts', () => {
    const y = torch.inference_mode(() => torch.ones(1))
    expect([y.is_inference(), torch.is_inference_mode_enabled()]).toEqual([true, false])
    expect(() => leaf(1).mul(y).sum().backward()).toThrow(/[Ii]nference/)
  })

  test('callbacks that give promises are refused', () => {
    const asynchronous = (async () => 1) as unknown as () => number
    expect(() => torch.no_grad(asynchronous)).toThrow(/synchronous code only/)
    expect(torch.is_grad_enabled()).toBe(true)
  })

  test('modes end in the order in which they began', () => {
    const [outer, inner] = [torch.no_grad(), torch.enable_grad()]
    expect(() => outer[Symbol.dispose]()).toThrow(/opened inside it/)
    inner[Symbol.dispose]()
    outer[Symbol.dispose]()
    expect(torch.is_grad_enabled()).toBe(true)
  })

  test('a mode left open inside a callback ends with the callback', () => {
    const leave = () => void torch.enable_grad()
    torch.no_grad(leave)
    expect(torch.is_grad_enabled()).toBe(true)
    torch.scope(() => void torch.scope())
    const x = torch.ones(1)
    torch.scope(() => void torch.no_grad())
    expect([torch.is_grad_enabled(), x.is_disposed]).toEqual([true, false])
    expect(() =>
      torch.scope(() => {
        torch.no_grad()
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(torch.is_grad_enabled()).toBe(true)
  })

  test('a mode left open is closed and reported when synchronous code ends', async () => {
    const warned = new Promise<Error & { code?: string }>((resolve) => void process.once('warning', resolve))
    // A mode that no other test leaves open: each is reported once.
    torch.inference_mode()
    expect(torch.is_inference_mode_enabled()).toBe(true)
    await Promise.resolve()
    expect(torch.is_inference_mode_enabled()).toBe(false)
    expect((await warned).code).toBe('TSTORCH_MODE_LEFT_OPEN')
  })
})
