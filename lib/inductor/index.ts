// torch._inductor: models that Python compiled to machine code.

import * as package_ from './package.js'

export { AOTICompiledModel } from './compiled_model.js'
export { aoti_load_package } from './load.js'
export { package_ as package }
