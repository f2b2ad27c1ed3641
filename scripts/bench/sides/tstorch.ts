// tstorch's side. The protocol of all sides: the case as JSON is the only argument; after the warm-up a line of JSON
// says who this is; then each line of standard input is a number of steps, answered by their time. With --graph a step
// is one CUDA graph.

import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import torch, { nn, optim, type Tensor } from '../../../lib/index.js'
import type { Case } from '../cases.js'

const F = nn.functional
const spec = JSON.parse(process.argv[2] as string) as Case
const { hidden, length, batch, device } = spec
const graph = process.argv.includes('--graph')

/** A step, whose loss is read where Python's loop reads it. */
interface Step {
  run(): Tensor | void
  reads: boolean
}

function sine(): Step {
  const rnn = new nn.RNN(1, 10, { batch_first: true }).to(device)
  const linear = new nn.Linear(10, 1).to(device)
  const model = new nn.ModuleList<nn.Module>([rnn, linear])
  const criterion = new nn.MSELoss()
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 })
  const [x, y] = [torch.randn(1, 19, 1, { device }), torch.randn(1, 19, 1, { device })]
  const h_0 = torch.zeros(1, 1, 10, { device })
  const run = () => {
    const [out] = rnn(x, h_0)
    const loss = criterion(linear(out.view(-1, 10)).unsqueeze(0), y)
    model.zero_grad()
    loss.backward()
    optimizer.step()
  }
  return { run, reads: false }
}

const LAYERS = { rnn: nn.RNN, lstm: nn.LSTM, gru: nn.GRU }

function layer(): nn.RNNBase {
  const Layer = LAYERS[spec.cell] as new (
    input_size: number,
    hidden_size: number,
    options: nn.RNNBaseOptions,
  ) => nn.RNNBase
  return new Layer(28, hidden, { num_layers: spec.layers, bidirectional: spec.bidirectional }).to(device)
}

function tokens(): [x: Tensor, y: Tensor] {
  return [torch.randint(0, 28, [batch, length], { device }), torch.randint(0, 28, [length * batch], { device })]
}

function character(): Step {
  const rnn = layer()
  const width = hidden * (spec.bidirectional ? 2 : 1)
  const linear = new nn.Linear(width, 28).to(device)
  const criterion = new nn.CrossEntropyLoss()
  const params = [...rnn.parameters(), ...linear.parameters()]
  const optimizer = new optim.SGD(params, { lr: 1 })
  const [x, y] = tokens()
  const run = () => {
    const [out] = rnn(F.one_hot(x.T, 28).to(torch.float32))
    const loss = criterion(linear(out.reshape(-1, width)), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 1)
    optimizer.step()
    return loss
  }
  return { run, reads: true }
}

function scratch(): Step {
  const normal = (...size: number[]) => torch.randn(size, { device }).mul(0.01)
  const [W_xh, W_hh, W_hq] = [normal(28, hidden), normal(hidden, hidden), normal(hidden, 28)]
  const [b_xh, b_hh, b_q] = [hidden, hidden, 28].map((size) => torch.zeros(size, { device })) as [
    Tensor,
    Tensor,
    Tensor,
  ]
  const params = [W_xh, W_hh, W_hq, b_xh, b_hh, b_q].map((p) => p.requires_grad_(true))
  const criterion = new nn.CrossEntropyLoss()
  const [x, y] = tokens()
  const run = () => {
    let h = torch.zeros(batch, hidden, { device })
    const outputs: Tensor[] = []
    for (const x_t of F.one_hot(x.T, 28).to(torch.float32)) {
      h = torch.tanh(x_t.mm(W_xh).add(b_xh).add(h.mm(W_hh)).add(b_hh))
      outputs.push(h.mm(W_hq).add(b_q))
    }
    const loss = criterion(torch.cat(outputs), y)
    loss.backward()
    const grads = params.map((p) => p.grad as Tensor)
    const norm = grads
      .map((grad) => grad.pow(2).sum())
      .reduce((sum, square) => sum.add(square))
      .sqrt()
    torch.no_grad(() => {
      // A graph cannot read the norm.
      const scale = graph ? norm.reciprocal().clamp_max(1) : norm.reciprocal()
      if (graph || norm.item() > 1) for (const grad of grads) grad.mul_(scale)
      params.forEach((p, i) => {
        p.sub_(grads[i] as Tensor)
        ;(grads[i] as Tensor).zero_()
      })
    })
    return loss
  }
  return { run, reads: true }
}

