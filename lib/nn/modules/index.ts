// torch.nn.modules: where Python has what is no part of torch.nn itself.

export * as module from './global_hooks.js'
export * as lazy from './lazy.js'
