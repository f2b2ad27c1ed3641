// examples/gpt2.ts reads the folders that transformers wrote (scripts/reference/gpt2.py), and makes its tokens.

import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GPT2, KeyValueCache, loadTokenizer } from '../examples/gpt2.js'
import { packageRoot } from '../lib/core/package_root.js'
import torch, { type Tensor } from '../lib/index.js'
import { expectNumbers, filled, fixture, fixtureFile } from './helpers.js'

interface Generated {
  ids: number[][]
  seed: number | null
  do_sample: boolean
  max_new_tokens: number
  temperature?: number
  top_k?: number
  eos_token_id?: number
  tokens: number[][]
}

interface Outputs {
  parameters: [name: string, shape: number[]][]
  count: number
  logits: { shape: number[]; data: number[] }
  generated: Generated[]
}

interface Reference extends Record<'gpt2' | 'gpt2_other', Outputs> {
  tokenizer: { text: string; ids: number[]; decoded: string }[]
  printed: { prompt: string; seed: number | null; temperature: number | null; top_k: number | null; text: string }[]
}

const reference = fixture<{ cases: Reference }>('gpt2.json').cases
const MODELS = ['gpt2', 'gpt2_other'] as const
const tokensOf = (ids: number[][]) => torch.tensor(ids, { dtype: torch.int64 })
const logitsOf = (model: GPT2, ids: number[][]): Tensor => torch.no_grad(() => model.forward(tokensOf(ids)))

test.each(filled(reference.tokenizer))('the tokenizer reads and writes $text as Python’s', ({ text, ids, decoded }) => {
  const tokenizer = loadTokenizer(fixtureFile('gpt2'))
  expect(tokenizer.encode(text).ids).toEqual(ids)
  expect(tokenizer.decode(ids)).toBe(decoded)
})

