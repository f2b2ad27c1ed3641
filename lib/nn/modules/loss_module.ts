// The base of the losses: their settings, of which the reduction has two old names.

import { type Reduction, reductionCode, reductionOf } from '../../operators/reduction.js'
import type { Values } from '../generated/arguments.js'
import { type ModuleKey, type Settings, settingsModule } from './settings_module.js'

/** The modules that reduce what they compute of each element. */
type LossKey = { [K in ModuleKey]: Values[K] extends { reduction: string } ? K : never }[ModuleKey]

/**
 * The base of a loss, with its constructor's arguments as fields. `reduction` says what is given: the 'mean' of the
 * elements, their 'sum', or with 'none' all of them. Its old names: `reduce` false is 'none', else `size_average` says
 * whether it is 'mean' or 'sum'. `others` are words that this loss's reduction takes besides.
 */
export function lossModule<K extends LossKey>(key: K, ...others: string[]) {
  return settingsModule(key, '', (values) => {
    const { size_average = null, reduce = null, reduction } = values as Partial<Values['nn.L1Loss']>
    const chosen = reductionOf(size_average, reduce, reduction as Reduction)
    if (!others.includes(chosen)) reductionCode(chosen)
    return { ...values, reduction: chosen } as unknown as Settings<K>
  })
}
