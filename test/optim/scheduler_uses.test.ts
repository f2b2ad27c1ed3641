// What schedulers refuse and warn of, and schedulers that users write: Python's words and rates
// (scripts/reference/scheduler_uses.py, line by line).

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import torch, { optim, type Tensor } from '../../lib/index.js'
import { type AnyOptimizer, type SchedulerSpec, schedulerOf } from '../../scripts/exchange/build.js'
import { filled, fixture } from '../helpers.js'

const { LRScheduler, ExponentialLR, ConstantLR, LinearLR, StepLR, OneCycleLR } = optim.lr_scheduler
const { ReduceLROnPlateau, SequentialLR, ChainedScheduler, MultiplicativeLR, CosineAnnealingWarmRestarts } =
  optim.lr_scheduler
type LRScheduler = optim.lr_scheduler.LRScheduler

type Said = [type: string, message: string]

interface Seen {
  rates: number[][]
  last: number[][]
  states: Record<string, unknown>[]
}

const { uses } = fixture<{
  uses: {
    refused: { groups: number; kind: 'SGD' | 'Adagrad'; scheduler: SchedulerSpec; said: Said }[]
    calls: Record<string, Said>
    warnings: Record<string, string[]>
    subclasses: Record<string, Record<string, Seen>>
  }
}>('scheduler_uses.json')

const parameter = (): Tensor => torch.zeros(1, { requires_grad: true })

function optimizerOf(groups = 1, kind: 'SGD' | 'Adagrad' = 'SGD'): AnyOptimizer {
  const params = Array.from({ length: groups }, (_, i) => ({ params: [parameter()], lr: 1 / (1 + i) }))
  return kind === 'SGD' ? new optim.SGD(params, { momentum: 0.9 }) : new optim.Adagrad(params)
}

const ERRORS: Record<string, new () => Error> = {
  ValueError: RangeError,
  KeyError: RangeError,
  TypeError,
  RuntimeError: Error,
}

/** JavaScript's names of what it has under other names, and its numbers, of which 1 and 1.0 are one. */
const inJavaScript = (message: string): string =>
  message
    .replace(/\bNone\b/g, 'null')
    .replaceAll('got float', 'got fractional number')
    .replace(/^list is not/, 'Array is not')
    .replaceAll('False', 'false')
    .replace(/(\d)\.0\b/g, '$1')

function expectRefused(call: () => void, [type, message]: Said): void {
  let thrown: Error | null = null
  try {
    call()
  } catch (error) {
    thrown = error as Error
  }
  if (![message, inJavaScript(message)].includes(inJavaScript(thrown?.message ?? 'nothing is thrown')))
    expect(thrown?.message).toBe(message)
  expect(thrown?.name).toBe((ERRORS[type] as new () => Error).name)
}

test.each(filled(uses.refused))('$scheduler.0 refuses $scheduler.1', ({ groups, kind, scheduler, said }) => {
  expectRefused(() => void schedulerOf(optimizerOf(groups, kind), scheduler), said)
})

class Short extends LRScheduler {
  override get_lr(): number[] {
    return [0.5]
  }
}

const CALLS: Record<string, () => void> = {
  'OneCycleLR: too many steps'() {
    const optimizer = optimizerOf()
    const scheduler = new OneCycleLR(optimizer, 1, { total_steps: 3 })
    for (let i = 0; i < 4; i++) {
      optimizer.step()
      scheduler.step()
    }
  },
  'ReduceLROnPlateau: more groups'() {
    const optimizer = optimizerOf()
    const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, min_lr: [0.1] })
    optimizer.add_param_group({ params: [parameter()] })
    for (let i = 0; i < 3; i++) scheduler.step(1)
  },
  'SequentialLR: another optimizer'() {
    const [first, second] = [optimizerOf(), optimizerOf()]
    new SequentialLR(first, [new StepLR(first, 2), new StepLR(second, 2)], [3])
  },
  'ChainedScheduler: another optimizer'() {
    new ChainedScheduler([new StepLR(optimizerOf(), 2), new StepLR(optimizerOf(), 2)])
  },
  'CosineAnnealingWarmRestarts: an epoch before the first'() {
    new CosineAnnealingWarmRestarts(optimizerOf(), 3).step(-1)
  },
  'MultiplicativeLR: no function'() {
    new MultiplicativeLR(optimizerOf(), [0.5] as never)
  },
  'StepLR: no optimizer'() {
    new StepLR([] as never, 3)
  },
  'SequentialLR: no scheduler'() {
    new SequentialLR(optimizerOf(), [3] as never, [])
  },
  // Its rates are asked for when they are first looked at.
  'a subclass that gives too few rates'() {
    new Short(optimizerOf(2)).get_last_lr()
  },
}

