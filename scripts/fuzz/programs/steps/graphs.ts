// Steps of autograd: backward in any order, hooks, functions with a gradient of their own, modes.

import torch, { type Tensor } from '../../../../lib/index.js'
import type { Picks } from '../program.js'
import type { World } from '../world.js'
import { FUNCTIONS } from './tensors.js'

const flag = (picks: Picks) => picks.of([undefined, true, false])
const backwardOptions = (world: World, picks: Picks) => ({
  retain_graph: flag(picks),
  create_graph: flag(picks),
  ...(picks.below(4) === 0 ? { inputs: [world.tensor(picks)] } : {}),
})

/** A scalar that the tensor goes into, or the tensor itself. */
function root(world: World, picks: Picks): Tensor {
  const tensor = world.tensor(picks)
  return picks.below(4) === 0 ? tensor : tensor.sum()
}

/** A node of the graph behind a tensor, a few steps down. */
function node(world: World, picks: Picks) {
  let found = world.tensor(picks).grad_fn
  for (let down = picks.below(4); down > 0 && found !== null; down--) {
    const below = found.next_functions
    found = below[picks.below(Math.max(1, below.length))]?.[0] ?? found
  }
  return found
}

function customFunction(world: World, picks: Picks): void {
  const [saves, returns, dirty, several] = [picks.below(4), picks.below(5), picks.below(4) === 0, picks.below(3) === 0]
  const act = world.callback(picks)
  class Custom extends torch.autograd.Function {
    static override forward(ctx: torch.autograd.FunctionCtx, ...inputs: Tensor[]) {
      const [x] = inputs as [Tensor]
      if (picks.below(4) === 0) act(x)
      const y = dirty ? x.mul_(2) : x.mul(2)
      if (dirty) ctx.mark_dirty(x)
      if (saves === 1) ctx.save_for_backward(x, y, null)
      if (saves === 2) ctx.y = y
      if (saves === 3) ctx.set_materialize_grads(false)
      if (picks.below(5) === 0) ctx.mark_non_differentiable(picks.of([y, x, world.tensor(picks)]))
      return (several ? [y, x, act(y)] : y) as Tensor
    }

    static override backward(ctx: torch.autograd.FunctionCtx, ...gradients: Tensor[]) {
      world.trace?.(`  (custom backward, way ${returns})`)
      const [gradient] = gradients as [Tensor]
      if (saves === 1) world.keep(ctx.saved_tensors)
      if (returns === 0) return act(gradient) as Tensor
      if (returns === 1) return torch.ones(world.shape(picks))
      if (returns === 2) return [gradient, act(...gradients)] as Tensor[]
      return gradient
    }
  }
  world.keep(world.call(Custom, 'apply', world.tensor(picks), ...(picks.below(2) === 0 ? [world.tensor(picks)] : [])))
}

export const graphSteps: Record<string, (world: World, picks: Picks) => unknown> = {
  backward(world, picks) {
    const tensor = root(world, picks)
    world.call(tensor, 'backward', backwardOptions(world, picks))
  },
  backward_from(world, picks) {
    const roots = Array.from({ length: picks.below(3) + 1 }, () => world.tensor(picks))
    const gradients = roots.map(() => picks.of([world.tensor(picks), null, world.junk(picks)]))
    world.call(torch.autograd, 'backward', roots, gradients, backwardOptions(world, picks))
  },
  grad(world, picks) {
    const inputs = [world.tensor(picks), world.tensor(picks)].slice(picks.below(2))
    const options = { retain_graph: flag(picks), create_graph: flag(picks), allow_unused: picks.below(3) > 0 }
    world.keep(world.call(torch.autograd, 'grad', [root(world, picks)], inputs, options))
  },
  hook(world, picks) {
    const name = picks.of(['register_hook', 'register_hook', 'register_post_accumulate_grad_hook'])
    const removable = world.call(world.tensor(picks), name, world.callback(picks))
    world.hold(world.removers, removable as { remove(): void })
  },
  node_hook(world, picks) {
    const found = node(world, picks)
    if (found === null) return
    const name = picks.of(['register_prehook', 'register_hook'])
    world.hold(world.removers, world.call(found, name, world.callback(picks)) as { remove(): void })
  },
  /** A hook on the very node that ran last, and its backward. */
  hooked(world, picks) {
    const name = picks.of(['register_prehook', 'register_hook'])
    const act = world.callback(picks)
    const apply = picks.of(FUNCTIONS)
    const result = apply(torch.randn(2, 3).requires_grad_(), world, picks)
    world.trace?.(`${apply}`)
    const tensor = [result].flat()[0] as Tensor
    if (tensor.grad_fn === null) return
    world.call(tensor.grad_fn, name, act)
    world.call(tensor.sum(), 'backward')
  },
  remove(world, picks) {
    world.removers[picks.below(Math.max(1, world.removers.length))]?.remove()
  },
  set_grad(world, picks) {
    const tensor = world.tensor(picks)
    world.set(tensor, 'grad', picks.of([null, world.tensor(picks), torch.ones(world.shape(picks)), world.junk(picks)]))
  },
  keep_grad(world, picks) {
    const tensor = world.tensor(picks)
    if (picks.below(2) === 0) world.call(tensor, 'retain_grad')
    world.keep(tensor.grad)
    world.keep(tensor.data)
  },
  custom: customFunction,
  checkpoint(world, picks) {
    const inner = world.callback(picks)
    const run = (x: Tensor) => [x.mul(2).tanh(), inner(x)] as Tensor[]
    world.keep(world.call(torch.utils.checkpoint, 'checkpoint', run, world.tensor(picks)))
  },
  functional(world, picks) {
    const inner = world.callback(picks)
    const run = picks.of([(x: Tensor) => x.mul(x).sum(), (x: Tensor) => inner(x) as Tensor])
    const name = picks.of(['jacobian', 'hessian', 'vjp', 'jvp', 'vhp', 'hvp'])
    world.keep(world.call(torch.autograd.functional, name, run, world.tensor(picks)))
  },
  mode(world, picks) {
    if (world.modes.length >= 6 || picks.below(3) === 0) {
      world.modes.pop()?.[Symbol.dispose]()
      return
    }
    const open = picks.of([
      () => torch.no_grad(),
      () => torch.enable_grad(),
      () => torch.inference_mode(),
      () => torch.autocast('cpu', { dtype: torch.bfloat16 }),
      () => torch.autograd.detect_anomaly(),
    ])
    world.trace?.(`(mode ${open})`)
    world.hold(world.modes, open() as Disposable)
  },
  in_mode(world, picks) {
    const inner = world.callback(picks)
    const name = picks.of(['no_grad', 'enable_grad', 'inference_mode'])
    world.keep(world.call(torch, name, () => [world.tensor(picks).mul(2), inner()]))
  },
}
