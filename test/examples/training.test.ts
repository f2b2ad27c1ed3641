import { expect, test, vi } from 'vitest'
import { namedParameters } from '../../examples/char_lm/checkpoint.js'
import type { Settings } from '../../examples/char_lm/settings.js'
import { makeModel, trainCharLm } from '../../examples/char_lm/train.js'
import { concise } from '../../examples/concise.js'
import { clipped, FACTORS, jacobianNorms, openLstm, rnnWith } from '../../examples/gradients.js'
import { train } from '../../examples/scratch.js'
import { trainSine } from '../../examples/sine.js'
import * as d2l from '../../lib/d2l/index.js'
import torch, { nn } from '../../lib/index.js'
import { expectSampled, FEW_ULPS, filled, fixture, type Sampled } from '../helpers.js'

const reference = fixture('training.json')

/**
 * Losses agree within 1e-4 of their size: a thousand roundings of float32, where kernels for other processors come to
 * ten, and a step with a wrong gradient to far more.
 */
function expectLosses(actual: number[], expected: number[]): void {
  expect(actual.length).toBe(filled(expected).length)
  actual.forEach((loss, i) => {
    const relative = Math.abs(loss - (expected[i] as number)) / (expected[i] as number)
    expect(relative, `loss ${i}: ${loss}, PyTorch ${expected[i]}`).toBeLessThanOrEqual(1e-4)
  })
}

test('the sine network’s first 100 losses are PyTorch’s', () => {
  const { seed, losses } = reference.sine
  const actual: number[] = []
  trainSine({ iterations: losses.length, seed, onLoss: (_, loss) => actual.push(loss) })
  expectLosses(actual, losses)
})

test('the sine network learns', () => {
  const losses: number[] = []
  const { last } = trainSine({ iterations: 1500, onLoss: (_, loss) => losses.push(loss) })
  expect(losses.slice(-50).reduce((sum, loss) => sum + loss, 0) / 50).toBeLessThan(0.02)
  expect(last.prediction).toHaveLength(19)
})

interface CharacterReference extends Omit<Settings, 'lr' | 'random_iter'> {
  initial: Record<string, Sampled>
  losses: number[]
}

test.each(filled(reference.character_models as CharacterReference[]))(
  'the $model character model begins with PyTorch’s weights, and has its losses',
  async ({ initial, losses, ...settings }) => {
    const full: Settings = { ...settings, lr: 1, random_iter: false }
    torch.manual_seed(settings.seed)
    const net = makeModel(full, reference.vocab.length, 'cpu')
    const parameters = namedParameters(net)
    expect(parameters.map(([name]) => name)).toEqual(Object.keys(initial))
    for (const [name, p] of parameters) expectSampled(p, initial[name] as Sampled, FEW_ULPS, name)
    const actual: number[] = []
    await trainCharLm({
      settings: full,
      text: reference.text,
      epochs: 1000,
      on_batch: (loss) => actual.push(loss),
      on_epoch: () => actual.length < losses.length,
      print: () => {},
    })
    expectLosses(actual.slice(0, losses.length), losses)
  },
)

test('the character model in one file has PyTorch’s losses too, and says how it went', () => {
  const { losses, ...settings } = (reference.character_models as CharacterReference[])[0] as CharacterReference
  expect(settings).toMatchObject({ model: 'scratch', num_hiddens: 512, batch_size: 32, num_steps: 10 })
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    const actual = train(reference.text, 2, settings.seed)
    expectLosses(actual.slice(0, losses.length), losses)
    const perplexity = Math.exp(actual.slice(31).reduce((sum, loss) => sum + loss) / 31)
    // The text is written without m and v.
    expect(log.mock.calls).toEqual([
      [expect.stringMatching(`^epoch 2, perplexity ${perplexity.toFixed(1)}: ti<unk>e tra<unk>eller.{50}$`)],
    ])
  } finally {
    log.mockRestore()
  }
})

test('vocabulary and corpus are d2l’s', () => {
  const { corpus, vocab } = d2l.load_corpus_time_machine(reference.text, 10_000)
  expect(vocab.idx_to_token).toEqual(reference.vocab)
  expect(corpus.length).toBe(reference.corpus_length)
  expect(corpus.slice(0, 100)).toEqual(reference.corpus_begin)
})

test('gradients shrink, keep their size or grow with the distance, as the recurrent matrix says', () => {
  torch.manual_seed(0)
  for (const [name, factor] of Object.entries(FACTORS)) {
    const norms = filled(jacobianNorms(rnnWith(factor)))
    norms.forEach((norm, i) => {
      expect(norm / factor ** (i + 1), `${name} at distance ${i + 1}`).toBeCloseTo(1, 1)
    })
  }
  const far = (layer: nn.LSTM) => jacobianNorms(layer).at(-1) as number
  expect(far(new nn.LSTM(1, 16))).toBeLessThan(1e-3)
  expect(far(openLstm())).toBeGreaterThan(0.05)
})

test('clipping bounds the norm of all gradients together', () => {
  torch.manual_seed(0)
  const { before, total, after } = clipped(rnnWith(1.2))
  const norm = (norms: Record<string, number>) => Math.hypot(...Object.values(norms))
  expect(norm(before)).toBeCloseTo(total, 0)
  expect(total).toBeGreaterThan(10)
  expect(norm(after)).toBeCloseTo(10, 3)
})

test('the concise model gives the document’s shapes', () => {
  const [output, state_new] = concise()
  expect(output.shape.equals([15, 9])).toBe(true)
  expect(state_new.shape.equals([1, 5, 10])).toBe(true)
})
