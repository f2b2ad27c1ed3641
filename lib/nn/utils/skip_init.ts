import type { DeviceLike } from '../../core/device.js'
import { describe } from '../../operators/describe.js'
import { isOptions } from '../../operators/options.js'
import { Module } from '../modules/module.js'

type ModuleClass<M extends Module, A extends unknown[]> = new (...args: A) => M

/**
 * A module whose parameters and buffers have memory and no values: nothing is drawn for them. `args` are the arguments of
 * the class, which has a parameter `device`: there the module is, on the CPU where it is not given. For values that are
 * loaded afterwards.
 * @throws if `module_cls` is no class of modules, or makes its parameters on another device than the one it is given.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.skip_init.html
 */
export function skip_init<M extends Module, A extends unknown[]>(module_cls: ModuleClass<M, A>, ...args: A): M {
  if (typeof module_cls !== 'function' || !(module_cls.prototype instanceof Module)) {
    throw new TypeError(`Expected a Module; got ${describe(module_cls)}`)
  }
  const last = args.at(-1)
  const options: { device?: DeviceLike } = typeof last === 'object' && last !== null && isOptions(last) ? last : {}
  const inPlace = options === last ? args.slice(0, -1) : args
  const make = module_cls as unknown as ModuleClass<M, unknown[]>
  const made = new make(...inPlace, { ...options, device: 'meta' })
  if ([...made.parameters(), ...made.buffers()].some(({ device }) => device.type !== 'meta')) {
    throw new Error("Module must support a 'device' arg to skip initialization")
  }
  return made.to_empty({ device: options.device ?? 'cpu' })
}
