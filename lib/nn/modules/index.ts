// torch.nn.modules: the files of Python's package, with what torch.nn itself does not have.
export * as batchnorm from './batchnorm.js'
export * as module from './global_hooks.js'
export * as instancenorm from './instancenorm.js'
export * as lazy from './lazy.js'
