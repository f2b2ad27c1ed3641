// The programs of exchange.py, line by line.

import torch, { nn, optim, type Tensor } from '../../lib/index.js'
import { type AnyOptimizer, decoded, encoded, isPlateau, type SchedulerSpec, schedulerOf, tensorOf } from './build.js'

export const MIDDLE = 5
export const STEPS = 10

export interface ExchangeCase {
  optimizer: string
  options: Record<string, unknown>
  dtype?: 'float32'
  scheduler?: SchedulerSpec
  first: unknown[]
  middle: State
  losses: number[]
  /** Where they differ from the losses of a training that never stopped. */
  resumed?: number[]
}

export interface State {
  params: unknown[]
  optimizer: unknown
  scheduler?: unknown
}

/** What a checkpoint in the middle of a training holds. */
export interface Checkpoint {
  params: Tensor[]
  optimizer: optim.OptimizerStateDict
  scheduler?: optim.lr_scheduler.SchedulerStateDict
}

export const nameOf = ({ optimizer, options, dtype, scheduler }: ExchangeCase): string =>
  [optimizer, JSON.stringify(options), dtype, scheduler && JSON.stringify(scheduler)].filter(Boolean).join(' ')

type Make = new (params: readonly Tensor[], options: object) => AnyOptimizer

interface Training {
  params: Tensor[]
  optimizer: AnyOptimizer
  scheduler: optim.lr_scheduler.LRScheduler | null
}

function begin({ optimizer: name, options, scheduler }: ExchangeCase, values: readonly Tensor[]): Training {
  const params = values.map((value) => value.requires_grad_())
  const optimizer = new (optim as unknown as Record<string, Make>)[name](params, options)
  return { params, optimizer, scheduler: scheduler === undefined ? null : schedulerOf(optimizer, scheduler) }
}

function lossOf({ optimizer }: ExchangeCase, [a, b, c]: readonly Tensor[], step: number): Tensor {
  if (optimizer === 'SparseAdam') {
    const rows = torch.LongTensor([step % 6, (step * 2 + 1) % 6, 2])
    return nn.functional.embedding(rows, a, { sparse: true }).sub(0.5).pow(2).sum()
  }
  const loss = a.sin().matmul(b).sub(0.3).pow(2).sum()
  return c === undefined ? loss : loss.add(c.sub(1).pow(2).sum())
}

function train(entry: ExchangeCase, { params, optimizer, scheduler }: Training, from: number, to: number): number[] {
  const losses: number[] = []
  for (let step = from; step < to; step++) {
    const closure = (): Tensor => {
      optimizer.zero_grad()
      const loss = lossOf(entry, params, step)
      loss.backward()
      return loss
    }
    const loss: number = optimizer.step(closure).item()
    if (isPlateau(scheduler)) scheduler.step(loss)
    else scheduler?.step()
    losses.push(loss)
  }
  return losses
}

/** Trains from the beginning to the middle: the losses, and the state there, also as JSON holds it. */
export function half(entry: ExchangeCase): { losses: number[]; state: Checkpoint; middle: State } {
  const training = begin(entry, entry.first.map(tensorOf))
  const losses = train(entry, training, 0, MIDDLE)
  const { params, optimizer, scheduler } = training
  const state: Checkpoint = {
    params,
    optimizer: optimizer.state_dict(),
    ...(scheduler === null ? {} : { scheduler: scheduler.state_dict() }),
  }
  return { losses, state, middle: JSON.parse(JSON.stringify(encoded(state))) }
}

/** Goes on from a state in the middle: the losses from there. */
export function resume(entry: ExchangeCase, middle: State): number[] {
  return resumeFrom(entry, decoded(middle) as Checkpoint)
}

/** The same from a checkpoint. */
export function resumeFrom(entry: ExchangeCase, { params, optimizer, scheduler }: Checkpoint): number[] {
  const training = begin(entry, params)
  training.optimizer.load_state_dict(optimizer)
  if (scheduler !== undefined) training.scheduler?.load_state_dict(scheduler)
  return train(entry, training, MIDDLE, STEPS)
}