test.each(Object.entries(filled(uses.calls)))('%s is refused', (name, said) => {
  expectRefused(CALLS[name] as () => void, said)
})

describe('warnings', () => {
  // Each is given once in a process: a later one of the same words says nothing.
  const given: string[] = []
  const { emitWarning } = process
  beforeAll(() => {
    process.emitWarning = (warning: string | Error) => void given.push(String(warning))
  })
  afterAll(() => {
    process.emitWarning = emitWarning
  })

  const stepped = (scheduler: (optimizer: AnyOptimizer) => void): void => {
    const optimizer = optimizerOf()
    scheduler(optimizer)
  }
  const WARNINGS: Record<string, () => void> = {
    'in order': () =>
      stepped((optimizer) => {
        const scheduler = new StepLR(optimizer, 2)
        optimizer.step()
        scheduler.step()
        scheduler.step()
      }),
    early: () => stepped((optimizer) => new StepLR(optimizer, 2).step()),
    overridden: () =>
      stepped((optimizer) => {
        const scheduler = new StepLR(optimizer, 2)
        optimizer.step = () => undefined
        optimizer.step()
        scheduler.step()
      }),
    asked: () => stepped((optimizer) => void new StepLR(optimizer, 2).get_lr()),
    'with an epoch': () =>
      stepped((optimizer) => {
        const scheduler = new StepLR(optimizer, 2)
        optimizer.step()
        scheduler.step(3)
      }),
    'plateau with an epoch': () => stepped((optimizer) => new ReduceLROnPlateau(optimizer).step(1, 3)),
  }

  test('are Python’s, each once', () => {
    expect(Object.keys(uses.warnings)).toEqual(Object.keys(WARNINGS))
    const before = new Set<string>()
    for (const [name, expected] of Object.entries(uses.warnings)) {
      given.length = 0
      ;(WARNINGS[name] as () => void)()
      expect(given, name).toEqual(expected.filter((warning) => !before.has(warning)))
      for (const warning of expected) before.add(warning)
    }
    expect(before.size).toBe(4)
  })
})

class Halving extends LRScheduler {
  constructor(
    optimizer: AnyOptimizer,
    readonly every: number,
    last_epoch = -1,
  ) {
    super(optimizer, last_epoch)
  }

  override get_lr(): number[] {
    const rates = this.optimizer.param_groups.map(({ lr }: { lr: number }) => lr)
    return this.last_epoch === 0 || this.last_epoch % this.every !== 0 ? rates : rates.map((lr: number) => lr * 0.5)
  }
}

class Warmup extends LRScheduler {
  steps: number

  constructor(optimizer: AnyOptimizer, steps: number, last_epoch = -1) {
    super(optimizer, last_epoch)
    this.steps = steps
  }

  override get_lr(): number[] {
    return this.base_lrs.map((base) => base * Math.min(1, (this.last_epoch + 1) / this.steps))
  }
}

class Closed extends LRScheduler {
  override get_lr(): number[] {
    return this.optimizer.param_groups.map(({ lr }: { lr: number }) => lr * 0.75)
  }

  override _get_closed_form_lr(): number[] {
    return this.base_lrs.map((base) => base / (1 + this.last_epoch))
  }
}

