import type { Tensor } from '../../core/tensor.js'
import { empty, prelu } from '../../generated/functions.js'
import { type Arguments, read } from '../generated/arguments.js'
import { constant_ } from '../init.js'
import { Parameter } from '../parameter.js'
import { settingsModule } from './settings_module.js'

/**
 * ReLU with a slope that is learned for negative numbers, element by element:
 *
 *     y = max(0, x) + weight · min(0, x)
 *
 * - num_parameters (1): one slope for all, or as many as the input has channels, its second dimension
 * - init (0.25): where the slopes start
 * - device, dtype: of the parameter
 *
 * Input of any shape, output of the same. Parameter: weight (num_parameters). It is not to be decayed.
 *
 * @throws where there are several slopes, and the input has another number of channels.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.PReLU.html
 * @see K. He et al., Delving Deep into Rectifiers (2015), https://arxiv.org/abs/1502.01852
 */
export class PReLU extends settingsModule('nn.PReLU', '{num_parameters=}') {
  declare weight: Parameter

  constructor(...args: Arguments['nn.PReLU']) {
    super(...args)
    const { num_parameters, device, dtype } = read('nn.PReLU', args)
    this.weight = new Parameter(empty([num_parameters], { device, dtype }))
    this.reset_parameters()
  }

  reset_parameters(): void {
    constant_(this.weight, this.init)
  }

  forward(input: Tensor): Tensor {
    return prelu(input, this.weight)
  }
}