function inference(): Step {
  const rnn = layer().eval() as unknown as nn.LSTM
  const x = torch.randn(1, batch, 28, { device })
  const zeros = () => torch.zeros(1, batch, hidden, { device })
  let state: [Tensor, Tensor] = [zeros(), zeros()]
  const forward = (x: Tensor, state: [Tensor, Tensor]): [Tensor, Tensor] => torch.no_grad(() => rnn(x, state)[1])
  const next = graph ? torch.cuda.graphed_step(forward) : forward
  const run = () => {
    state = next(x, state)
  }
  return { run, reads: false }
}

function add(): Step {
  const [a, b] = [torch.randn(4, 4), torch.randn(4, 4)]
  const run = () => {
    a.add(b)
  }
  return { run, reads: false }
}

type AnyOptimizer = new (params: Tensor[]) => optim.Optimizer

function optimizer(): Step {
  const shape = spec.shape as number[]
  const params = Array.from({ length: spec.parameters as number }, () => {
    const param = torch.randn(shape).requires_grad_()
    const sparse = spec.optimizer === 'SparseAdam'
    param.grad = sparse ? torch.randn(shape).to_sparse({ sparse_dim: 1 }) : torch.randn(shape)
    return param
  })
  const Made = (optim as unknown as Record<string, AnyOptimizer>)[spec.optimizer as string] as AnyOptimizer
  const made = new Made(params)
  return { run: () => made.step(), reads: false }
}

async function program(): Promise<Step> {
  const { start } = await import('../../../examples/programs/run.js')
  return { run: await start(spec.program as string), reads: true }
}

function calls(): Step {
  const model = new nn.Sequential(...Array.from({ length: 20 }, () => new nn.Linear(8, 8)))
  const x = torch.randn(1, 8)
  return { run: () => torch.no_grad(() => void model(x)), reads: false }
}

/** The resident memory, and its peak since `forgetPeak`, in MB. Linux alone. */
function memory(field: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(line?.[1]) / 1024
}
const forgetPeak = () => writeFileSync('/proc/self/clear_refs', '5')
/** What the first step added at most. */
let added: number | null = null

function file(): Step {
  const { file = '', ending, mapped = false, reads = false } = spec
  const load = (): Record<string, Tensor> =>
    ending === 'pt'
      ? torch.load(file, { mmap: mapped })
      : torch.safetensors.load_file(file, { backend: mapped ? 'mmap' : 'pread' })
  const run = () =>
    torch.scope(() => {
      const tensors = Object.values(load())
      if (reads) for (const tensor of tensors) tensor.sum().item()
    })
  // What is loaded but once.
  torch.scope(() =>
    torch
      .load(torch.save([torch.ones(1)]))[0]
      .sum()
      .item(),
  )
  if (process.platform === 'linux') {
    forgetPeak()
    const before = memory('VmRSS')
    run()
    added = memory('VmHWM') - before
  }
  return { run, reads: false }
}

const STEPS = { sine, character, scratch, inference, add, add_in_scope: add, optimizer, program, calls, file }

torch.manual_seed(0)
const task = await STEPS[spec.task]()
const body = graph && spec.task !== 'inference' ? torch.cuda.graphed_step(task.run) : task.run

function step(): void {
  const loss = body()
  if (task.reads) (loss as Tensor).item()
}

function run(steps: number): void {
  if (spec.task !== 'add_in_scope') {
    for (let i = 0; i < steps; i++) step()
  } else {
    for (let done = 0; done < steps; done += 100) {
      torch.scope(() => {
        for (let i = 0; i < 100; i++) step()
      })
    }
  }
  if (device === 'cuda') torch.cuda.synchronize()
}

run(spec.warmup)
console.log(JSON.stringify({ version: `Node ${process.version}`, threads: torch.get_num_threads() }))
for await (const line of createInterface({ input: process.stdin })) {
  const started = performance.now()
  run(Number(line))
  const us = ((performance.now() - started) / Number(line)) * 1000
  console.log(JSON.stringify({ us, peak_mb: added ?? process.resourceUsage().maxRSS / 1024 }))
}
