// What ported programs write of schedulers, hooks and containers. Compiled with everything else, and never run: where a
// type falls behind, the build fails.

import torch, { nn, optim, type Tensor } from '../../lib/index.js'

const { lr_scheduler, swa_utils } = optim

/** Schedulers chosen by name, in rows, with a metric; rates read and logged. */
export function schedulers(optimizer: optim.SGD, adam: optim.AdamW, loss: Tensor, kind: 'step' | 'plateau'): number[] {
  const chosen =
    kind === 'step'
      ? new lr_scheduler.StepLR(optimizer, { step_size: 30, gamma: 0.1 })
      : new lr_scheduler.ReduceLROnPlateau(optimizer, 'min', { factor: 0.5, patience: 2 })
  if (chosen instanceof lr_scheduler.ReduceLROnPlateau) {
    chosen.step(loss)
    chosen.step(loss.item())
  } else {
    chosen.step()
  }
  const warmup = new lr_scheduler.LinearLR(adam, 0.1, { total_iters: 5 })
  const decay = new lr_scheduler.CosineAnnealingLR(adam, 100, { eta_min: 1e-6 })
  const all: optim.lr_scheduler.LRScheduler[] = [
    new lr_scheduler.SequentialLR(adam, [warmup, decay], { milestones: [5] }),
    new lr_scheduler.ChainedScheduler([warmup, decay], { optimizer: adam }),
    new lr_scheduler.LambdaLR(adam, (epoch) => 0.95 ** epoch),
    new lr_scheduler.LambdaLR(adam, { lr_lambda: [(epoch: number) => epoch, () => 1] }),
    new lr_scheduler.MultiStepLR(adam, [30, 80], 0.1),
    new lr_scheduler.OneCycleLR(adam, { max_lr: [0.01, 0.1], steps_per_epoch: 10, epochs: 3 }),
    new lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, { step_size_up: 5, mode: 'triangular2', cycle_momentum: false }),
    new lr_scheduler.CosineAnnealingWarmRestarts(adam, { T_0: 10, T_mult: 2 }),
    new swa_utils.SWALR(optimizer, { swa_lr: 0.05, anneal_strategy: 'linear' }),
  ]
  for (const scheduler of all) scheduler.step()
  const checkpoint = { optimizer: adam.state_dict(), scheduler: decay.state_dict() }
  decay.load_state_dict(checkpoint.scheduler)
  const [rate = 0] = decay.get_last_lr()
  return [rate, ...all.flatMap((scheduler) => scheduler.get_last_lr()), ...optimizer.param_groups.map(({ lr }) => lr)]
}
// @ts-expect-error a misspelt setting
export const misspelt = (o: optim.SGD) => new lr_scheduler.StepLR(o, { step_size: 3, gama: 0.1 })
// @ts-expect-error a StepLR has a step_size
export const missing = (o: optim.SGD) => new lr_scheduler.StepLR(o)
// @ts-expect-error a scheduler takes an optimizer
export const wrong = (net: nn.Module) => new lr_scheduler.ExponentialLR(net, 0.9)

/** A scheduler of a user's, with fields of its own. */
export class InverseSqrt extends lr_scheduler.LRScheduler {
  constructor(
    optimizer: optim.Optimizer,
    readonly warmup: number,
    last_epoch = -1,
  ) {
    super(optimizer, last_epoch)
  }

  override get_lr(): number[] {
    const step = Math.max(1, this.last_epoch)
    return this.base_lrs.map((base) => base * Math.min(step ** -0.5, step * this.warmup ** -1.5))
  }
}
export const inverse: optim.lr_scheduler.LRScheduler[] = [new InverseSqrt(new optim.Adam([torch.ones(1)]), 400)]

/** Averages of weights. */
export async function averaged(net: nn.Sequential, loader: Tensor[], streamed: AsyncIterable<Tensor>): Promise<Tensor> {
  const ema = new swa_utils.AveragedModel(net, { multi_avg_fn: swa_utils.get_ema_multi_avg_fn(0.999) })
  ema.update_parameters(net)
  const nothing: undefined = swa_utils.update_bn(loader, ema)
  await swa_utils.update_bn(streamed, ema)
  const inner: nn.Sequential = ema.module
  return nothing ?? inner(ema(torch.ones(1)))
}

/** Hooks: what each is given, and what it may give back. */
export function hooks(net: nn.Sequential, optimizer: optim.SGD): void {
  const features: Record<string, Tensor> = {}
  const handles = [
    net.register_forward_hook((_module, [input], output) => {
      features.in = input as Tensor
      features.out = (output as Tensor).detach()
    }),
    net.register_forward_hook((_module, _args, output) => (output as Tensor).mul(2)),
    net.register_forward_pre_hook((_module, [input]) => [(input as Tensor).clone()]),
    net.register_full_backward_hook((_module, grad_input, grad_output) => {
      for (const grad of [...grad_input, ...grad_output]) grad?.abs()
    }),
    net.register_full_backward_pre_hook((_module, grad_output) => grad_output),
    net.register_state_dict_post_hook((module, state, prefix) => {
      state[`${prefix}extra`] = module.parameters()[0] as Tensor
    }),
    torch.ones(1, { requires_grad: true }).register_hook((grad) => grad.mul(2)),
    optimizer.register_step_post_hook((stepped) => void stepped.param_groups.length),
    optimizer.register_step_pre_hook(() => undefined),
  ]
  for (const handle of handles) handle.remove()
}

/** Containers: typed by what is in them, and as their plain kinds. */
class Heads extends nn.Module {
  layers = new nn.ModuleList(Array.from({ length: 3 }, () => new nn.Linear(4, 4)))
  heads = new nn.ModuleDict({ policy: new nn.Linear(4, 2), value: new nn.Linear(4, 1) })
  scales = new nn.ParameterList([torch.ones(1), torch.zeros(1)])
  tables = new nn.ParameterDict({ a: torch.ones(2) })

  forward(x: Tensor): [policy: Tensor, value: Tensor] {
    for (const layer of this.layers) x = layer(x).relu()
    for (const [i, layer] of [...this.layers].entries()) x = layer(x).mul(this.scales[i % 2] as Tensor)
    const { policy, value } = this.heads
    return [policy(x), value(x).add(this.tables.a.sum())]
  }
}
export function contained(kind: string): Tensor {
  const [policy] = new Heads()(torch.ones(1, 4))
  const blocks = new nn.ModuleList<nn.Module>()
  for (let i = 0; i < 2; i++) blocks.append(new nn.Linear(2, 2))
  blocks.extend([new nn.ReLU()]).insert(0, new nn.Identity())
  const activations = new nn.ModuleDict({ relu: new nn.ReLU(), tanh: new nn.Tanh() })
  const row = new nn.Sequential(...blocks)
  row.append(new nn.Tanh())
  const act = activations[kind as 'relu' | 'tanh']
  return act(row(policy))
}
