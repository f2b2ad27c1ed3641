// Plain synchronous loops, each of which once round after round makes something that nothing needs afterwards:
//   node dist/scripts/memory/loops.js NAME ROUNDS
// prints the resident memory, in megabytes, after a tenth of the rounds, half of them and all. loops.py has the same
// loops in Python.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import torch, { autograd, nn, optim, type Tensor } from '../../lib/index.js'

type Context = InstanceType<typeof autograd.FunctionCtx>

const leaf = (size = 1000) => torch.ones(size, { requires_grad: true })

/** A Function that does to its context what `keep` says. */
const keeping = (keep: (ctx: Context, x: Tensor, y: Tensor) => void) =>
  class Keeping extends autograd.Function {
    static override forward(ctx: Context, x: Tensor): Tensor {
      const y = x.exp()
      keep(ctx, x, y)
      return y
    }
    static override backward(_ctx: Context, grad: Tensor): Tensor {
      return grad.mul(2)
    }
  }

class Failing extends autograd.Function {
  static override forward(ctx: Context, x: Tensor, where: string): Tensor {
    ctx.x = x
    ctx.save_for_backward(x.mul(2))
    if (where === 'forward') throw new Error('stop')
    return x.exp()
  }
  static override backward(): Tensor {
    throw new Error('stop')
  }
}

function stopped(body: () => unknown): void {
  try {
    body()
  } catch (error) {
    if ((error as Error).message !== 'stop') throw error
  }
}

class Holder extends nn.Module {
  linear = new nn.Linear(30, 30)
  declare h: Tensor
  constructor() {
    super()
    this.register_buffer('h', torch.zeros(1000))
  }
  forward(x: Tensor): Tensor {
    return this.linear(x)
  }
}

