import { native } from './native.js'

let armed = false

/** Lets a process that ends wait for models that run in other threads: libtorch is taken down under them otherwise. */
export function stopModelsAtExit(): void {
  if (armed) return
  armed = true
  process.on('exit', () => native.stop_model_threads())
}
