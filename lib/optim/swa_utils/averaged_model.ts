import { no_grad } from '../../autograd/grad_mode.js'
import * as dtypes from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { Module } from '../../nn/modules/module.js'
import { deepcopy } from '../../tensor/deepcopy.js'
import { tensor } from '../../tensor/factories.js'
import { type Arguments, read } from '../generated/arguments.js'
import { type AverageFunction, get_swa_avg_fn, get_swa_multi_avg_fn, type MultiAverageFunction } from './average.js'

/** Pairs of tensors that are on one device and of one dtype. */
function grouped(pairs: readonly [Tensor, Tensor][]): [averaged: Tensor[], current: Tensor[]][] {
  const groups = new Map<string, [Tensor[], Tensor[]]>()
  for (const [averaged, current] of pairs) {
    const key = `${averaged.device} ${averaged.dtype}`
    const group = groups.get(key) ?? [[], []]
    group[0].push(averaged)
    group[1].push(current)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/**
 * A copy of a model, `module`, whose parameters are averages of the model's: stochastic weight averaging (Izmailov et al.
 * 2018), or with the functions of get_ema_multi_avg_fn an exponential moving average. A call computes with the averages.
 * `n_averaged`, int64, a buffer, counts the updates. `device`: where the copy is, the model's where not given. `avg_fn`:
 * the next average of one parameter; `multi_avg_fn`: of many in place. With `use_buffers` buffers are averaged too;
 * otherwise they are the model's latest.
 * @throws if both functions are given.
 * @see https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
 */
export class AveragedModel<M extends Module = Module> extends Module {
  module: M
  declare n_averaged: Tensor
  avg_fn: AverageFunction | null
  multi_avg_fn: MultiAverageFunction | null
  use_buffers: boolean

  constructor(...args: Arguments['optim.swa_utils.AveragedModel'] & [{ model: M } | M, ...unknown[]]) {
    super()
    const { model, device, avg_fn, multi_avg_fn, use_buffers } = read('optim.swa_utils.AveragedModel', args)
    if (avg_fn !== null && multi_avg_fn !== null) {
      throw new Error('Only one of avg_fn and multi_avg_fn should be provided')
    }
    const copy = deepcopy(model) as M
    this.module = device === null ? copy : copy.to(device)
    this.register_buffer('n_averaged', tensor(0, { dtype: dtypes.int64, device: device ?? 'cpu' }))
    this.avg_fn = avg_fn
    this.multi_avg_fn = multi_avg_fn
    this.use_buffers = use_buffers
  }

  forward(...args: Parameters<M>): ReturnType<M> {
    return (this.module as unknown as (...args: unknown[]) => ReturnType<M>)(...args)
  }

  /** Takes the parameters that `model` has now into the averages. */
  update_parameters(...args: Arguments['optim.swa_utils.AveragedModel.update_parameters']): void {
    const { model } = read('optim.swa_utils.AveragedModel.update_parameters', args)
    no_grad(() => {
      const averagedOf = (module: Module): Tensor[] =>
        this.use_buffers ? [...module.parameters(), ...module.buffers()] : module.parameters()
      const current = averagedOf(model)
      const pairs = averagedOf(this.module).flatMap((averaged, i): [Tensor, Tensor][] => {
        const other = current[i]
        return other === undefined ? [] : [[averaged.detach(), other.detach().to(averaged.device)]]
      })
      if (this.n_averaged.item() === 0) for (const [averaged, now] of pairs) averaged.copy_(now)
      else this._average(pairs)
      if (!this.use_buffers) {
        const buffers = model.buffers()
        for (const [i, buffer] of this.module.buffers().entries()) {
          const now = buffers[i]
          if (now === undefined) throw new RangeError('the model has fewer buffers than its average')
          buffer.detach().copy_(now.detach().to(buffer.device))
        }
      }
      this.n_averaged.add_(1)
    })
  }

  private _average(pairs: readonly [Tensor, Tensor][]): void {
    const { avg_fn, multi_avg_fn, n_averaged } = this
    const each = (next: AverageFunction, some: Iterable<readonly [Tensor, Tensor]>): void => {
      for (const [averaged, now] of some) averaged.copy_(next(averaged, now, n_averaged.to(averaged.device)))
    }
    if (avg_fn !== null) {
      each(avg_fn, pairs)
      return
    }
    for (const [averaged, current] of grouped(pairs)) {
      const { device } = averaged[0] as Tensor
      const many = multi_avg_fn ?? (device.type === 'cuda' ? get_swa_multi_avg_fn() : null)
      if (many !== null) many(averaged, current, n_averaged.to(device))
      else {
        each(
          get_swa_avg_fn(),
          averaged.map((tensor, i) => [tensor, current[i] as Tensor]),
        )
      }
    }
  }
}
