// Loss scaling: float16 has no room for small gradients, so the loss is multiplied before backward and the gradients
// are divided after it. The semantics are torch/amp/grad_scaler.py's.

import { no_grad } from '../autograd/grad_mode.js'
import { is_available } from '../core/cuda_available.js'
import type { Device } from '../core/device.js'
import * as dtypes from '../core/dtype.js'
import { keep } from '../core/scope.js'
import { internals, type Tensor } from '../core/tensor.js'
import { warn } from '../core/warn.js'
import * as aten from '../generated/aten.js'
import { type Arguments, read } from '../operators/generated/arguments.js'

export interface GradScalerOptions {
  init_scale?: number | undefined
  /** What the scale is multiplied by after `growth_interval` steps without inf or nan. */
  growth_factor?: number | undefined
  /** What the scale is multiplied by after a step with inf or nan. */
  backoff_factor?: number | undefined
  growth_interval?: number | undefined
  enabled?: boolean | undefined
}

/** What state_dict gives. */
export interface GradScalerState {
  scale: number
  growth_factor: number
  backoff_factor: number
  growth_interval: number
  _growth_tracker: number
}

type Stage = 'ready' | 'unscaled' | 'stepped'
/** What the scaler needs of an optimizer. */
interface AnyOptimizer {
  readonly param_groups: readonly { readonly params: readonly Tensor[] }[]
  step(): unknown
}

interface Progress {
  stage: Stage
  /** Whether inf or nan was found, for each device that gradients are on: 1 or 0. */
  found_inf: Map<Device, Tensor>
}

const full = (value: number, dtype: dtypes.DType, device: Device): Tensor =>
  keep(aten.full([], value, { dtype, device }))

/**
 * Scales the loss, unscales the gradients, and skips the optimizer's steps whose gradients hold inf or nan:
 *
 * ```ts
 * const loss = torch.autocast('cuda', () => criterion(model(x), y))
 * scaler.scale(loss).backward()
 * scaler.step(optimizer)
 * scaler.update()
 * ```
 */
export class GradScaler {
  readonly #device: string
  readonly #enabled: boolean
  #scale: Tensor | null = null
  #growthTracker: Tensor | null = null
  #initScale: number
  #initGrowthTracker = 0
  #growthFactor: number
  #backoffFactor: number
  #growthInterval: number
  #progress = new Map<AnyOptimizer, Progress>()

  constructor(...args: Arguments['amp.GradScaler']) {
    const settings = read('amp.GradScaler', args)
    this.#device = settings.device
    this.#enabled = settings.enabled
    if (this.#enabled && this.#device === 'cuda' && !is_available()) {
      warn('GradScaler is enabled, but CUDA is not available: it does nothing. npx tstorch doctor says what is missing')
      this.#enabled = false
    }
    if (settings.growth_factor <= 1) throw new RangeError('The growth factor must be > 1.0.')
    if (settings.backoff_factor >= 1) throw new RangeError('The backoff factor must be < 1.0.')
    this.#initScale = settings.init_scale
    this.#growthFactor = settings.growth_factor
    this.#backoffFactor = settings.backoff_factor
    this.#growthInterval = settings.growth_interval
  }

  is_enabled(): boolean {
    return this.#enabled
  }

  #begun(callee: string): [scale: Tensor, growthTracker: Tensor] {
    if (this.#scale === null || this.#growthTracker === null) {
      throw new Error(
        `Attempted ${callee} but _scale is None.  This may indicate your script did not use scaler.scale(loss or ` +
          'outputs) earlier in the iteration.',
      )
    }
    return [this.#scale, this.#growthTracker]
  }