/** Each gives the function that a round calls. */
export const loops: Record<string, () => (round: number) => void> = {
  /** The memory of a tensor, seen as a typed array. */
  typed_array() {
    const t = torch.ones(40_000)
    return () => void t.add(1).to_typed_array()
  },
  typed_array_small() {
    const t = torch.ones(4)
    return () => void t.add(1).to_typed_array()
  },
  typed_array_copy() {
    const t = torch.ones(40_000)
    return () => void t.add(1).to_typed_array({ copy: true })
  },
  tolist() {
    const t = torch.ones(1000)
    return () => void t.add(1).tolist()
  },

  /** A scope whose result cannot be read. */
  scope_getter: () => () =>
    stopped(() =>
      torch.scope(() => {
        const made = torch.ones(1000).add(1)
        return {
          made,
          get more(): Tensor {
            throw new Error('stop')
          },
        }
      }),
    ),
  scope_throws: () => () =>
    stopped(() =>
      torch.scope(() => {
        torch.ones(1000).add(1)
        throw new Error('stop')
      }),
    ),
  /** Modes that nobody closed, which is reported. */
  mode_left_open: () => () => torch.scope(() => void torch.no_grad()),
  /** A generator that is left in the middle of a scope. */
  generator() {
    const X = torch.ones(10, 1000)
    function* rows(): Generator<Tensor> {
      for (const row of X) yield row.add(1)
    }
    return () => {
      torch.scope(() => {
        for (const _ of rows()) break
      })
      for (const _ of rows()) break
    }
  },

  /** What a custom Function keeps for backward on its own: its result, in a list, its argument, an error. */
  ctx_output() {
    const x = leaf()
    const Keep = keeping((ctx, _x, y) => {
      ctx.y = y
    })
    return () => Keep.apply(x).sum().backward()
  },
  ctx_output_unused() {
    const x = leaf()
    const Keep = keeping((ctx, _x, y) => {
      ctx.y = y
    })
    return () => void Keep.apply(x)
  },
  ctx_nested() {
    const x = leaf()
    const Keep = keeping((ctx, x, y) => {
      ctx.all = { list: [x, y] }
    })
    return () => void Keep.apply(x).sum()
  },
  ctx_input() {
    const Keep = keeping((ctx, x) => {
      ctx.x = x
    })
    return () => Keep.apply(leaf().mul(2)).sum().backward()
  },
  function_throws() {
    const x = leaf()
    return (i) =>
      stopped(() =>
        Failing.apply(x.mul(2), i % 2 ? 'forward' : 'backward')
          .sum()
          .backward(),
      )
  },

  /** Hooks that reach the tensor they hang on. */
  hook() {
    const x = leaf()
    return () => {
      const y = x.mul(2)
      y.register_hook((grad) => grad.mul(y))
      y.sum().backward()
    }
  },
  hook_unused: () => () => {
    const x = leaf()
    x.register_hook((grad) => grad.mul(x))
  },
  hook_on_leaf: () => () => {
    const x = leaf()
    x.register_hook((grad) => grad.mul(x))
    x.mul(2).sum().backward()
  },
  hook_after_accumulation: () => () => {
    const x = leaf()
    x.register_post_accumulate_grad_hook(() => {
      x.grad = null
    })
    x.mul(2).sum().backward()
  },
  hook_on_grad_fn() {
    const x = leaf()
    return () => {
      const y = x.exp()
      y.grad_fn?.register_hook(() => void y.shape)
      y.grad_fn?.register_prehook(() => void y.shape)
      y.sum().backward()
    }
  },
  /** Hooks that reach the node they hang on, and what was computed from their tensor. */
  hook_names_grad_fn() {
    const x = leaf()
    return () => {
      const y = x.exp()
      const node = y.grad_fn
      node?.register_hook(() => void node.name())
      y.sum().backward()
    }
  },
  hook_in_graph() {
    const x = leaf()
    return () => {
      const y = x.mul(2)
      const loss = y.sum()
      y.register_hook((grad) => grad.mul(loss))
      loss.backward()
    }
  },
  hook_across_parts() {
    const x = leaf()
    return () => {
      const [a, b] = x.chunk(2)
      a.register_hook((grad) => grad.mul(b))
      b.register_hook((grad) => grad.mul(a))
      a.add(b).sum().backward()
    }
  },
  hook_throws() {
    const x = leaf()
    return () => {
      const y = x.mul(2)
      y.register_hook(() => {
        throw new Error('stop')
      })
      stopped(() => y.sum().backward())
    }
  },
  /** A parameter's hook that reaches its module, and a module's hook that does. */
  hook_of_module: () => () => {
    const model = new Holder()
    model.linear.weight.register_hook((grad) => grad.mul(model.linear.in_features))
    model.register_forward_hook(() => void model.h)
    model(torch.ones(2, 30)).sum().backward()
  },

  /** Nodes of a graph that are looked at. */
  grad_fn() {
    const x = leaf()
    const seen: unknown[] = []
    return (i) => {
      const node = x.mul(2).exp().grad_fn
      seen[i % 10] = [node, node?.next_functions]
    }
  },
  retain_graph() {
    const x = leaf()
    return () => {
      const y = x.exp().sum()
      y.backward({ retain_graph: true })
      y.backward()
    }
  },
  retain_grad() {
    const x = leaf()
    return () => {
      const y = x.exp()
      y.retain_grad()
      y.sum().backward()
    }
  },
  /** Gradients that belong to a graph: of a new leaf each time, and added to one leaf's. */
  create_graph: () => () => {
    const x = leaf()
    x.exp().sum().backward({ create_graph: true })
  },
  create_graph_added() {
    const x = leaf()
    return () => x.exp().sum().backward({ create_graph: true })
  },
  create_graph_reset() {
    const x = leaf()
    return () => {
      x.exp().sum().backward({ create_graph: true })
      x.grad = null
    }
  },
  anomaly() {
    const x = leaf()
    return () => autograd.detect_anomaly(() => x.exp().sum().backward())
  },
  hessian() {
    const x = torch.ones(3)
    return () => void autograd.functional.hessian((x: Tensor) => x.exp().sum(), x)
  },
  checkpoint() {
    const x = leaf()
    return (i) =>
      stopped(() => {
        const run = (x: Tensor) => {
          if (i % 3 === 0) throw new Error('stop')
          return x.exp().mul(x)
        }
        const y = torch.utils.checkpoint.checkpoint(run, x)
        if (i % 3 === 1) y.sum().backward()
      })
  },

  /** Tensors for other threads: the token unread; read, and taken; read and lost as a message that nobody receives. */
  share() {
    const t = torch.ones(100)
    return () => void t.share()
  },
  share_new: () => () => void torch.ones(1000).share(),
  share_taken: () => () => void torch.from_shared({ ...torch.ones(1000).share() }),
  share_lost: () => () => void structuredClone(torch.ones(1000).share()),

  optimizer() {
    const model = new Holder()
    return () => {
      const optimizer = new optim.Adam(model.parameters())
      model(torch.ones(2, 30)).sum().backward()
      optimizer.step()
    }
  },
  module: () => () => {
    const model = new Holder()
    model.register_buffer('h', torch.ones(1000))
    model.load_state_dict(model.state_dict())
  },
  packed() {
    const lstm = new nn.LSTM(3, 8)
    return () => {
      const [out] = lstm(nn.utils.rnn.pack_sequence([torch.ones(3, 3), torch.ones(2, 3)]))
      nn.utils.rnn.pad_packed_sequence(out)[0].sum().backward()
    }
  },
  random_state: () => () => {
    const generator = new torch.Generator()
    generator.manual_seed(1)
    torch.randn(10, { generator })
    torch.set_rng_state(torch.get_rng_state())
  },
  profiler() {
    const x = leaf()
    return () => void torch.profiler.profile(() => x.exp().sum().backward()).key_averages()
  },
  autocast() {
    const linear = new nn.Linear(30, 30)
    return () => torch.autocast('cpu', { dtype: torch.bfloat16 }, () => linear(torch.ones(2, 30)).sum()).backward()
  },
  index: () => (i) => void torch.ones(10, 10).index(`${i % 10}, ${i % 7}:`),
  /** Messages that differ each time. */
  warnings() {
    process.removeAllListeners('warning')
    return (i) =>
      stopped(() => {
        try {
          torch.ones(2).index(`${i}`)
        } catch {
          throw new Error('stop')
        }
      })
  },
  safetensors() {
    const folder = mkdtempSync(join(tmpdir(), 'tstorch-memory-'))
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'x.safetensors')
    return () => {
      torch.safetensors.save_file({ x: torch.ones(1000) }, file)
      torch.safetensors.load_file(file)
    }
  },
}

