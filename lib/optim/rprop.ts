import { rpropOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type RpropOptions = Keywords<'optim.Rprop', 'params'>

type RpropSettings = Settings<'optim.Rprop'>

const ROW: Row = {
  name: 'Rprop',
  step: native.rprop_step,
  state: ['step', 'prev', 'step_size'],
  like: ['prev', 'step_size'],
}

/**
 * Resilient backpropagation (Riedmiller and Braun 1993), for whole batches: only the sign of g counts. Each number has a step
 * size of its own, at first `lr`, which grows by the second of `etas` where g has the sign that it had before, and shrinks by
 * the first where it has the other, and then is not taken; `step_sizes` are its bounds.
 */
export class Rprop extends NativeOptimizer<RpropSettings> {
  constructor(...args: Arguments['optim.Rprop']) {
    const { params, ...settings } = read('optim.Rprop', args, new.target.name)
    const names = ['lr', 'etas', 'step_sizes', 'foreach', 'maximize', 'differentiable', 'capturable'] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, etas }: RpropSettings): void {
    checkLearningRate(lr)
    const [minus, plus] = etas as readonly [number, number]
    if (!(minus > 0 && minus < 1 && plus > 1)) throw new RangeError(`Invalid eta values: ${minus}, ${plus}`)
  }

  protected override optionsOf({ etas, step_sizes }: ParamGroup<RpropSettings>): Float64Array {
    const [eta_minus, eta_plus] = etas as readonly [number, number]
    const [least, most] = step_sizes as readonly [number, number]
    return rpropOptions({ eta_minus, eta_plus, least, most })
  }
}