describe.each(MODELS)('%s', (name) => {
  const { parameters, count, logits, generated } = reference[name]
  const model = GPT2.from_pretrained(fixtureFile(name))
  const ids = (generated[0] as Generated).ids

  test('has transformers’ parameters', () => {
    expect(model.named_parameters().map(([name, p]) => [name, [...p.shape]])).toEqual(parameters)
    expect(model.parameters().reduce((sum, p) => sum + p.numel(), 0)).toBe(count)
    expect(model.training).toBe(false)
  })

  test('has its logits', () => {
    const actual = logitsOf(model, ids)
    expect([...actual.shape]).toEqual(logits.shape)
    expectNumbers(actual.index('...', '::20').flatten().tolist() as number[], logits.data, 1e-4)
  })

  test.each(filled(generated))('generates its tokens: $seed $temperature $top_k $eos_token_id', (expected) => {
    const { ids, seed, tokens, max_new_tokens, do_sample, temperature, top_k, eos_token_id } = expected
    if (seed !== null) torch.manual_seed(seed)
    const options = { max_new_tokens, do_sample, temperature, top_k, eos_token_id }
    expect(model.generate(tokensOf(ids), options).tolist()).toEqual(tokens)
  })

  test('reads a text in pieces as in one', () => {
    const [row] = (generated[1] as Generated).tokens as [number[]]
    const whole = logitsOf(model, [row, row.toReversed()])
    const cache = new KeyValueCache(model, 2, row.length)
    let at = 0
    for (const length of [1, 7, 1, 1, row.length - 10]) {
      const piece = tokensOf([row, row.toReversed()]).narrow(1, at, length)
      const logits = torch.no_grad(() => model.forward(piece, cache))
      const expected = whole.narrow(1, at, length).flatten().tolist() as number[]
      expectNumbers(logits.flatten().tolist() as number[], expected, 1e-4, `from ${at}`)
      at += length
      expect(cache.length).toBe(at)
    }
  })

  test('refuses more tokens than it has positions, and none', () => {
    const { n_positions } = model.config
    expect(() => model.generate(tokensOf(ids), { max_new_tokens: n_positions - 3 })).toThrow(/more than the model's/)
    expect(() => model.generate(torch.empty(1, 0, { dtype: torch.int64 }), { max_new_tokens: 1 })).toThrow(/a token/)
  })
})

describe('a folder', () => {
  let folder: string
  const at = (name: string) => join(folder, name)
  const weights = (): Record<string, Tensor> => {
    const shards = ['1', '2', '3'].map((i) => fixtureFile(`gpt2/model-0000${i}-of-00003.safetensors`))
    return Object.assign({}, ...shards.map((shard) => torch.safetensors.load_file(shard)))
  }
  /** A folder with these weights in one file. */
  const withWeights = (tensors: Record<string, Tensor>) => {
    cpSync(fixtureFile('gpt2/config.json'), at('config.json'))
    torch.safetensors.save_file(tensors, at('model.safetensors'))
  }
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tstorch-gpt2-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const expectSame = (model: GPT2) => {
    const [{ ids }] = reference.gpt2.generated as [Generated]
    const plain = GPT2.from_pretrained(fixtureFile('gpt2'))
    expect(torch.equal(logitsOf(model, ids), logitsOf(plain, ids))).toBe(true)
  }

  test('may have one file, and names without the head’s prefix, and masks beside them', () => {
    withWeights(weights())
    expectSame(GPT2.from_pretrained(folder))
    const bare = Object.entries(weights()).map(([name, tensor]) => [name.replace(/^transformer\./, ''), tensor])
    const masks = { 'h.0.attn.bias': torch.ones(1, 1, 64, 64), 'h.1.attn.masked_bias': torch.tensor(-1e4) }
    withWeights({ ...Object.fromEntries(bare), ...masks })
    expectSame(GPT2.from_pretrained(folder))
  })

  test('is what the model’s own state_dict makes, too', () => {
    const { 'lm_head.weight': _, ...state } = GPT2.from_pretrained(fixtureFile('gpt2')).state_dict()
    expect(Object.keys(state).sort()).toEqual(Object.keys(weights()).sort())
    withWeights(state)
    expectSame(GPT2.from_pretrained(folder))
  })

  test('gives the weights in the dtype that is asked for', () => {
    const model = GPT2.from_pretrained(fixtureFile('gpt2'), { dtype: torch.bfloat16 })
    expect(new Set(model.parameters().map(({ dtype }) => dtype))).toEqual(new Set([torch.bfloat16]))
    const first = weights()['transformer.wpe.weight'] as Tensor
    expect(torch.equal(model.transformer.wpe.weight, first.bfloat16())).toBe(true)
    expect([...model.generate(tokensOf([[1, 2]]), { max_new_tokens: 5 }).shape]).toEqual([1, 7])
  })

  test('that does not fit is refused with what is wrong', () => {
    const { 'transformer.h.1.mlp.c_fc.bias': bias, ...rest } = weights()
    withWeights(rest)
    expect(() => GPT2.from_pretrained(folder)).toThrow(/no weights for transformer\.h\.1\.mlp\.c_fc\.bias/)
    withWeights({ ...rest, 'transformer.h.1.mlp.c_fc.bias': torch.ones(5) })
    expect(() => GPT2.from_pretrained(folder)).toThrow(
      /c_fc\.bias has shape torch\.Size\(\[5\]\) .* torch\.Size\(\[128\]\)/,
    )
    withWeights({ ...rest, 'transformer.h.1.mlp.c_fc.bias': bias as Tensor, 'h.2.ln_1.bias': torch.ones(1) })
    expect(() => GPT2.from_pretrained(folder)).toThrow(/has a tensor h\.2\.ln_1\.bias/)
    withWeights(weights())
    const config = JSON.parse(readFileSync(at('config.json'), 'utf8'))
    const changes: [object, RegExp][] = [
      [{ model_type: 'llama' }, /type llama, not gpt2/],
      [{ add_cross_attention: true }, /cross attention/],
      [{ activation_function: 'constructor' }, /'constructor' is none of gelu_new/],
      [{ n_head: 5 }, /32 is not a multiple of n_head 5/],
      [{ vocab_size: 321 }, /wte\.weight has shape .*\[320, 32\].* .*\[321, 32\]/],
    ]
    for (const [change, message] of changes) {
      writeFileSync(at('config.json'), JSON.stringify({ ...config, ...change }))
      expect(() => GPT2.from_pretrained(folder)).toThrow(message)
    }
    writeFileSync(at('config.json'), '{"model_type": ')
    expect(() => GPT2.from_pretrained(folder)).toThrow(/config\.json cannot be read: /)
    cpSync(fixtureFile('gpt2'), folder, { recursive: true })
    rmSync(at('model-00002-of-00003.safetensors'))
    expect(() => GPT2.from_pretrained(folder)).toThrow(/model-00002-of-00003\.safetensors/)
  })
})

describe('the program', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(packageRoot, 'dist', 'examples', 'gpt2.js'), ...args])

  test.each(filled(reference.printed))('prints Python’s text: $temperature', async (expected) => {
    const { prompt, seed, temperature, top_k, text } = expected
    const given = { '--prompt': prompt, '--seed': seed, '--temperature': temperature, '--top-k': top_k }
    const args = Object.entries(given).flatMap(([name, value]) => (value === null ? [] : [name, String(value)]))
    const { stdout } = await run(fixtureFile('gpt2'), ...args)
    // Half a letter at the end is not shown.
    expect(stdout).toBe(`${text.replace(/\uFFFD+$/, '')}\n`)
  })

  test.each([
    [['nowhere', '--prompt', 'x'], /^nowhere\/tokenizer\.json cannot be read: .*\n$/],
    [[fixtureFile('gpt2'), '--prompt', ''], /^--prompt must have a token\n$/],
    [[fixtureFile('gpt2'), '--prompt', 'x', '--max-new-tokens', '64'], /^1 tokens and 64 new ones are more than 64\n$/],
  ])('says in a line what is wrong: %j', async (args, message) => {
    const error = await run(...args).catch((error) => error)
    expect(error.code).toBe(1)
    expect(error.stderr).toMatch(message)
  })
})
