import { no_grad } from '../../autograd/grad_mode.js'
import { internals, type Tensor } from '../../core/tensor.js'
import type { Buffer, Parameter } from '../parameter.js'

/** What a state_dict asks of a module. */
interface Stateful {
  named_parameters(prefix: string, recurse: boolean): [string, Parameter][]
  named_buffers(prefix: string, recurse: boolean): [string, Buffer][]
  named_children(): [string, Stateful][]
  named_modules(): [string, Stateful][]
}

/** Tensors by path: `sd['fc.weight']`. A plain object without prototype; `_metadata` is not enumerable. */
export type StateDict = Record<string, Tensor>

/** Which names a load_state_dict did not match. */
export class LoadResult {
  constructor(
    readonly missing_keys: readonly string[],
    readonly unexpected_keys: readonly string[],
  ) {}

  toString(): string {
    if (this.missing_keys.length + this.unexpected_keys.length === 0) return '<All keys matched successfully>'
    return `_IncompatibleKeys(missing_keys=[${this.missing_keys.join(', ')}], unexpected_keys=[${this.unexpected_keys.join(', ')}])`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** The tensors that make up a module's state, shared ones under each of their names, as in Python. */
function stateOf(module: Stateful, prefix: string): [string, Tensor][] {
  const state: [string, Tensor][] = []
  for (const [name, parameter] of module.named_parameters('', false)) state.push([prefix + name, parameter])
  for (const [name, buffer] of module.named_buffers('', false)) {
    if (buffer.persistent) state.push([prefix + name, buffer])
  }
  for (const [name, child] of module.named_children()) state.push(...stateOf(child, `${prefix}${name}.`))
  return state
}

export function stateDict(module: Stateful, prefix: string, keep_vars: boolean): StateDict {
  const result: StateDict = Object.create(null)
  for (const [name, tensor] of stateOf(module, prefix)) result[name] = keep_vars ? tensor : tensor.detach()
  const metadata = Object.fromEntries(module.named_modules().map(([path]) => [path, { version: 1 }]))
  Object.defineProperty(result, '_metadata', { value: metadata })
  return result
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

export function loadStateDict(module: Stateful, state: Readonly<Record<string, Tensor>>, strict: boolean): LoadResult {
  const own = stateOf(module, '')
  const names = new Set(own.map(([name]) => name))
  const missing = own.map(([name]) => name).filter((name) => !(name in state))
  const unexpected = Object.keys(state).filter((name) => !names.has(name))
  const problems: string[] = []
  if (strict && unexpected.length > 0) problems.push(`Unexpected key(s) in state_dict: ${quoted(unexpected)}. `)
  if (strict && missing.length > 0) problems.push(`Missing key(s) in state_dict: ${quoted(missing)}. `)
  for (const [name, tensor] of own) {
    const given: unknown = state[name]
    if (!(name in state)) continue
    if (!internals.isTensor(given))
      problems.push(`${name}: expected a tensor, got ${given === null ? 'null' : typeof given}.`)
    else if (!given.shape.equals(tensor.shape)) {
      problems.push(
        `size mismatch for ${name}: copying a param with shape ${given.shape} from checkpoint, the shape in current ` +
          `model is ${tensor.shape}.`,
      )
    }
  }
  if (problems.length > 0) {
    throw new Error(`Error(s) in loading state_dict for ${module.constructor.name}:\n\t${problems.join('\n\t')}`)
  }
  no_grad(() => {
    for (const [name, tensor] of own) if (name in state) tensor.copy_(state[name] as Tensor)
  })
  return new LoadResult(missing, unexpected)
}
