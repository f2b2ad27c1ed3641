import { internals, type Tensor } from '../../core/tensor.js'
import { Dataset } from './dataset.js'

/** Tensors side by side: a sample has one part of each, along the first dimension, in which they are equally long. */
export class TensorDataset<Tensors extends readonly Tensor[] = Tensor[]> extends Dataset<Tensors> {
  readonly tensors: Tensors

  constructor(...tensors: Tensors) {
    super()
    const [first] = tensors
    if (first === undefined) throw new RangeError('TensorDataset takes at least one tensor')
    for (const tensor of tensors) internals.checkTensor(tensor)
    if (tensors.some((tensor) => tensor.size(0) !== first.size(0)))
      throw new RangeError('Size mismatch between tensors')
    this.tensors = tensors
  }

  get length(): number {
    return (this.tensors[0] as Tensor).size(0)
  }

  override at(index: number | readonly number[]): Tensors {
    const { length } = this
    // select is the faster one, index the one whose message is Python's.
    const isInside = typeof index === 'number' && index < length && index >= -length && Number.isInteger(index)
    const part = (tensor: Tensor) => (isInside ? tensor.select(0, index) : tensor.index(index as number))
    return this.tensors.map(part) as unknown as Tensors
  }
}
