import { no_grad } from '../../autograd/grad_mode.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { Parameter } from '../parameter.js'

/** What a state_dict asks of a module. */
interface Stateful {
  named_parameters(options: { recurse: boolean; remove_duplicate: boolean }): [string, Parameter][]
  named_buffers(options: { recurse: boolean; remove_duplicate: boolean }): [string, Tensor][]
  readonly _non_persistent_buffers_set: Set<string>
  named_modules(options?: { remove_duplicate: boolean }): [string, Stateful][]
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

interface Entry {
  path: string
  tensor: Tensor
  /** Whose field it is, and the field's name. */
  owner: Stateful
  name: string
}

/** The tensors that make up a module's state, shared ones under each of their names, as in Python. */
function stateOf(module: Stateful, prefix: string): Entry[] {
  const own = { recurse: false, remove_duplicate: false }
  return module.named_modules({ remove_duplicate: false }).flatMap(([path, owner]) => {
    const passing = owner._non_persistent_buffers_set
    const tensors: [string, Tensor][] = [
      ...owner.named_parameters(own),
      ...owner.named_buffers(own).filter(([name]) => !passing.has(name)),
    ]
    const start = path === '' ? prefix : `${prefix}${path}.`
    return tensors.map(([name, tensor]) => ({ path: start + name, tensor, owner, name }))
  })
}

export function stateDict(
  module: Stateful,
  destination: Record<string, Tensor> | null,
  prefix: string,
  keep_vars: boolean,
): StateDict {
  const result: StateDict = destination ?? Object.create(null)
  for (const { path, tensor } of stateOf(module, prefix)) result[path] = keep_vars ? tensor : tensor.detach()
  const metadata = Object.fromEntries(module.named_modules().map(([path]) => [path, { version: 1 }]))
  Object.defineProperty(result, '_metadata', { value: metadata, configurable: true, writable: true })
  return result
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

export function loadStateDict(
  module: Stateful,
  state: Readonly<Record<string, Tensor>>,
  strict: boolean,
  assign: boolean,
): LoadResult {
  if (typeof state !== 'object' || state === null || internals.isTensor(state)) {
    throw new TypeError(`Expected state_dict to be a dict of tensors, not ${describe(state)}`)
  }
  const own = stateOf(module, '')
  const names = new Set(own.map(({ path }) => path))
  const missing = [...names].filter((name) => !Object.hasOwn(state, name))
  const unexpected = Object.keys(state).filter((name) => !names.has(name))
  const problems: string[] = []
  if (strict && unexpected.length > 0) problems.push(`Unexpected key(s) in state_dict: ${quoted(unexpected)}. `)
  if (strict && missing.length > 0) problems.push(`Missing key(s) in state_dict: ${quoted(missing)}. `)
  for (const { path: name, tensor } of own) {
    const given: unknown = state[name]
    if (!Object.hasOwn(state, name)) continue
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
    for (const entry of own) {
      if (!Object.hasOwn(state, entry.path)) continue
      const given = state[entry.path] as Tensor
      if (assign) assignTo(entry, given)
      else entry.tensor.copy_(given)
    }
  })
  return new LoadResult(missing, unexpected)
}

/** Puts a tensor in the place of a module's own. A parameter keeps its own requires_grad, as in Python. */
function assignTo({ tensor, owner, name }: Entry, given: Tensor): void {
  const taken = tensor instanceof Parameter ? new Parameter(given, tensor.requires_grad) : given
  ;(owner as unknown as Record<string, Tensor>)[name] = taken
}
