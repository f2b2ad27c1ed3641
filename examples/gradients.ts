// The document's section 1: how a gradient shrinks or grows on its way back through time, and how clipping bounds it.
//
//   npm run gradients                 the norms of dh_T/dh_t by distance, gradients before and after clipping, a chart
//   npm run gradients -- --out FILE --seed 1

import { parseArgs } from 'node:util'
import torch, { nn, type Tensor } from 'tstorch'
import { type Series, save_line_chart } from 'tstorch/plot'
import { isMain, outFile, print, runMain, wholeNumber } from './command.js'

const HIDDEN = 16
const STEPS = 30

/** The recurrent matrices that are compared: an orthogonal one, by which no vector changes length, times a factor. */
export const FACTORS = { shrinks: 0.8, keeps: 1, grows: 1.2 } as const

/** Runs a recurrent layer step by step; the state after each step is a tensor of the graph. */
function states(layer: nn.RNNBase, inputs: Tensor): Tensor[][] {
  // Small states, where tanh hardly bends: what is seen is the matrix's doing.
  const first = () => torch.randn(1, HIDDEN).mul(1e-4).requires_grad_()
  let state: Tensor[] = layer instanceof nn.LSTM ? [first(), first()] : [first()]
  const all = [state]
  for (const x_t of inputs) {
    const step = x_t.unsqueeze(0) // (1, input)
    state = layer instanceof nn.LSTM ? layer(step, state as [Tensor, Tensor])[1] : [layer(step, state[0])[1]]
    all.push(state)
  }
  return all
}

/** The spectral norm of dh_T/ds_t, s being the whole state, for every distance T - t. */
export function jacobianNorms(layer: nn.RNNBase): number[] {
  const all = states(layer, torch.zeros(STEPS, 1))
  const last = (all.at(-1) as Tensor[])[0] as Tensor // h_T
  const earlier = all.slice(0, -1).reverse()
  const rows = [...last.flatten()].map(
    (h) => torch.autograd.grad(h, earlier.flat(), { retain_graph: true }) as Tensor[],
  )
  const width = (all[0] as Tensor[]).length
  return earlier.map((_, distance) => {
    const jacobian = torch.stack(
      rows.map((row) => torch.cat(row.slice(distance * width, (distance + 1) * width).map((g) => g.flatten()))),
    )
    return torch.linalg.matrix_norm(jacobian, 2).item()
  })
}

/** An nn.RNN whose recurrent matrix is orthogonal times `factor`. */
export function rnnWith(factor: number): nn.RNN {
  const layer = new nn.RNN(1, HIDDEN, { bias: false })
  nn.init.orthogonal_(layer.get_parameter('weight_hh_l0'), factor)
  return layer
}

/** An nn.LSTM whose forget gates start almost open (Gers et al. 2000), so that the cell state is carried far. */
export function openLstm(): nn.LSTM {
  const layer = new nn.LSTM(1, HIDDEN)
  const forget = layer.get_parameter('bias_hh_l0').data.index(`${HIDDEN}:${2 * HIDDEN}`)
  forget.fill_(4)
  return layer
}

/** The norm of each parameter's gradient: the document's print_current_grad. */
export function gradientNorms(model: nn.Module): Record<string, number> {
  return Object.fromEntries(model.named_parameters().map(([name, w]) => [name, (w.grad as Tensor).norm().item()]))
}

/** Gradients of a long sequence's last output, before and after clip_grad_norm_(…, 10). */
export function clipped(layer: nn.RNNBase) {
  const target = torch.full([HIDDEN], 1000) // far away, so that gradients are large
  const output = layer(torch.randn(STEPS, 1))[0].index(-1)
  nn.functional.mse_loss(output, target, { reduction: 'sum' }).backward()
  const before = gradientNorms(layer)
  const total = nn.utils.clip_grad_norm_(layer.parameters(), 10).item()
  return { before, total, after: gradientNorms(layer) }
}

function printClipped(name: string, layer: nn.RNNBase): void {
  const { before, total, after } = clipped(layer)
  print(`\n${name}: gradient norms before and after clip_grad_norm_(parameters, 10); all together ${total.toFixed(2)}`)
  for (const [parameter, norm] of Object.entries(before)) {
    print(
      `  ${parameter.padEnd(14)} ${norm.toFixed(4).padStart(14)} -> ${(after[parameter] as number).toFixed(4).padStart(8)}`,
    )
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: 'string', default: 'out/gradients' }, seed: { type: 'string', default: '0' } },
  })
  torch.manual_seed(wholeNumber('--seed', values.seed, 0))
  const layers: [string, nn.RNN | nn.LSTM][] = [
    ...Object.entries(FACTORS).map(([name, factor]): [string, nn.RNN] => [
      `RNN, W_hh ${name} (${factor})`,
      rnnWith(factor),
    ]),
    ['LSTM', new nn.LSTM(1, HIDDEN)],
    ['LSTM, forget gates open', openLstm()],
  ]
  const series: Series[] = layers.map(([name, layer]) => {
    const y = jacobianNorms(layer)
    return { name, x: y.map((_, i) => i + 1), y }
  })
  const shown = [1, 2, 5, 10, 20, 30]
  print('norm of dh_T/dh_t by distance T - t')
  print(`${''.padEnd(24)}${shown.map((distance) => String(distance).padStart(12)).join('')}`)
  for (const { name, y } of series) {
    print(
      `${name.padEnd(24)}${shown.map((distance) => (y[distance - 1] as number).toExponential(3).padStart(12)).join('')}`,
    )
  }
  printClipped('RNN, W_hh grows', rnnWith(FACTORS.grows))
  printClipped('LSTM', new nn.LSTM(1, HIDDEN))
  const chart = { xlabel: 'distance T - t', ylabel: 'norm of dh_T/dh_t', yscale: 'log' as const, series }
  print(`\nchart: ${(await save_line_chart(chart, outFile(values.out))).join(', ')}`)
}

if (isMain(import.meta.url)) void runMain(main)
