import { type NativeScript, native } from '../core/native.js'
import { ScriptFunction } from './callable.js'
import { checkCode } from './code.js'
import { wrapScript } from './script_module.js'

/**
 * Functions of TorchScript's from their source code, which is Python's: `new torch.jit.CompilationUnit(code).name(x)`.
 * @throws what TorchScript's compiler says of the code.
 */
export class CompilationUnit {
  // biome-ignore lint/suspicious/noExplicitAny: only the code knows what they take
  [name: string]: any
  readonly #script: NativeScript

  constructor(lang: string) {
    if (typeof lang !== 'string') throw new TypeError('CompilationUnit(): the code must be a string')
    checkCode(lang, 'the code')
    this.#script = native.jit_compile(lang)
    const owner = { script: this.#script, wrap: wrapScript, done: () => {} }
    for (const name of native.jit_functions(this.#script)) {
      Object.defineProperty(this, name, { value: new ScriptFunction(owner, name), enumerable: true })
    }
  }
}
