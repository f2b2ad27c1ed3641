import { enable_grad, no_grad } from '../autograd/grad_mode.js'
import type { Synchronous } from '../core/modes.js'
import { native } from '../core/native.js'
import { keep, scope } from '../core/scope.js'
import { internals, swapOwner, type Tensor } from '../core/tensor.js'
import * as torch from '../generated/functions.js'
import { describe } from '../operators/describe.js'
import { atMost, less, over, type Real, smaller, times, toNumber } from './arithmetic.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkLearningRate } from './native_optimizer.js'
import { Optimizer, type ParamGroup } from './optimizer.js'
import { strongWolfe } from './strong_wolfe.js'

export type LBFGSOptions = Keywords<'optim.LBFGS', 'params'>

type LBFGSSettings = Settings<'optim.LBFGS'>

/** Python's state, of the first parameter for all. Directions and gradients are vectors over all parameters. */
interface State {
  func_evals: number
  n_iter: number
  /** The factors of the last direction: scratch, which Python leaves there. */
  al?: (Tensor | null)[]
  d: Tensor
  t: Real
  old_dirs: Tensor[]
  old_stps: Tensor[]
  ro: Tensor[]
  H_diag: Real
  prev_flat_grad: Tensor
  prev_loss: number
}

/**
 * L-BFGS (Nocedal 1980): steps along -H g, where H, an estimate of the inverse Hessian, comes from the last
 * `history_size` steps and the changes of the gradient in them. `step(closure)` makes up to `max_iter` iterations and
 * computes the loss up to `max_eval` times (5/4 as often by default); it ends where the gradient is at most
 * `tolerance_grad`, or step or loss change by at most `tolerance_change`. `line_search_fn`: null steps by `lr`,
 * 'strong_wolfe' searches. All parameters are one group; complex ones count as pairs of real ones.
 */
export class LBFGS extends Optimizer<LBFGSSettings> {
  constructor(...args: Arguments['optim.LBFGS']) {
    const { params, max_eval, ...settings } = read('optim.LBFGS', args, new.target.name)
    const { lr, max_iter, ...others } = settings
    super(params, { lr, max_iter, max_eval: max_eval ?? Math.floor((max_iter * 5) / 4), ...others })
    if (this.param_groups.length !== 1) {
      throw new RangeError("LBFGS doesn't support per-parameter options (parameter groups)")
    }
  }

  protected override checkOptions({ lr }: LBFGSSettings): void {
    checkLearningRate(lr)
  }

  /** Makes a step. `closure` clears the gradients, computes the loss, calls backward and returns the loss. */
  override step<T>(...args: [closure: (() => T) | { closure: () => T }]): T {
    const { closure } = read('optim.LBFGS.step', args)
    if (typeof closure !== 'function') {
      throw new TypeError(`step(): the closure must be a function, not ${describe(closure)}`)
    }
    const evaluate = asFromOutside(closure as () => Synchronous<T>)
    return no_grad(() => {
      const result = evaluate()
      this._minimize(lossOf(result), () => lossOf(evaluate()))
      return result as Synchronous<T>
    }) as T
  }

  private _minimize(first: number, evaluate: () => number): void {
    const group = this.param_groups[0]
    const state = this.stateOf(group.params[0] as Tensor) as unknown as State
    state.func_evals ??= 0
    state.n_iter ??= 0
    state.func_evals += 1
    const search = new Search(group, state, first, evaluate)
    if (scope(() => search.isFlat())) return
    let goOn = true
    while (goOn) goOn = scope(() => search.iterate())
    search.leave()
  }
}

/** What a step knows from one iteration to the next. */
class Search {
  readonly #params: Float64Array
  readonly #lr: Real
  readonly #max_eval: number
  #gradient: Tensor
  #iterations = 0
  #evaluations = 1
  #al: Tensor | null = null

  constructor(
    readonly group: ParamGroup<LBFGSSettings>,
    readonly state: State,
    private loss: number,
    readonly evaluate: () => number,
  ) {
    this.#params = Float64Array.from(group.params, internals.handleOf)
    const { lr, max_eval } = group
    this.#max_eval = max_eval as number
    this.#lr = internals.isTensor(lr) && lr.dim() !== 0 ? torch.squeeze(lr) : lr
    this.#gradient = keep(this.#readGradient())
  }

