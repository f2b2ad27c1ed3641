// Saves one state after the other over one file, until it is killed:
//   node child.js WRITER FILE

import { writeSync } from 'node:fs'
import torch from '../../../lib/index.js'
import { stateOf, WRITERS, type Writer } from './writers.js'

const [writer = '', file = ''] = process.argv.slice(2)
const { save } = WRITERS[writer] as Writer
save(stateOf(0), file)
writeSync(1, 'ready\n')
for (let round = 1; ; round++) {
  torch.scope(() => save(stateOf(round), file))
}
