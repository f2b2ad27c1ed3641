// Twenty steps of every optimizer in the cases of optimizers.json, in each dtype; optimizers.py does the same.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { optim, type Tensor } from '../../lib/index.js'

const STEPS = 20
const DTYPES = ['float32', 'float64', 'bfloat16', 'float16', 'complex64', 'tensor_lr'] as const
export type Kind = (typeof DTYPES)[number]
export type Options = Record<string, unknown>

/** The parameters of a run and its optimizer. */
export interface Running {
  parameters: Tensor[]
  optimizer: optim.Optimizer
}

export interface Run {
  dtype: Kind
  options: Options
  numbers: number[]
}

const CASES: Record<string, Options[]> = JSON.parse(
  readFileSync(join(packageRoot, 'scripts', 'bit_equal', 'optimizers.json'), 'utf8'),
)

/** Whether the optimizer takes parameters of the dtype, or a tensor as its learning rate. */
function takes(name: string, options: Options, dtype: Kind): boolean {
  if (dtype === 'complex64') return !['Adafactor', 'Muon', 'SparseAdam'].includes(name) && !options.fused
  if (dtype === 'tensor_lr') return !options.foreach
  return name !== 'SparseAdam' || dtype === 'float32' || dtype === 'float64'
}

type AnyOptimizer = new (params: Tensor[], options: Options) => optim.Optimizer

/** The parameters and the optimizer after all steps; `halfway` sees both after half of them. */
export function run(name: string, given: Options, kind: Kind, halfway?: (running: Running) => void): Running {
  const dtype = kind === 'tensor_lr' ? torch.float32 : torch[kind]
  torch.manual_seed(7)
  const flat = name === 'Muon' || name === 'SparseAdam'
  const shapes = flat
    ? [
        [3, 4],
        [5, 2],
      ]
    : [[3, 4], [7], [], [2, 3, 2]]
  const parameters = shapes.map((shape) => torch.randn(shape).to(dtype).requires_grad_())
  const options =
    kind === 'tensor_lr' ? { ...given, lr: torch.tensor((given.lr as number | undefined) ?? 0.01) } : given
  const make = (optim as unknown as Record<string, AnyOptimizer>)[name] as AnyOptimizer
  const optimizer = new make(parameters, options)
  for (let step = 0; step < STEPS; step++) {
    parameters.forEach((parameter, i) => {
      const gradient = torch.randn(shapes[i] as number[]).to(dtype)
      // The last parameter has no gradient at first: Python's fused SGD cannot do that.
      if (step < 2 && i === shapes.length - 1 && !given.fused) return
      parameter.grad = name === 'SparseAdam' ? sparse(gradient) : gradient
    })
    optimizer.step()
    if (step === STEPS / 2 - 1) halfway?.({ parameters, optimizer })
  }
  return { parameters, optimizer }
}

export const numbersOf = ({ parameters }: Running): number[] =>
  parameters.flatMap((parameter) => numbers(parameter.detach()))

/** Two rows of it, one of them twice. */
const sparse = (gradient: Tensor): Tensor =>
  torch.sparse_coo_tensor(torch.tensor([[2n, 0n, 2n]]), gradient.index(':3'), [...gradient.shape])

export function numbers(tensor: Tensor): number[] {
  const real = tensor.is_complex() ? torch.view_as_real(tensor) : tensor
  return real.to(torch.float64).flatten().tolist() as number[]
}

/** What the parameters are in the end, with or without our own ways to compute. */
export function optimized(fused: boolean): Record<string, Run[]> {
  torch.backends.tstorch.fused = fused
  const all = Object.entries(CASES).map(([name, options]): [string, Run[]] => [
    name,
    options.flatMap((given) =>
      DTYPES.filter((dtype) => takes(name, given, dtype)).map((dtype) => ({
        ...{ dtype, options: given },
        numbers: numbersOf(run(name, given, dtype)),
      })),
    ),
  ])
  torch.backends.tstorch.fused = true
  return Object.fromEntries(all)
}
