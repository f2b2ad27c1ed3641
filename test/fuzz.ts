// Calls the addon's functions directly, without TypeScript's checks, with hostile arguments: node dist/test/fuzz.js SEED ROUNDS
// Every call must give a value or a JavaScript exception; the process must reach its last line.

import { native, succeeded } from '../lib/core/native.js'

let state = Number(process.argv[2] ?? 1)
const rounds = Number(process.argv[3] ?? 20_000)

/** Park and Miller's generator: the same calls for the same seed. */
function random(end: number): number {
  state = (state * 48271) % 2147483647
  return state % end
}

const ones = native.operator('aten::ones')
const handles: number[] = []
const fresh = () => {
  handles.push(succeeded(native.call(ones, 0, undefined, [random(3), random(4)])) as number)
  if (random(3) === 0) {
    const handle = succeeded(native.call(ones, 0, undefined, [2, 2])) as number
    native.set_requires_grad(handle, true)
    handles.push(handle)
  }
  while (handles.length > 50) native.release(handles.splice(random(handles.length), 1)[0] as number)
}

const OPERATORS = [
  'add',
  'mm',
  'sum',
  'view',
  'cat',
  'index',
  'to',
  'randn',
  'normal_',
  'lstm',
  'split',
  'max',
  'where',
  'add_',
  'item',
]
const operators = OPERATORS.map((name) => native.operator(`aten::${name}`))
const generator = native.make_generator('cpu')

function value(depth = 0): unknown {
  switch (random(depth < 2 ? 20 : 15)) {
    case 0:
      return undefined
    case 1:
      return null
    case 2:
      return [Number.NaN, Infinity, -Infinity, -0, 0.5, 1e300][random(6)]
    case 3:
      return [2 ** 53, -(2 ** 53), 2 ** 31, -1, 2 ** 40][random(5)]
    case 4:
      return ['', 'cpu', 'torch.strided', 'cuda', 'no such thing', '\0'][random(6)]
    case 5:
      return random(2) === 0
    case 6:
      return [2n ** 70n, -1n, 3n][random(3)]
    case 7:
      return Symbol('s')
    case 8:
      return () => {
        throw new Error('called')
      }
    case 9:
      return generator
    case 10:
      return new Float64Array(
        [handles[0] ?? 0, 0, 7][random(3)] === 0 ? [] : [random(9), handles[random(handles.length)] ?? 0],
      )
    case 11:
    case 12:
      return handles[random(handles.length)]
    case 13:
      return random(40)
    case 14:
      return [new ArrayBuffer(random(20)), new Uint8Array(random(9)), new DataView(new ArrayBuffer(4))][random(3)]
    case 15:
      return { re: value(2), im: 1 }
    case 16:
      return new Proxy([], { get: () => value(2) })
    default:
      return Array.from({ length: random(5) }, () => value(depth + 1))
  }
}

// These change the process itself, and are not called with random arguments.
const LEFT_OUT = new Set([
  'set_num_threads',
  'operator_names',
  'libtorch_version',
  'push_inference_mode',
  'pop_inference_mode',
])
const functions = Object.entries(native).filter(([name]) => !LEFT_OUT.has(name)) as [
  string,
  (...args: unknown[]) => unknown,
][]

const counts = { returned: 0, threw: 0 }
for (let round = 0; round < rounds; round++) {
  fresh()
  const operator = random(2) === 0
  const [name, call] = functions[random(functions.length)] as (typeof functions)[number]
  const args = Array.from({ length: random(7) }, () => value())
  if (process.env.FUZZ_TRACE) console.error(round, operator ? 'call' : name)
  try {
    if (operator)
      succeeded(native.call(operators[random(operators.length)] as number, random(3 ** 6), undefined, ...args))
    else call(...args)
    counts.returned++
  } catch (error) {
    if (!(error instanceof Error)) throw error
    counts.threw++
  }
}
native.set_grad_enabled(true)
console.log(JSON.stringify(counts))