  /** The loss, or each of a list, times the scale. */
  scale(outputs: Tensor): Tensor
  scale(outputs: readonly Tensor[]): Tensor[]
  scale(outputs: Tensor | readonly Tensor[]): Tensor | Tensor[]
  scale(...args: Arguments['amp.GradScaler.scale']): Tensor | Tensor[] {
    const { outputs } = read('amp.GradScaler.scale', args)
    if (!internals.isTensor(outputs)) {
      if (!Array.isArray(outputs)) throw new TypeError('outputs must be a Tensor or an iterable of Tensors')
      return outputs.map((output) => this.scale(output))
    }
    if (!this.#enabled) return outputs
    if (this.#scale === null) {
      this.#scale = full(this.#initScale, dtypes.float32, outputs.device)
      this.#growthTracker = full(this.#initGrowthTracker, dtypes.int32, outputs.device)
    }
    return outputs.mul(on(this.#scale, outputs.device))
  }

  #progressOf(optimizer: AnyOptimizer): Progress {
    let progress = this.#progress.get(optimizer)
    if (progress === undefined) {
      progress = { stage: 'ready', found_inf: new Map() }
      this.#progress.set(optimizer, progress)
    }
    return progress
  }

  /** Divides the optimizer's gradients by the scale: for what looks at them before `step`, such as clipping. */
  unscale_(...args: [optimizer: AnyOptimizer | { optimizer: AnyOptimizer }]): void {
    const optimizer = read('amp.GradScaler.unscale_', args).optimizer as AnyOptimizer
    if (!this.#enabled) return
    const [scale] = this.#begun('unscale_')
    const progress = this.#progressOf(optimizer)
    if (progress.stage === 'unscaled') {
      throw new Error('unscale_() has already been called on this optimizer since the last update().')
    }
    if (progress.stage === 'stepped') throw new Error('unscale_() is being called after step().')
    no_grad(() => {
      const inverse = scale.double().reciprocal().float()
      for (const [device, grads] of gradientsByDevice(optimizer)) {
        const found = full(0, dtypes.float32, device)
        for (const alike of grads.values()) {
          aten._amp_foreach_non_finite_check_and_unscale_(alike, found, on(inverse, device))
        }
        progress.found_inf.set(device, found)
      }
    })
    progress.stage = 'unscaled'
  }

  /** Steps the optimizer, unless its gradients hold inf or nan. Unscales them first where that was not done. */
  step(...args: [optimizer: AnyOptimizer | { optimizer: AnyOptimizer }]): void {
    const optimizer = read('amp.GradScaler.step', args).optimizer as AnyOptimizer
    if (!this.#enabled) {
      optimizer.step()
      return
    }
    this.#begun('step')
    const progress = this.#progressOf(optimizer)
    if (progress.stage === 'stepped') throw new Error('step() has already been called since the last update().')
    if (progress.stage === 'ready') this.unscale_(optimizer)
    if (progress.found_inf.size === 0) throw new Error('No inf checks were recorded for this optimizer.')
    if ([...progress.found_inf.values()].every((found) => found.item() === 0)) optimizer.step()
    progress.stage = 'stepped'
  }

  /** Ends an iteration: adapts the scale, or sets it. */
  update(...args: Arguments['amp.GradScaler.update']): void {
    const { new_scale } = read('amp.GradScaler.update', args)
    if (!this.#enabled) return
    const [scale, tracker] = this.#begun('update')
    no_grad(() => {
      if (typeof new_scale === 'number') {
        scale.fill_(new_scale)
      } else if (new_scale !== null) {
        if (new_scale.device.type !== this.#device || new_scale.numel() !== 1 || new_scale.requires_grad) {
          throw new TypeError(
            'new_scale should be a number or a tensor with one element on the device of the scale, which requires no grad.',
          )
        }
        scale.copy_(new_scale)
      } else {
        const found = [...this.#progress.values()].flatMap(({ found_inf }) => [...found_inf.values()])
        if (found.length === 0) throw new Error('No inf checks were recorded prior to update.')
        const any = found.map((one) => on(one, scale.device)).reduce((sum, one) => sum.add(one))
        aten._amp_update_scale_(scale, tracker, any, this.#growthFactor, this.#backoffFactor, this.#growthInterval)
      }
    })
    this.#progress = new Map()
  }

  get_scale(): number {
    if (!this.#enabled) return 1
    return this.#scale?.item() ?? this.#initScale
  }

  get_growth_factor(): number {
    return this.#growthFactor
  }

  set_growth_factor(...args: Arguments['amp.GradScaler.set_growth_factor']): void {
    this.#growthFactor = read('amp.GradScaler.set_growth_factor', args).new_factor
  }

  get_backoff_factor(): number {
    return this.#backoffFactor
  }

  set_backoff_factor(...args: Arguments['amp.GradScaler.set_backoff_factor']): void {
    this.#backoffFactor = read('amp.GradScaler.set_backoff_factor', args).new_factor
  }

  get_growth_interval(): number {
    return this.#growthInterval
  }

  set_growth_interval(...args: Arguments['amp.GradScaler.set_growth_interval']): void {
    this.#growthInterval = read('amp.GradScaler.set_growth_interval', args).new_interval
  }

  /** Everything that a resumed run needs. Empty if the scaler is not enabled. */
  state_dict(): GradScalerState | Record<string, never> {
    if (!this.#enabled) return {}
    return {
      scale: this.get_scale(),
      growth_factor: this.#growthFactor,
      backoff_factor: this.#backoffFactor,
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#growthTracker?.item() ?? this.#initGrowthTracker,
    }
  }

  load_state_dict(
    ...args: [state_dict: GradScalerState | Record<string, never> | { state_dict: GradScalerState }]
  ): void {
    const state_dict = read('amp.GradScaler.load_state_dict', args).state_dict as GradScalerState
    if (!this.#enabled) return
    if (Object.keys(state_dict).length === 0) {
      throw new Error(
        'The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler.',
      )
    }
    const { scale, growth_factor, backoff_factor, growth_interval, _growth_tracker } = state_dict as GradScalerState
    this.#initScale = scale
    this.#scale?.fill_(scale)
    this.#growthFactor = growth_factor
    this.#backoffFactor = backoff_factor
    this.#growthInterval = growth_interval
    this.#initGrowthTracker = _growth_tracker
    this.#growthTracker?.fill_(_growth_tracker)
  }
}

const on = (tensor: Tensor, device: Device): Tensor =>
  tensor.device === device ? tensor : tensor.to({ device, non_blocking: true })

/** The optimizer's gradients, grouped by device and dtype: one native call takes each group. */
function gradientsByDevice(optimizer: AnyOptimizer): Map<Device, Map<dtypes.DType, Tensor[]>> {
  const found = new Map<Device, Map<dtypes.DType, Tensor[]>>()
  for (const { params } of optimizer.param_groups) {
    for (const { grad } of params) {
      if (grad === null) continue
      if (grad.dtype === dtypes.float16) throw new Error('Attempting to unscale FP16 gradients.')
      const dense = grad.is_sparse ? aten._values(grad) : grad
      const byDtype = found.get(dense.device) ?? new Map<dtypes.DType, Tensor[]>()
      found.set(dense.device, byDtype.set(dense.dtype, [...(byDtype.get(dense.dtype) ?? []), dense]))
    }
  }
  return found
}