  #readGradient(): Tensor {
    return internals.wrap(native.lbfgs_gradient(this.#params))
  }

  isFlat(): boolean {
    return atMost(torch.max(torch.abs(this.#gradient)), this.group.tolerance_grad)
  }

  /** Makes one iteration. Whether another one is to come. */
  iterate(): boolean {
    const { group, state } = this
    const { max_iter, tolerance_change } = group
    this.#iterations += 1
    state.n_iter += 1
    if (state.n_iter === 1) this.#begin()
    else this.#remember()
    const { d } = state
    const [flat_grad, prev_loss] = [this.#gradient, this.loss]
    state.prev_flat_grad = flat_grad
    state.prev_loss = prev_loss
    const lr = this.#lr
    const t = state.n_iter === 1 ? times(smaller(1, over(1, torch.sum(torch.abs(flat_grad)))), lr) : lr
    state.t = keep(t)
    const gtd = torch.dot(flat_grad, d)
    if (less(-tolerance_change, gtd)) return false
    const evaluations = group.line_search_fn === null ? this.#stepBy(t) : this.#searchFrom(t, gtd)
    this.#evaluations += evaluations
    state.func_evals += evaluations
    if (this.#iterations === max_iter || this.#evaluations >= this.#max_eval) return false
    if (this.isFlat()) return false
    if (atMost(torch.max(torch.abs(times(d, state.t) as Tensor)), tolerance_change)) return false
    return !(Math.abs(this.loss - prev_loss) < tolerance_change)
  }

  #begin(): void {
    Object.assign(this.state, {
      ...{ d: keep(torch.neg(this.#gradient)), old_dirs: [], old_stps: [], ro: [], H_diag: 1 },
    })
  }

  /** Takes the last step into the history, and computes the direction. */
  #remember(): void {
    const { state } = this
    const { old_dirs, old_stps, ro } = state
    const y = torch.sub(this.#gradient, state.prev_flat_grad)
    const s = torch.mul(state.d, state.t)
    const ys = torch.dot(y, s)
    if (less(1e-10, ys)) {
      if (old_dirs.length === this.group.history_size) for (const list of [old_dirs, old_stps, ro]) list.shift()
      old_dirs.push(keep(y))
      old_stps.push(keep(s))
      ro.push(keep(over(1, ys) as Tensor))
      state.H_diag = keep(torch.div(ys, torch.dot(y, y)))
    }
    const handles = (list: readonly Tensor[]) => Float64Array.from(list, internals.handleOf)
    const scale = internals.isTensor(state.H_diag) ? internals.handleOf(state.H_diag) : null
    const [direction, al] = native.lbfgs_direction(
      ...([internals.handleOf(this.#gradient), handles(old_dirs), handles(old_stps), handles(ro), scale] as const),
    )
    state.d = keep(internals.wrap(direction))
    this.#al = al === null ? null : keep(internals.wrap(al))
  }

  /** Steps by t. How often the loss was computed. */
  #stepBy(t: Real): number {
    this.#add(t)
    if (this.#iterations === this.group.max_iter) return 0
    this.loss = this.evaluate()
    this.#gradient = keep(this.#readGradient())
    return 1
  }

  #searchFrom(first: Real, gtd: Tensor): number {
    const { state, group } = this
    if (group.line_search_fn !== 'strong_wolfe') throw new Error("only 'strong_wolfe' is supported")
    const before = internals.wrap(native.lbfgs_parameters(this.#params))
    const { f, g, t, evaluations } = strongWolfe(
      (size) => {
        this.#add(size)
        const loss = this.evaluate()
        const gradient = this.#readGradient()
        native.lbfgs_restore(this.#params, internals.handleOf(before))
        return [loss, gradient]
      },
      { t: first, d: state.d, f: this.loss, g: this.#gradient, gtd },
      { tolerance_change: group.tolerance_change, max_ls: this.#max_eval - this.#evaluations },
    )
    this.#add(t)
    state.t = keep(t)
    this.loss = f
    this.#gradient = keep(g)
    return evaluations
  }

  #add(t: Real): void {
    native.lbfgs_add(this.#params, internals.handleOf(this.state.d), toNumber(t))
  }

  /** Leaves the factors of the last direction where Python has them. */
  leave(): void {
    const { state, group } = this
    if (state.n_iter > 1) state.al ??= new Array(group.history_size).fill(null)
    const last = Object.keys(state).at(-1)
    if (last === 'al' || last === 't') {
      // Python leaves them in this order.
      const { func_evals, n_iter, al, d, t, ...others } = state
      for (const name of Object.keys(state)) Reflect.deleteProperty(state, name)
      Object.assign(state, { func_evals, n_iter, ...(al === undefined ? {} : { al }), d, t, ...others })
    }
    if (this.#al === null || state.al === undefined) return
    for (const [i, factor] of keep(torch.unbind(this.#al)).entries()) state.al[i] = factor
  }
}

function lossOf(result: unknown): number {
  if (typeof result === 'number' || internals.isTensor(result)) return toNumber(result)
  throw new TypeError(`step(): the closure must return the loss, a number or a tensor, not ${describe(result)}`)
}

/** A closure that records its graph, and whose tensors belong to whoever called the step. */
function asFromOutside<T>(closure: () => Synchronous<T>): () => T {
  const outer = swapOwner(null)
  swapOwner(outer)
  return () => {
    const own = swapOwner(outer)
    try {
      return enable_grad(closure)
    } finally {
      swapOwner(own)
    }
  }
}
