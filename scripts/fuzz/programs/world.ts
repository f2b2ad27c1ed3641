// What a random program works on, and the hostile things that it may use anywhere.

import torch, { type Tensor } from '../../../lib/index.js'
import { tensor as hostileTensor, Random } from '../values.js'
import { Picks } from './program.js'

type Fn = (...args: unknown[]) => unknown

/** How many of each kind a program holds. */
const ROOM = 12
/** Larger results are not kept. */
const MAXIMUM = 4096

export class World {
  readonly tensors: Tensor[] = []
  readonly modules: torch.nn.Module[] = []
  readonly optimizers: torch.optim.Optimizer<object>[] = []
  readonly removers: { remove(): void }[] = []
  readonly arrays: unknown[] = []
  readonly states: unknown[] = []
  readonly packed: unknown[] = []
  readonly tokens: unknown[] = []
  readonly modes: Disposable[] = []
  readonly trace: ((line: string) => void) | null
  /** Where files may be written. */
  readonly folder: string
  #depth = 0

  constructor(folder: string, trace: ((line: string) => void) | null) {
    this.folder = folder
    this.trace = trace
    this.tensors.push(torch.ones(2, 3).requires_grad_())
  }

  /** Calls a function of the public API by its name. */
  call(target: unknown, name: string | symbol, ...args: unknown[]): unknown {
    this.trace?.(`${this.show(target)}.${String(name)}(${args.map((arg) => this.show(arg)).join(', ')})`)
    return Reflect.apply((target as Record<string | symbol, Fn>)[name] as Fn, target, args)
  }

  set(target: unknown, name: string, value: unknown): void {
    this.trace?.(`${this.show(target)}.${name} = ${this.show(value)}`)
    ;(target as Record<string, unknown>)[name] = value
  }

  /** Puts the tensors of a result into the pool. */
  keep(result: unknown, depth = 0): void {
    if (torch.is_tensor(result)) {
      if (result.is_disposed || result.numel() <= MAXIMUM) this.#put(this.tensors, result)
    } else if (Array.isArray(result) && depth < 3) for (const item of result.slice(0, 4)) this.keep(item, depth + 1)
    else if (result instanceof torch.nn.utils.rnn.PackedSequence) {
      this.#put(this.packed, result)
      this.keep(result.data)
    }
  }

  hold<T>(list: T[], value: T): T {
    this.#put(list, value)
    return value
  }

