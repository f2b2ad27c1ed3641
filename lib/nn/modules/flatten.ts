// Modules that join dimensions into one, and part one into several.

import type { Tensor } from '../../core/tensor.js'
import { settingsModule } from './settings_module.js'

/**
 * Joins the dimensions from start_dim to end_dim into one. Input (*, S_start, ..., S_end, *), output
 * (*, S_start × ... × S_end, *).
 *
 * - start_dim (1), end_dim (-1): the first and the last of the dimensions; counted from the end where negative
 *
 * @throws on a call, where the input lacks these dimensions, or end_dim is before start_dim.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Flatten.html
 */
export class Flatten extends settingsModule('nn.Flatten', '{start_dim=}, {end_dim=}') {
  forward(input: Tensor): Tensor {
    return input.flatten(this.start_dim, this.end_dim)
  }
}

/**
 * Parts a dimension into several. Input (*, S_dim, *), output (*, U_1, ..., U_n, *), with S_dim = U_1 × ... × U_n.
 *
 * - dim: the dimension; counted from the end where negative
 * - unflattened_size: (U_1, ..., U_n), of which one may be -1: what the others leave. There are no named dimensions
 *
 * @throws where unflattened_size is no list of numbers; on a call, where it does not fit the input.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Unflatten.html
 */
export class Unflatten extends settingsModule('nn.Unflatten', '{dim=}, {unflattened_size=}') {
  forward(input: Tensor): Tensor {
    return input.unflatten(this.dim, this.unflattened_size)
  }
}
