// Programs that try to end their process: node dist/test/hostile.js NAME. Each prints a line of JSON at its end.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import torch, { autograd, nn, optim, type Tensor } from '../lib/index.js'

const leaf = () => torch.ones(2, { requires_grad: true })

/** What came of a call: its error's name, null where it worked. */
function errorOf(call: () => unknown): string | null {
  try {
    call()
    return null
  } catch (error) {
    return error instanceof Error ? error.name : typeof error
  }
}

// --- what is thrown -------------------------------------------------------------------------------------------

/** An object that throws whatever is asked of it. */
const untouchable = (): object => {
  const refuse = () => {
    throw new Error('asked')
  }
  const traps = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'apply', 'construct', 'set']
  return new Proxy(() => {}, Object.fromEntries(traps.map((trap) => [trap, refuse])))
}

const THROWN: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  number: 5,
  bigint: 5n,
  string: 'text',
  symbol: Symbol('s'),
  function: () => {},
  'a Proxy that throws': untouchable(),
  'a frozen error': Object.freeze(new TypeError("must be torch.dtype, not string 'float32'")),
  'an error whose message throws': Object.defineProperty(new Error(), 'message', { get: () => untouchable() }),
}

const THROWERS: Record<string, (thrower: () => never) => void> = {
  'hook of a tensor'(thrower) {
    const y = leaf().mul(2)
    y.register_hook(thrower)
    y.sum().backward()
  },
  'hook of a leaf'(thrower) {
    const x = leaf()
    x.register_hook(thrower)
    x.sum().backward()
  },
  'hook of an accumulated gradient'(thrower) {
    const x = leaf()
    x.register_post_accumulate_grad_hook(thrower)
    x.sum().backward()
  },
  'hook after a node'(thrower) {
    const y = leaf().exp()
    y.grad_fn?.register_hook(thrower)
    y.sum().backward()
  },
  'hook before a node'(thrower) {
    const x = leaf()
    const y = x.exp()
    y.grad_fn?.register_prehook(thrower)
    autograd.grad(y.sum(), x)
  },
  'backward of a Function'(thrower) {
    class Failing extends autograd.Function {
      static override forward(_ctx: autograd.FunctionCtx, x: Tensor): Tensor {
        return x.mul(1)
      }
      static override backward(): never {
        return thrower()
      }
    }
    Failing.apply(leaf()).sum().backward()
  },
  'a backward within a hook'(thrower) {
    const y = leaf().mul(2)
    y.register_hook(() => {
      torch.enable_grad(() => THROWERS['hook of a leaf']?.(thrower))
    })
    y.sum().backward()
  },
  'getter in a list'(thrower) {
    torch.zeros(Object.defineProperty([1, 2], 1, { get: thrower }))
  },
  'getter of a complex number'(thrower) {
    torch.ones(2).add(Object.defineProperty({ re: 0, im: 1 }, 're', { get: thrower }))
  },
  'getter of a keyword'(thrower) {
    torch.zeros([2], Object.defineProperty({}, 'dtype', { get: thrower, enumerable: true }))
  },
}

/** The places and values of which another thing came out. */
function changed(): string[] {
  return Object.entries(THROWERS).flatMap(([place, run]) =>
    Object.entries(THROWN).flatMap(([name, value]) => {
      let caught: unknown = run
      try {
        run(() => {
          throw value
        })
      } catch (error) {
        caught = error
      }
      return caught === value ? [] : [`${name} from ${place}`]
    }),
  )
}

// --- arrays ---------------------------------------------------------------------------------------------------

type Call = (array: never) => unknown

