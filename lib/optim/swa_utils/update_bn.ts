import { no_grad } from '../../autograd/grad_mode.js'
import type { DeviceLike } from '../../core/device.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { _BatchNorm } from '../../nn/modules/batchnorm.js'
import type { Module } from '../../nn/modules/module.js'
import { type Arguments, read } from '../generated/arguments.js'

type Loader = Iterable<unknown> | AsyncIterable<unknown>
type Finished<L> =
  L extends Iterable<unknown> ? undefined : L extends AsyncIterable<unknown> ? Promise<undefined> : never

/**
 * Computes the running statistics of a model's batch norms anew, over one pass of `loader`: batches, or lists whose first
 * item is one, which go to `device` where it is given. A loader that is asynchronous alone makes the result a promise.
 */
export function update_bn<L extends Loader>(
  ...args: [loader: L, model: Module, device?: DeviceLike | null] | Arguments['optim.swa_utils.update_bn']
): Finished<L> {
  const { loader, model, device } = read('optim.swa_utils.update_bn', args)
  const momenta = new Map<_BatchNorm, number | null>()
  for (const module of model.modules()) {
    if (!(module instanceof _BatchNorm)) continue
    module.reset_running_stats()
    momenta.set(module, module.momentum)
  }
  const nothing = undefined as Finished<L>
  if (momenta.size === 0) return nothing
  const was_training = model.training
  model.train()
  // A momentum of null is the plain average of all batches.
  for (const module of momenta.keys()) module.momentum = null
  const see = (item: unknown): void => {
    const input = (Array.isArray(item) ? item[0] : item) as Tensor
    no_grad(() => {
      model(device === null ? input : input.to(device))
    })
  }
  const restore = (): void => {
    for (const [module, momentum] of momenta) module.momentum = momentum
    model.train(was_training)
  }
  if (!internals.isTensor(loader) && !(Symbol.iterator in (loader as object))) {
    return (async () => {
      for await (const item of loader as AsyncIterable<unknown>) see(item)
      restore()
    })() as Finished<L>
  }
  for (const item of loader as Iterable<unknown>) see(item)
  restore()
  return nothing
}
