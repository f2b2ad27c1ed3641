import { native } from '../core/native.js'
import { AOTICompiledModel } from './compiled_model.js'
import { type Arguments, read } from './generated/arguments.js'
import { checkPackage } from './package_file.js'

/**
 * Loads a model that Python compiled by torch._inductor.aoti_compile_and_package. The package holds machine code, which
 * runs: load only what you trust. It is unpacked into a temporary folder for as long as the model lives.
 * @throws where the package is damaged, was compiled for another machine, or has no machine code.
 */
export function aoti_load_package(...args: Arguments['_inductor.aoti_load_package']): AOTICompiledModel {
  const { path, run_single_threaded, device_index } = read('_inductor.aoti_load_package', args)
  return loadModel(path, 'model', run_single_threaded, 1, device_index)
}

/**
 * The same for a package with models of several names. `num_runners` calls may run at once; each more takes memory for
 * what lies between inputs and outputs.
 */
export function load_package(...args: Arguments['_inductor.package.load_package']): AOTICompiledModel {
  const { path, model_name, run_single_threaded, num_runners, device_index } = read(
    '_inductor.package.load_package',
    args,
  )
  return loadModel(path, model_name, run_single_threaded, num_runners, device_index)
}

function loadModel(path: string, name: string, singleThreaded: boolean, runners: number, device: number) {
  checkPackage(path, name)
  return new AOTICompiledModel(native.aoti_load(path, name, singleThreaded, runners, device))
}