class Floor extends ExponentialLR {
  constructor(
    optimizer: AnyOptimizer,
    gamma: number,
    readonly least: number,
  ) {
    super(optimizer, gamma)
  }

  override get_lr(): number[] {
    return super.get_lr().map((lr) => Math.max(lr, this.least))
  }
}

class Counting extends LRScheduler {
  steps = 0

  override step(epoch?: number): void {
    this.steps += 1
    super.step(...(epoch === undefined ? [] : [epoch]))
  }

  override get_lr(): number[] {
    return this.base_lrs.map((base) => base / this.steps)
  }
}

describe('a scheduler of one’s own', () => {
  const STEPS = 8
  const OWN: Record<string, (o: AnyOptimizer) => LRScheduler[]> = {
    halving: (o) => [new Halving(o, 3)],
    warmup: (o) => [new Warmup(o, 5)],
    closed: (o) => [new Closed(o)],
    floor: (o) => [new Floor(o, 0.5, 0.2)],
    counting: (o) => [new Counting(o)],
    two: (o) => [new Halving(o, 2), new Warmup(o, 4)],
    'two, the other way': (o) => [new Warmup(o, 4), new Halving(o, 2)],
    "before Python's": (o) => [new Warmup(o, 4), new ExponentialLR(o, 0.5)],
    "behind Python's": (o) => [new ConstantLR(o, 0.5, 3), new Halving(o, 2)],
    'in a row': (o) => [new SequentialLR(o, [new Warmup(o, 3), new Halving(o, 2)], [4])],
    "in a row behind Python's": (o) => [
      new SequentialLR(o, [new LinearLR(o, 0.5, { total_iters: 3 }), new Warmup(o, 3)], [3]),
    ],
    chained: (o) => [new ChainedScheduler([new Warmup(o, 4), new Halving(o, 2)], o)],
  }
  const HOW: Record<string, { epochs?: number[]; reload?: number }> = {
    straight: {},
    reloaded: { reload: 3 },
    epochs: { epochs: [1, 2, 5, 3, 0, 8, 9, 2] },
  }
  const ratesOf = (optimizer: AnyOptimizer): number[] => optimizer.param_groups.map(({ lr }: { lr: number }) => lr)

  function seen(make: (o: AnyOptimizer) => LRScheduler[], { epochs, reload }: { epochs?: number[]; reload?: number }) {
    let optimizer = optimizerOf(2)
    let schedulers = make(optimizer)
    const rates = [ratesOf(optimizer)]
    for (let step = 0; step < STEPS; step++) {
      if (step === reload) {
        const [settings, states] = torch.deepcopy([optimizer.state_dict(), schedulers.map((s) => s.state_dict())])
        optimizer = optimizerOf(2)
        schedulers = make(optimizer)
        optimizer.load_state_dict(settings)
        for (const [i, scheduler] of schedulers.entries()) scheduler.load_state_dict(states[i] as object)
      }
      optimizer.step()
      for (const scheduler of schedulers) scheduler.step(...(epochs === undefined ? [] : [epochs[step] as number]))
      rates.push(ratesOf(optimizer))
    }
    return { rates, last: schedulers.map((s) => s.get_last_lr()), states: schedulers.map((s) => s.state_dict()) }
  }

  test('all of them', () => expect(Object.keys(uses.subclasses)).toEqual(Object.keys(OWN)))

  const rows = Object.entries(uses.subclasses).flatMap(([name, ways]) =>
    Object.entries(ways).map(([way, expected]): [string, string, Seen] => [name, way, expected]),
  )
  test.each(filled(rows))('%s, %s', (name, way, expected) => {
    expect(seen(OWN[name] as (o: AnyOptimizer) => LRScheduler[], HOW[way] as object)).toEqual(expected)
  })

  test('that has no get_lr says so when its rates are looked at', () => {
    class Bare extends LRScheduler {}
    const optimizer = optimizerOf()
    new Bare(optimizer)
    expect(() => ratesOf(optimizer)).toThrow('Bare has no get_lr')
  })
})
