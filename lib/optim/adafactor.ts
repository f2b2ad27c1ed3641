import { adafactorOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type AdafactorOptions = Keywords<'optim.Adafactor', 'params'>

type AdafactorSettings = Settings<'optim.Adafactor'>

const ROW: Row = {
  name: 'Adafactor',
  step: native.adafactor_step,
  state: ['step', 'row_var', 'col_var', 'variance'],
  like: ['variance'],
  alone: true,
}

/**
 * Adafactor (Shazeer and Stern 2018): of a matrix's squared gradients only the means of rows and columns are kept, row_var
 * and col_var, whose product stands for the average v of g² (of a vector v itself, variance). β₂ = 1 - tᵝ with β = `beta2_decay`;
 * u = g / max(√v, ε₁), divided by max(1, RMS(u) / d); p ← p - max(ε₂, RMS(p)) min(lr, 1/√t) u, after p was multiplied by
 * 1 - lr · weight_decay. `eps` is [ε₁, ε₂]; with ε₁ null it is the dtype's. As in Python, the for-loop is taken unless
 * `foreach` is true.
 */
export class Adafactor extends NativeOptimizer<AdafactorSettings> {
  constructor(...args: Arguments['optim.Adafactor']) {
    const { params, ...settings } = read('optim.Adafactor', args, new.target.name)
    const names = ['lr', 'beta2_decay', 'eps', 'd', 'weight_decay', 'foreach', 'maximize'] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, beta2_decay, eps, d, weight_decay }: AdafactorSettings): void {
    checkLearningRate(lr, 'Learning rate should be >= 0 but is:')
    if (!(beta2_decay <= 0)) throw new RangeError(`beta2_decay should be <= 0 but is: ${beta2_decay}`)
    const [eps1, eps2] = eps as readonly [number | null, number]
    if (eps1 !== null && !(eps1 >= 0)) throw new RangeError(`epsilon1 should be >= 0 but is: ${eps1}`)
    if (!(eps2 >= 0)) throw new RangeError(`epsilon2 should be >= 0 but is: ${eps2}`)
    if (!(d >= 1)) throw new RangeError(`Clipping threshold d should be >= 1 but is: ${d}`)
    if (!(weight_decay >= 0)) throw new RangeError(`weight_decay should be >= 0 but is: ${weight_decay}`)
  }

  protected override optionsOf({ beta2_decay, eps, d }: ParamGroup<AdafactorSettings>): Float64Array {
    const [eps1, eps2] = eps as readonly [number | null, number]
    return adafactorOptions({ beta2_decay, eps1: eps1 ?? Number.NaN, eps2, d })
  }
}