const CALLS: Record<string, Call> = {
  zeros: (a) => torch.zeros(a),
  full: (a) => torch.full(a, 1),
  view: (a) => leaf().view(a),
  sum: (a) => leaf().sum(a),
  add: (a) => leaf().add(a),
  cat: (a) => torch.cat(a),
  stack: (a) => torch.stack(a),
  einsum: (a) => torch.einsum('i', a),
  index_put_: (a) => torch.ones(2).index_put_(a, torch.ones(1)),
  tensor: (a) => torch.tensor(a),
  as_tensor: (a) => torch.as_tensor(a),
  new_tensor: (a) => leaf().new_tensor(a),
  index: (a) => leaf().index(a),
  index_set_: (a) => torch.ones(2).index_set_([0], a),
  pad: (a) => nn.functional.pad(leaf(), a),
  linear: (a) => new nn.Linear(a, 1),
  backward: (a) => autograd.backward(a),
  optimizer: (a) => new optim.SGD(a, { lr: 1 }),
  load_state_dict: (a) => new nn.Linear(1, 1).load_state_dict({ weight: a, bias: a }),
  'hook of a tensor': (a) => {
    const x = leaf()
    x.register_hook(() => a)
    x.sum().backward()
  },
  'hook of a node': (a) => {
    const y = leaf().exp()
    y.grad_fn?.register_prehook(() => a)
    y.sum().backward()
  },
}

function cyclic(): unknown[] {
  const array: unknown[] = []
  array[0] = array
  return array
}

function nested(depth: number): unknown[] {
  let array: unknown[] = []
  for (let i = 1; i < depth; i++) array = [array]
  return array
}

const errorsWith = (array: unknown): Record<string, string | null> =>
  Object.fromEntries(Object.entries(CALLS).map(([name, call]) => [name, errorOf(() => call(array as never))]))

/** Lists, Maps and objects around a tensor, 10^5 deep. */
function deepResult(tensor: Tensor): unknown {
  let value: unknown = tensor
  for (let i = 0; i < 100_000; i++) value = i % 3 === 0 ? [value] : i % 3 === 1 ? new Map([[1, value]]) : { value }
  return value
}

function scopeKeepsDeepResult(): boolean {
  let kept: Tensor | undefined
  torch.scope(() => {
    kept = torch.ones(1)
    return deepResult(kept)
  })
  return (kept as Tensor).tolist()[0] === 1
}

/** The calls that take longer for an array of 2^25 holes than JavaScript takes to look at each of them. */
function slowWithHoles(): string[] {
  const holes = (...first: unknown[]) => Object.assign(first, { length: 2 ** 25 })
  const time = (run: () => unknown) => {
    const start = performance.now()
    errorOf(run)
    return performance.now() - start
  }
  const arrays = [holes(), holes(1), holes(null), holes(leaf())]
  const all = arrays[0] as unknown[]
  let found = 0
  const patience = time(() => {
    for (let i = 0; i < all.length; i++) if (all[i] === undefined) found++
  })
  if (found !== 2 ** 25) throw new Error('not looked at')
  // An optimizer takes whatever can be iterated, and iterates it.
  const { optimizer: _, ...calls } = CALLS
  return Object.entries(calls).flatMap(([name, call]) =>
    arrays.filter((array) => time(() => call(array as never)) > patience).map((array) => `${name} [${array[0]}`),
  )
}

// --- backward within backward ---------------------------------------------------------------------------------

/** Runs a backward in a hook of a backward, to this depth. Gives the deepest. */
function nestBackwards(depth: number): { deepest: number; error: string | null } {
  let deepest = 0
  const nest = (level: number): void =>
    torch.enable_grad(() => {
      deepest = level
      const y = leaf().mul(2)
      y.register_hook(() => {
        if (level < depth) nest(level + 1)
      })
      y.sum().backward()
    })
  const error = errorOf(() => nest(1))
  return { deepest, error }
}

// --- memory ---------------------------------------------------------------------------------------------------

/** Leaves the process this much memory beyond what it has. */
function leaveMemory(bytes: number): void {
  const [, kibibytes] = /^VmSize:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8')) as unknown as string[]
  execFileSync('prlimit', ['--pid', String(process.pid), `--as=${Number(kibibytes) * 1024 + bytes}`])
}

