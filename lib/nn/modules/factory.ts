import type { DeviceLike } from '../../core/device.js'
import type { DType } from '../../core/dtype.js'

/** Where a module makes its tensors, and of what dtype; null is the default. */
export interface Factory {
  device: DeviceLike | null
  dtype: DType | null
}
