// torch.nn.modules: the files of Python's package, with the classes that layers of one's own extend.
export * as batchnorm from './batchnorm.js'
export * as conv from './conv_modules.js'
export * as module from './global_hooks.js'
export * as instancenorm from './instancenorm.js'
export * as lazy from './lazy.js'
