// A loader with two workers that persist, as side.py has it (the protocol is in scripts/bench/sides/tstorch.ts): each line of
// standard input is a number of samples, answered by the time of one in a pass over so many.

import { createInterface } from 'node:readline'
import torch, { type Tensor } from '../../lib/index.js'
import { DATASETS } from './datasets.js'

const [name = '', count = '0'] = process.argv.slice(2)
const { dataset, batch_size } = DATASETS[name] as (typeof DATASETS)[string]
const samples = Number(count)
const loader = new torch.utils.data.DataLoader(dataset(samples), {
  batch_size,
  shuffle: true,
  num_workers: 2,
  persistent_workers: true,
})

/** One element of each batch is read, which must have come by then. */
function pass(): number {
  let sum = 0
  for (const [x] of loader) sum += (x as Tensor).view(-1).index(0).item()
  return sum
}

torch.manual_seed(0)
const sum = pass()
pass()
console.log(JSON.stringify({ version: `Node ${process.version}`, threads: torch.get_num_threads(), sum }))
for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now()
  pass()
  const us = ((performance.now() - started) / samples) * 1000
  console.log(JSON.stringify({ us, peak_mb: process.resourceUsage().maxRSS / 1024 }))
}