  #put<T>(list: T[], value: T): void {
    if (list.length >= ROOM) list.shift()
    list.push(value)
  }

  tensor(picks: Picks): Tensor {
    return this.tensors.at(-1 - picks.below(this.tensors.length)) as Tensor
  }

  /** Sizes of few elements, seldom wrong ones. */
  shape(picks: Picks): number[] {
    const [length, sizes, odd] = [picks.below(5), picks.below(9999), picks.below(40)]
    const shape = Array.from({ length }, (_, i) => Math.floor(sizes / 5 ** i) % 5)
    if (odd === 1) shape[0] = -1
    if (odd === 2) shape[0] = 2 ** 40
    return shape
  }

  /** What no function expects. */
  junk(picks: Picks): unknown {
    const makers: (() => unknown)[] = [
      () => undefined,
      () => null,
      () => this.tensor(picks),
      () => picks.of([Number.NaN, -1, 0.5, 2 ** 53, Infinity, 7, 2n ** 70n, 3n, true, '', 'x', '0:2', Symbol('s')]),
      () => [],
      () => ({}),
      () => [null, undefined],
      () => {
        const list: unknown[] = []
        list[0] = list
        return list
      },
      () => {
        let nest: unknown = 1
        for (let i = 0; i < 100_000; i++) nest = [nest]
        return nest
      },
      () => {
        const thrown = this.thrown(picks)
        const list = [1, 2]
        return Object.defineProperty(list, 0, {
          get: () => {
            throw thrown
          },
        })
      },
      () => {
        const thrown = this.thrown(picks)
        return new Proxy([1], {
          get: () => {
            throw thrown
          },
        })
      },
      () => {
        const thrown = this.thrown(picks)
        return () => {
          throw thrown
        }
      },
      () => {
        const gone = torch.ones(2)
        gone.dispose()
        return gone
      },
      () => {
        const { buffer } = new Float32Array(4)
        const view = new Float32Array(buffer)
        structuredClone(buffer, { transfer: [buffer] })
        return view
      },
      () => new BigInt64Array([1n, 2n]),
      () => new Float32Array(new SharedArrayBuffer(16)),
      () => [this.tensor(picks), 1, [2]],
      () => this.shape(picks),
      () => hostileTensor(new Random(picks.below(9999))),
      () => ({ dim: 0, dtype: torch.float64, [picks.of(['self', 'out', '__proto__'])]: this.tensor(picks) }),
    ]
    return picks.of(makers)()
  }

  /** What JavaScript may throw: anything. */
  thrown(picks: Picks): unknown {
    return picks.of([
      new Error('thrown'),
      undefined,
      null,
      5,
      'text',
      Symbol('s'),
      Object.freeze(new Error('frozen')),
      new Proxy(
        {},
        {
          get() {
            throw undefined
          },
          has() {
            throw null
          },
          getPrototypeOf() {
            throw 1
          },
          defineProperty() {
            throw 2
          },
        },
      ),
      torch.ones(1),
      {},
    ])
  }

  /** A function of the user's that native code calls: it may do whatever a program may. */
  callback(picks: Picks): (...given: unknown[]) => unknown {
    const numbers = picks.rest()
    return (...given) => {
      if (this.#depth > 3) return undefined
      this.#depth++
      try {
        return this.#act(new Picks(numbers), given)
      } finally {
        this.#depth--
      }
    }
  }

  #act(picks: Picks, given: unknown[]): unknown {
    const first = given.flat().find((value): value is Tensor => torch.is_tensor(value)) ?? this.tensor(picks)
    const acts: (() => unknown)[] = [
      () => undefined,
      () => {
        throw this.thrown(picks)
      },
      () => this.junk(picks),
      () => this.tensor(picks),
      () => this.call(first, 'mul', 2),
      () => torch.ones(this.shape(picks)),
      () => torch.zeros(0),
      () => this.call(first, 'dispose'),
      () => this.set(first, 'data', torch.ones(this.shape(picks))),
      () => this.call(first, picks.of(['resize_', 'fill_', 'mul_', 't_']), picks.of([0, 2, [0], [50]])),
      () => this.call(this.call(this.tensor(picks), 'sum'), 'backward', { retain_graph: true }),
      () => this.set(this.tensor(picks), 'grad', picks.of([null, torch.ones(2, 3), first])),
      () => this.removers[picks.below(Math.max(1, this.removers.length))]?.remove(),
      () => this.hold(this.removers, first.register_hook(this.callback(picks) as never)) && undefined,
      () => this.hold(this.modes, torch.scope()) && undefined,
      () => (this.call(first, 'to_typed_array') as { fill(value: number): unknown }).fill(3) && undefined,
      () => [null, first, this.tensor(picks)],
      () => this.set(this.tensor(picks), 'data', torch.ones(this.shape(picks))),
      () => this.call(this.tensor(picks), 'dispose'),
      () => this.keep(first),
      () => this.call(first, 'double'),
    ]
    const result = picks.of(acts)()
    this.trace?.(`  (in a callback: ${this.show(result)})`)
    return result
  }

  /** For people: what a value is, whatever it is. */
  show(value: unknown, depth = 0): string {
    try {
      if (value === torch) return 'torch'
      if (torch.is_tensor(value)) {
        const place = this.tensors.indexOf(value)
        const name = place === -1 ? 'tensor' : `tensors[${place}]`
        return value.is_disposed
          ? `${name}<disposed>`
          : `${name}<${value.dtype}[${value.shape}]${value.requires_grad ? ' grad' : ''}>`
      }
      if (Array.isArray(value) && depth < 2) {
        return `[${value.slice(0, 6).map((item) => this.show(item, depth + 1))}${value.length > 6 ? ', …' : ''}]`
      }
      if (
        typeof value === 'object' &&
        value !== null &&
        Object.getPrototypeOf(value) === Object.prototype &&
        depth < 2
      ) {
        return `{${Object.entries(value).map(([key, item]) => `${key}: ${this.show(item, depth + 1)}`)}}`
      }
      if (value instanceof torch.nn.Module) return `<${value.constructor.name}>`
      if (typeof value === 'function') return `<function ${value.name}>`
      if (typeof value === 'object' && value !== null) return `<${value.constructor?.name ?? 'object'}>`
      return typeof value === 'string' ? JSON.stringify(value) : String(value)
    } catch {
      return '<unreadable>'
    }
  }

  /** Ends what a program left open, so that the next one starts afresh. */
  end(): void {
    for (const mode of this.modes.splice(0).reverse()) {
      try {
        mode[Symbol.dispose]()
      } catch {}
    }
  }
}
