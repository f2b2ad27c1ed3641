import { native } from './native.js'

let armed = false
const open = new Set<WeakRef<Disposable>>()

/** Lets a process that ends wait for models that run in other threads: libtorch is taken down under them otherwise. */
export function stopModelsAtExit(): void {
  if (armed) return
  armed = true
  process.on('exit', () => {
    native.stop_model_threads()
    for (const model of open) model.deref()?.[Symbol.dispose]()
  })
}

/** Disposes of a model when the process ends, where nobody has before: it keeps files. */
export function disposeAtExit(model: Disposable): void {
  stopModelsAtExit()
  for (const other of open) if (other.deref() === undefined) open.delete(other)
  open.add(new WeakRef(model))
}
