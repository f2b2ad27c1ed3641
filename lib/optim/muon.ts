import { MuonRate, muonOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type MuonOptions = Keywords<'optim.Muon', 'params'>

type MuonSettings = Settings<'optim.Muon'>

const ROW: Row = {
  name: 'Muon',
  step: native.muon_step,
  state: ['momentum_buffer'],
  like: ['momentum_buffer'],
}

/**
 * Muon (Jordan 2024), for the matrices of hidden layers: b ← μ b + (1 - μ) g; what is between g and b, with `nesterov`, or else
 * b, is made orthogonal by `ns_steps` iterations of Newton and Schulz in bfloat16, with `ns_coefficients`; p ← (1 - lr ·
 * weight_decay) p - r · lr · O. r is √max(1, rows / columns), or 0.2 √max(rows, columns) where `adjust_lr_fn` is
 * 'match_rms_adamw'. Other parameters (biases, embeddings) are for AdamW.
 */
export class Muon extends NativeOptimizer<MuonSettings> {
  constructor(...args: Arguments['optim.Muon']) {
    const { params, ...settings } = read('optim.Muon', args, new.target.name)
    const names = [
      'lr',
      'weight_decay',
      'momentum',
      'nesterov',
      'ns_coefficients',
      'eps',
      'ns_steps',
      'adjust_lr_fn',
    ] as const
    super(params, ordered(settings, names))
    for (const { params: own } of this.param_groups) {
      const other = own.find((param) => param.dim() !== 2)
      if (other === undefined) continue
      throw new RangeError(`Muon only supports 2D parameters whereas we found a parameter with size: ${other.shape}`)
    }
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, momentum, weight_decay, adjust_lr_fn }: MuonSettings): void {
    checkLearningRate(lr, 'Learning rate should be >= 0 but is:')
    if (!(momentum >= 0)) throw new RangeError(`momentum should be >= 0 but is: ${momentum}`)
    if (!(weight_decay >= 0)) throw new RangeError(`weight decay should be >= 0 but is: ${weight_decay}`)
    if (adjust_lr_fn !== null && adjust_lr_fn !== 'original' && adjust_lr_fn !== 'match_rms_adamw') {
      throw new RangeError(`Adjust learning rate function ${adjust_lr_fn} is not supported`)
    }
  }

  protected override optionsOf(group: ParamGroup<MuonSettings>): Float64Array {
    const { momentum, nesterov, eps, ns_steps } = group
    const { length } = group.ns_coefficients
    if (length !== 3) throw new RangeError('Coefficients must be a tuple of exactly 3 values')
    const [a, b, c] = group.ns_coefficients as [number, number, number]
    const rate = group.adjust_lr_fn === 'match_rms_adamw' ? MuonRate.MatchRmsAdamw : MuonRate.Original
    return muonOptions({ momentum, nesterov, a, b, c, eps, ns_steps, rate })
  }
}
