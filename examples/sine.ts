// The document's section 2: a recurrent network learns to predict the next value of a sine wave.
//
//   npm run sine                       5,000 iterations, losses every 100, and a chart in out/sine.svg and .png
//   npm run sine -- --zero-state       each iteration starts from a zero state, as the document's program literally does
//   npm run sine -- --iterations 500 --seed 1 --out FILE
//   npm run sine -- --device cuda --graph     on a GPU, each step of training as one CUDA graph

import { parseArgs } from 'node:util'
import torch, { nn, optim, type Tensor } from 'tstorch'
import { save_line_chart } from 'tstorch/plot'
import { DEVICES, isMain, outFile, pickDevice, print, runMain, UsageError, wholeNumber } from './command.js'

const NUM_TIME_STEPS = 20
const HIDDEN_DIM = 10

class Net extends nn.Module {
  readonly rnn: nn.RNN
  readonly linear: nn.Linear

  constructor(
    input_dim = 1,
    readonly hidden_dim = HIDDEN_DIM,
    out_dim = 1,
  ) {
    super()
    this.rnn = new nn.RNN({ input_size: input_dim, hidden_size: hidden_dim, num_layers: 1, batch_first: true })
    this.linear = new nn.Linear({ in_features: hidden_dim, out_features: out_dim })
  }

  forward(x: Tensor, hidden_prev: Tensor): [out: Tensor, hidden: Tensor] {
    const [out, hidden] = this.rnn(x, hidden_prev) // (1, seq, hidden_dim)
    const flat = out.view(-1, this.hidden_dim) // (seq, hidden_dim)
    return [this.linear(flat).unsqueeze({ dim: 0 }), hidden] // (1, seq, 1)
  }
}

/** One wave of 20 points from a random start: the points but the last, the points but the first, their times. */
function sampleData(): [x: Tensor, y: Tensor, time_steps: Tensor] {
  const start = torch.randint(0, 3, [1]).item()
  const time_steps = torch.linspace(start, start + 10, NUM_TIME_STEPS, { dtype: torch.float64 })
  const data = time_steps.sin().float().view(NUM_TIME_STEPS, 1)
  const x = data.index(':-1').view(1, NUM_TIME_STEPS - 1, 1)
  const y = data.index('1:').view(1, NUM_TIME_STEPS - 1, 1)
  return [x, y, time_steps]
}

export interface SineOptions {
  iterations?: number
  seed?: number
  device?: string
  /** Whether the training step is recorded as a CUDA graph: `device` must be a GPU. */
  graph?: boolean
  zeroState?: boolean
  onLoss?: (iteration: number, loss: number) => void
}

/** Trains the network and returns its losses, and truth and prediction of the last iteration. */
export function trainSine(options: SineOptions = {}) {
  const { iterations = 5000, seed = 0, device = 'cpu', graph = false, zeroState = false, onLoss } = options
  torch.manual_seed(seed)
  const model = new Net().to(device)
  const criterion = new nn.MSELoss()
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 })
  let step = (x: Tensor, y: Tensor, hidden_prev: Tensor): [loss: Tensor, output: Tensor, hidden: Tensor] => {
    const [output, hidden] = model(x, hidden_prev)
    const loss = criterion(output, y)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    return [loss, output, hidden]
  }
  if (graph) step = torch.cuda.graphed_step(step)
  let hidden_prev = torch.zeros(1, 1, HIDDEN_DIM, { device })
  let last = { times: [] as number[], truth: [] as number[], prediction: [] as number[] }
  for (let iter = 0; iter < iterations; iter++) {
    const [x, y, time_steps] = sampleData()
    const [loss, output, hidden] = step(x.to(device), y.to(device), hidden_prev)
    if (!zeroState) hidden_prev = hidden.detach()
    onLoss?.(iter, loss.item())
    if (iter === iterations - 1) {
      last = {
        times: time_steps.index(':-1').tolist() as number[],
        truth: y.flatten().tolist() as number[],
        prediction: output.detach().flatten().tolist() as number[],
      }
    }
  }
  return { model, last }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      iterations: { type: 'string', default: '5000' },
      seed: { type: 'string', default: '0' },
      'zero-state': { type: 'boolean', default: false },
      device: { type: 'string', default: 'cpu' },
      graph: { type: 'boolean', default: false },
      out: { type: 'string', default: 'out/sine' },
    },
  })
  const device = DEVICES.find((name) => name === values.device)
  if (device === undefined)
    throw new UsageError(`--device must be one of ${DEVICES.join(', ')}, not '${values.device}'`)
  const { last } = trainSine({
    device: pickDevice(device, values.graph),
    graph: values.graph,
    iterations: wholeNumber('--iterations', values.iterations, 1),
    seed: wholeNumber('--seed', values.seed, 0),
    zeroState: values['zero-state'],
    onLoss: (iter, loss) => {
      if (iter % 100 === 0) print(`Iter:${iter} loss${loss}`)
    },
  })
  const series = [
    { name: 'truth', x: last.times, y: last.truth, color: 'red' },
    { name: 'prediction', x: last.times, y: last.prediction, color: 'blue' },
  ]
  const files = await save_line_chart({ xlabel: 'time', ylabel: 'sin(time)', series }, outFile(values.out))
  print(`chart: ${files.join(', ')}`)
}

if (isMain(import.meta.url)) void runMain(main)
