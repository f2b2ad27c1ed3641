// Whether the optimizer stepped before its scheduler did.

import { warn } from '../../core/warn.js'
import type { AnyOptimizer } from './rates.js'

const SEE = 'See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate'

const tracked = new WeakSet<object>()
const stepped = new WeakSet<object>()

/** From now on the optimizer's steps are noticed. */
export function trackSteps(optimizer: AnyOptimizer): void {
  const { step } = optimizer
  if (tracked.has(step)) return
  const noticed = function (this: AnyOptimizer, ...args: unknown[]): unknown {
    stepped.add(this)
    return step.apply(this, args)
  }
  tracked.add(noticed)
  // No setting of the optimizer's, and nothing to be listed with its fields.
  Object.defineProperty(optimizer, 'step', { value: noticed, writable: true, configurable: true, enumerable: false })
}

/** Warns at a scheduler's first step of its own where the optimizer has made none. */
export function checkStepOrder(optimizer: AnyOptimizer): void {
  if (!tracked.has(optimizer.step)) {
    warn(
      'Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make ' +
        `sure to call \`optimizer.step()\` before \`lr_scheduler.step()\`. ${SEE}`,
    )
  } else if (!stepped.has(optimizer)) {
    warn(
      'Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call ' +
        'them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result ' +
        `in PyTorch skipping the first value of the learning rate schedule. ${SEE}`,
    )
  }
}
