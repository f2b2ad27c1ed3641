// Runs a sample of PyTorch's optimizer tests through tstorch's public API.

import torch, { nn, optim, type Tensor } from '../../../lib/index.js'
import { type Any, type CheckOptions, compareResult, Run, wrongError } from '../check.js'
import type { TensorRecord, Tensors } from '../entry.js'
import type { OptimizerCase, OptimizerEntry, OptimizerError, ProblemRow } from './entry.js'
import { samePrinting } from './printing.js'

/** As in optim_cases.py. */
const STEPS = 20
const HALF = STEPS / 2
const SCALES = [1, 0.5, -0.25, 2, 1]

type Class = new (params: unknown, settings: object) => optim.Optimizer

function classOf(name: string): Class {
  const found = (optim as unknown as Any)[name.replace('optim.', '')]
  if (typeof found !== 'function') throw new Error(`no torch.${name}`)
  return found as Class
}

class OptimizerRun extends Run {
  protected override other(record: Any): unknown {
    if ('dict' in record) return this.settings(record.dict as Any)
    return super.other(record)
  }

  settings(recorded: Any): Any {
    return Object.fromEntries(Object.entries(recorded).map(([key, value]) => [key, this.value(value)]))
  }
}

/** A parameter on its way. */
interface Row {
  start: Tensor
  param: Tensor
  target: Tensor
  weight: Tensor
  first: number | null
}

function rowsOf(run: Run, problem: readonly ProblemRow[], differentiable: boolean): Row[] {
  return problem.map(([start, target, weight, first]) => {
    const [from, to, pull] = [start, target, weight].map((record) => run.tensor(record)) as [Tensor, Tensor, Tensor]
    if (!differentiable) return { start: from, param: new nn.Parameter(from), target: to, weight: pull, first }
    from.requires_grad_()
    pull.requires_grad_()
    return { start: from, param: from.clone(), target: to, weight: pull, first }
  })
}

const groupsOf = (kind: string, params: readonly Tensor[]): unknown =>
  kind === 'groups' ? [{ params: params.slice(0, 2) }, { params: params.slice(2), lr: 0.005 }] : params

function gradient({ param, target, weight }: Row, step: number, sparse: boolean): Tensor {
  const whole = param
    .detach()
    .sub(target)
    .mul(weight)
    .mul(SCALES[step % SCALES.length] as number)
  if (!sparse) return whole
  const length = param.shape[0] as number
  const rows = torch.tensor([step % length, (2 * step + 1) % length], { dtype: torch.int64 })
  return torch.sparse_coo_tensor(rows.unsqueeze(0), whole.index_select(0, rows), param.shape)
}

function lossOf(rows: readonly Row[]): Tensor {
  let total: Tensor | null = null
  for (const { param, target, weight, first } of rows) {
    if (first === null) continue
    const complex = param.dtype.is_complex
    const [way, pull] = [param.sub(target), weight].map((x) => (complex ? torch.view_as_real(x) : x)) as [
      Tensor,
      Tensor,
    ]
    // Python begins with its sum of nothing, 0, which changes no number but the sign of a zero.
    const bowl: Tensor = (total ?? torch.zeros([])).add(pull.mul(way.square()).sum())
    total = bowl.add(way.pow(4).sum().mul(0.1))
  }
  return total as Tensor
}

interface Ran {
  rows: Row[]
  optimizer: optim.Optimizer
  losses: Tensor[]
  gradients: (Tensor | null)[]
}

function steps(run: OptimizerRun, { name, problems }: OptimizerEntry, record: OptimizerCase): Ran {
  const { kind, switches, reload, recorded } = record
  const made = classOf(name)
  const rows = rowsOf(run, problems[kind] as ProblemRow[], switches.differentiable === true)
  const params = rows.map(({ param }) => param)
  let optimizer = new made(groupsOf(kind, params), { ...run.settings(record.settings), ...switches })
  const losses: Tensor[] = []
  let gradients: (Tensor | null)[] = []
  const closure = (): Tensor => {
    optimizer.zero_grad()
    const loss = lossOf(rows)
    loss.backward()
    return loss
  }
  for (let step = 0; step < STEPS; step++) {
    if (step === HALF && reload) {
      const saved = optimizer.state_dict()
      optimizer = new made(groupsOf(kind, params), switches)
      optimizer.load_state_dict(saved)
    }
    if (name === 'optim.LBFGS') {
      losses.push((optimizer.step(closure) as Tensor).detach())
      continue
    }
    for (const row of rows)
      if (row.first !== null && step >= row.first) row.param.grad = gradient(row, step, kind === 'sparse')
    optimizer.step()
    if (step + 1 === recorded) {
      const total = params.map((param, i) => param.mul(i + 1).sum()).reduce((a, b) => a.add(b))
      const wanted = [...rows.map(({ start }) => start), ...rows.map(({ weight }) => weight)]
      gradients = torch.autograd.grad([total], wanted, { allow_unused: true, retain_graph: true })
    }
  }
  return { rows, optimizer, losses, gradients }
}