/** What a tensor of more than half of the memory that is left can be asked for. */
function shortOfMemory(): Record<string, string | null> {
  torch.ones(1000).tolist()
  leaveMemory(2 ** 30)
  const large = torch.empty(160 * 2 ** 20)
  const outcomes = {
    clone: errorOf(() => large.clone()),
    copy: errorOf(() => large.to_typed_array({ copy: true })),
    half: errorOf(() => large.half().to_typed_array()),
    tolist: errorOf(() => large.tolist()),
    json: errorOf(() => JSON.stringify(large)),
    save: errorOf(() => torch.safetensors.save_file({ large }, '/dev/null/nothing')),
    lists: errorOf(() => torch.empty(2 ** 28, 0).tolist()),
    print: errorOf(() => String(large)),
    small: errorOf(() => torch.ones(3).tolist()),
  }
  return outcomes
}

/** Lists that V8 has no room for, with --max-old-space-size=200. */
const shortOfHeap = (): Record<string, string | null> => ({
  flat: errorOf(() => torch.empty(2e7).tolist()),
  pairs: errorOf(() => torch.empty(5e6, 2).tolist()),
  ones: errorOf(() => torch.empty(4e6, 1).tolist()),
  none: errorOf(() => torch.empty(1e7, 0).tolist()),
  complex: errorOf(() => torch.empty([3e6], { dtype: torch.complex64 }).tolist()),
  json: errorOf(() => JSON.stringify(torch.empty(2e7))),
  fits: errorOf(() => torch.empty(1e6).tolist()),
})

/** Arrays over more memory than a Buffer holds in Node 20. */
function large(): Record<string, unknown> {
  const tensor = torch.empty(5 * 2 ** 28)
  const outcomes: Record<string, unknown> = {}
  outcomes.error = errorOf(() => {
    const array = tensor.to_typed_array()
    outcomes.length = array.length
    array[array.length - 1] = 7
    outcomes.last = tensor.index(-1).item()
  })
  return outcomes
}

const COUNT = 250_000
type Transferable = ArrayBuffer & { transfer(): ArrayBuffer }

/** Memory that a worker moved here is read after the worker's end, and after others used what it freed. */
async function transferred(how: string): Promise<{ wrong: number }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { run: 'transfer' } })
  const [buffer] = await once(worker, 'message')
  if (how === 'terminated') await worker.terminate()
  else {
    worker.postMessage('end')
    await once(worker, 'exit')
  }
  const user = new Worker(new URL(import.meta.url), { workerData: { run: 'use memory' } })
  await once(user, 'exit')
  useMemory()
  return { wrong: new Float32Array(buffer as ArrayBuffer).filter((value) => value !== 3).length }
}

function useMemory(): void {
  const filled = Array.from({ length: 100 }, (_, i) => torch.full([COUNT], 100 + i))
  for (const tensor of filled) tensor.dispose()
}

const IN_WORKER: Record<string, () => unknown> = {
  changed,
  nested: () => [errorsWith(cyclic()), errorsWith(nested(30_000))],
  depth: () => [nestBackwards(80), nestBackwards(Number.POSITIVE_INFINITY)],
  transfer() {
    const moved = (torch.full([COUNT], 3).to_typed_array().buffer as Transferable).transfer()
    parentPort?.postMessage(moved, [moved])
    parentPort?.once('message', () => {})
  },
  'use memory': useMemory,
}

const PROGRAMS: Record<string, () => unknown> = {
  ...IN_WORKER,
  nested: () => [errorsWith(cyclic()), errorsWith(nested(100_000))],
  scope: scopeKeepsDeepResult,
  holes: slowWithHoles,
  memory: shortOfMemory,
  heap: shortOfHeap,
  large,
  'transferred ended': () => transferred('ended'),
  'transferred terminated': () => transferred('terminated'),
}

if (!isMainThread) {
  const result = IN_WORKER[workerData.run]?.()
  if (result !== undefined) parentPort?.postMessage(result)
} else if (process.argv[3] === 'worker') {
  const worker = new Worker(new URL(import.meta.url), { workerData: { run: process.argv[2] } })
  const [result] = await once(worker, 'message')
  console.log(JSON.stringify(result))
} else {
  console.log(JSON.stringify(await PROGRAMS[process.argv[2] ?? '']?.()))
}
