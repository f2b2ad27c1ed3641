import torch, { nn, type Tensor } from 'tstorch'

/** The GPU with this number if there is one, else the CPU. */
export function try_gpu(i = 0): torch.Device {
  return torch.cuda.device_count() > i ? torch.device(`cuda:${i}`) : torch.device('cpu')
}

/** One step of minibatch stochastic gradient descent; zeroes the gradients. */
export function sgd(params: Iterable<Tensor>, lr: number, batch_size: number): void {
  torch.no_grad(() => {
    for (const param of params) {
      const { grad } = param
      if (grad === null) continue
      param.sub_(grad.mul(lr).div(batch_size))
      grad.zero_()
    }
  })
}

/** A model that holds its parameters in a list. */
export interface HasParams {
  params: Tensor[]
}

/** Scales the gradients so that their norm, over all parameters together, is at most theta. */
export function grad_clipping(net: nn.Module | HasParams, theta: number): void {
  const params = net instanceof nn.Module ? net.parameters().filter((p) => p.requires_grad) : net.params
  torch.no_grad(() => {
    const grads = params.map((p) => p.grad).filter((grad) => grad !== null)
    if (grads.length === 0) throw new Error('grad_clipping: there are no gradients; call backward() before it')
    const norm = grads
      .map((grad) => grad.pow(2).sum())
      .reduce((sum, square) => sum.add(square))
      .sqrt()
    if (norm.item() <= theta) return
    const scale = norm.reciprocal().mul(theta)
    for (const grad of grads) grad.mul_(scale)
  })
}