function wrongTensor(run: Run, what: string, actual: unknown, expected: TensorRecord): string | null {
  const { wrong } = compareResult(what, actual, { ...expected, grad: false }, run)
  return wrong === null ? null : `${what}: ${wrong}`
}

/** How a value of the state differs: a tensor, a number, or lists of them. */
function wrongValue(run: Run, what: string, actual: unknown, expected: unknown): string | null {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return `${what} is no list`
    if (actual.length !== expected.length) return `${what} has ${actual.length} elements, expected ${expected.length}`
    return expected.map((each, i) => wrongValue(run, `${what} ${i}`, actual[i], each)).find(Boolean) ?? null
  }
  if (typeof expected === 'object' && expected !== null && 'tensor' in expected)
    return wrongTensor(run, what, actual, expected as TensorRecord)
  const { wrong } = compareResult(what, actual, { value: expected }, run)
  return wrong === null ? null : `${what}: ${wrong}`
}

function* wrongState(run: Run, { optimizer }: Ran, record: OptimizerCase): Iterable<string | null> {
  const { state, param_groups } = optimizer.state_dict()
  const found = Object.entries(state).flatMap(([index, each]) =>
    Object.entries(each).map(([name, value]) => [index, name, value]),
  )
  const [names, wanted] = [found, record.state ?? []].map((rows) =>
    rows.map(([index, name]) => `${index}.${name}`).join(', '),
  )
  if (names !== wanted) yield `state of ${names || 'nothing'}, expected ${wanted || 'nothing'}`
  else
    for (const [i, [index, name, value]] of (record.state ?? []).entries())
      yield wrongValue(run, `${name} of parameter ${index}`, found[i]?.[2], value)
  const groups = param_groups.map((group) => Object.keys(group).sort().join(', '))
  const expected = (record.groups ?? []).map((names) => names.join(', '))
  if (groups.join('; ') !== expected.join('; '))
    yield `param_groups have ${groups.join('; ')}, expected ${expected.join('; ')}`
}

function* wrongRun(run: OptimizerRun, entry: OptimizerEntry, record: OptimizerCase): Iterable<string | null> {
  const { error, pattern } = record
  if (error !== undefined && pattern !== undefined) {
    classOf(entry.name)
    yield wrongError({ error, pattern }, () => void steps(run, entry, record))
    return
  }
  const ran = steps(run, entry, record)
  for (const [i, expected] of (record.params ?? []).entries())
    yield wrongTensor(run, `parameter ${i}`, ran.rows[i]?.param.detach(), expected)
  yield* wrongState(run, ran, record)
  for (const [i, expected] of (record.losses ?? []).entries())
    yield wrongTensor(run, `loss of step ${i}`, ran.losses[i], expected)
  for (const [i, expected] of (record.gradients ?? []).entries()) {
    const found = ran.gradients[i] ?? null
    if (expected === null || found === null)
      yield expected === found ? null : `gradient ${i} is ${found}, expected ${expected}`
    else yield wrongTensor(run, `gradient ${i} through the steps`, found, expected)
  }
  const printed = String(ran.optimizer)
  if (!samePrinting(printed, record.printed ?? '', record.settings))
    yield `printed as ${JSON.stringify(printed)}, expected ${JSON.stringify(record.printed)}`
}

/** All that is wrong. */
export function checkOptimizer(
  entry: OptimizerEntry,
  record: OptimizerCase,
  tensors: Tensors,
  options: CheckOptions = {},
): string[] {
  const found: string[] = []
  try {
    torch.scope(() => {
      for (const wrong of wrongRun(new OptimizerRun(tensors, [], options), entry, record))
        if (wrong !== null) found.push(wrong)
    })
  } catch (error) {
    found.push(`threw ${(error as Error).message}`)
  }
  return found
}

const warned = new Set<string>()

/** Runs `body` and throws what it warned of: each warning is given once in a process, so that older ones count. */
function warningAsError(body: () => void, message: string): void {
  const { emitWarning } = process
  process.emitWarning = (warning: string | Error) => void warned.add(String(warning))
  try {
    body()
  } finally {
    process.emitWarning = emitWarning
  }
  const given = [...warned].find((warning) => message.startsWith(warning))
  if (given !== undefined) throw new Error(message)
}

/** Whether the constructor or the step fails, or warns, with the message that PyTorch's test expects. */
export function checkOptimizerError({ name }: OptimizerEntry, record: OptimizerError, tensors: Tensors): string | null {
  try {
    const made = classOf(name)
    return torch.scope(() => {
      const run = new OptimizerRun(tensors, record.inputs)
      const params = run.value(record.params)
      const settings = run.settings(record.settings)
      if (record.type === 'UserWarning')
        return wrongError(record, () => warningAsError(() => void new made(params, settings), record.error))
      if (!record.step) return wrongError(record, () => void new made(params, settings))
      const optimizer = new made(params, settings)
      for (const input of run.inputs) input.grad = torch.rand_like(input)
      return wrongError(record, () => void optimizer.step())
    })
  } catch (error) {
    return `error sample: threw ${(error as Error).message}`
  }
}
