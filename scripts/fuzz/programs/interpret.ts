// Runs random programs. JavaScript errors are fine, whatever is thrown.

import torch from '../../../lib/index.js'
import { Picks, type Program, programs } from './program.js'
import { elsewhereSteps, endWorker } from './steps/elsewhere.js'
import { graphSteps } from './steps/graphs.js'
import { moduleSteps } from './steps/modules.js'
import { tensorSteps } from './steps/tensors.js'
import { trainingSteps } from './steps/training.js'
import { World } from './world.js'

const STEPS = { ...tensorSteps, ...graphSteps, ...moduleSteps, ...trainingSteps, ...elsewhereSteps }

/** How often, where not once: a worker takes as long as all the rest of a program. */
const OFTEN: Record<string, number> = {
  view: 6,
  math: 10,
  change: 5,
  operator: 12,
  backward: 12,
  hook: 6,
  node_hook: 6,
  forward: 10,
  module: 6,
  parameter_data: 5,
  recurrent: 8,
  hooked: 5,
  function: 6,
  fused: 3,
  junk_argument: 4,
  read_junk: 3,
  leaf: 4,
  custom: 4,
  data: 3,
  memory: 4,
  step: 3,
}
const SELDOM = { worker: 1, end_worker: 1 }
/** Every other step is this many times as frequent as a worker. */
const COMMON = 4

const names = Object.keys(STEPS).flatMap((name) => Array(name in SELDOM ? 1 : COMMON * (OFTEN[name] ?? 1)).fill(name))
export const arbitrary = programs(names as string[])

const switches = torch.backends.tstorch as unknown as Record<string, unknown>
const settings = { ...switches }

/** Runs a program to its end. `onStep` hears of each step before it runs. */
export async function interpret(
  program: Program,
  folder: string,
  { trace = null, world = new World(folder, trace) }: { trace?: ((line: string) => void) | null; world?: World } = {},
): Promise<World> {
  for (const [i, [name, picks]] of program.entries()) {
    trace?.(`#${i} ${name}`)
    try {
      const waits = STEPS[name]?.(world, new Picks(picks))
      // A mode holds until synchronous code ends: only where a step needs it, others get a turn.
      if (waits instanceof Promise) await waits
    } catch (error) {
      trace?.(`  threw ${error instanceof Error ? `${error.name}: ${error.message.split('\n')[0]}` : typeof error}`)
    }
  }
  world.end()
  torch.set_grad_enabled(true)
  Object.assign(switches, settings)
  await endWorker(world)
  return world
}