/** Where the memory is looked at, as parts of the rounds. */
const PLACES = [0.1, 0.5, 1]

/** A loop that needs more than this goes no further. */
const MOST_MEGABYTES = 6000

export interface Curve {
  /** Megabytes, at the PLACES that were reached. */
  rss: number[]
  rounds: number
  seconds: number
  /** Why not all rounds were done. */
  error?: string
}

const resident = () => process.memoryUsage.rss() / 1e6

/** Runs a loop. Time and memory are bounded; they are looked at once in a hundred rounds. */
export function curveOf(name: string, rounds: number, seconds: number): Curve {
  const round = loops[name]?.()
  if (round === undefined) throw new Error(`no loop is called ${name}: there are ${Object.keys(loops).join(', ')}`)
  const rss: number[] = []
  const start = performance.now()
  const spent = () => (performance.now() - start) / 1000
  let i = 0
  for (const place of PLACES) {
    for (; i < place * rounds; i++) {
      if (i % 100 === 0) {
        const error =
          spent() > seconds ? `${seconds} s` : resident() > MOST_MEGABYTES ? `${MOST_MEGABYTES} MB` : undefined
        if (error !== undefined) return { rss, rounds: i, seconds: spent(), error }
      }
      round(i)
    }
    rss.push(Math.round(resident()))
  }
  return { rss, rounds, seconds: spent() }
}

/**
 * Whether memory grows with the rounds: by more than a part of what it was, if the whole loop grew like its second half
 * or, where that is less, like the time before. What V8's heap and caches reach once is in one of them alone.
 */
export function grows({ rss: [tenth = 0, half = 0, end = 0] }: Curve, part = 1 / 4): boolean {
  return Math.min((half - tenth) / 0.4, (end - half) / 0.5) > part * tenth
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name = '', rounds, seconds = 'Infinity'] = process.argv.slice(2)
  console.log(JSON.stringify(curveOf(name, Number(rounds), Number(seconds))))
}
