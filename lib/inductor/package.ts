// torch._inductor.package

export { load_package } from './load.js'
