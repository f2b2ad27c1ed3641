// torch.nn.modules: where Python has what is no part of torch.nn itself.

export * as batchnorm from './batchnorm.js'
export * as conv from './conv_modules.js'
export * as module from './global_hooks.js'
export * as instancenorm from './instancenorm.js'
export * as lazy from './lazy.js'
