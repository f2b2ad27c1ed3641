import { spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../examples/char_lm/checkpoint.js'
import { packageRoot } from '../../lib/core/package_root.js'
import torch from '../../lib/index.js'
import { filled } from '../helpers.js'

const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
const at = (name: string) => join(folder, name)
const TEXT = at('text.txt')
beforeAll(() => writeFileSync(TEXT, 'The quick brown fox jumps over the lazy dog.\n'.repeat(40)))
afterAll(() => rmSync(folder, { recursive: true }))

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the program; `interruptAt`: sends Ctrl-C's signal once this text was printed. */
function run(args: string[], interruptAt?: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(packageRoot, 'dist', 'examples', 'char_lm.js'), ...args])
    let [stdout, stderr, interrupted] = ['', '', false]
    child.stdout.on('data', (data) => {
      stdout += data
      if (interruptAt !== undefined && !interrupted && stdout.includes(interruptAt)) interrupted = child.kill('SIGINT')
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

const SMALL = ['--num-hiddens', '16', '--num-steps', '5', '--batch-size', '4', '--seed', '3']
const small = (name: string, ...args: string[]) => [...SMALL, '--text', TEXT, '--out', at(name), ...args]

/** A run's tensors and the epochs that it did. */
function saved(name: string) {
  const { run, tensors } = readCheckpoint(at(`${name}.safetensors`))
  return { epochs: run.epochs, history: run.history, tensors }
}

function expectSame(a: string, b: string): void {
  const [first, second] = [saved(a), saved(b)]
  expect(first.epochs).toBe(second.epochs)
  expect(first.history).toEqual(second.history)
  expect(Object.keys(first.tensors)).toEqual(Object.keys(second.tensors))
  for (const [name, tensor] of Object.entries(filled(first.tensors))) {
    expect(torch.equal(tensor, second.tensors[name] as torch.Tensor), name).toBe(true)
  }
}

describe.each(['scratch', 'rnn', 'lstm', 'gru'])('npm start with the %s model', (model) => {
  test('ends with a perplexity, predictions, a chart and a checkpoint; resuming gives an unbroken run’s numbers', async () => {
    const whole = await run(small(`${model}-whole`, '--model', model, '--epochs', '20'))
    expect(whole.code, whole.stderr).toBe(0)
    expect(whole.stdout).toMatch(
      /perplexity \d+\.\d, \d+\.\d tokens\/sec on cpu\ntime traveller.{50}\ntraveller.{50}\n/,
    )
    expect(whole.stdout).toContain('epoch 10/20')
    expect(readFileSync(at(`${model}-whole.svg`), 'utf8')).toMatch(/^<svg.*perplexity/s)
    expect(
      readFileSync(at(`${model}-whole.png`))
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    expect((await run(small(`${model}-parts`, '--model', model, '--epochs', '12'))).code).toBe(0)
    const checkpoint = at(`${model}-parts.safetensors`)
    const rest = await run(['--text', TEXT, '--out', at(`${model}-parts`), '--resume', checkpoint, '--epochs', '20'])
    expect(rest.code, rest.stderr).toBe(0)
    expectSame(`${model}-whole`, `${model}-parts`)
  })
})

test('Ctrl-C ends after the epoch, saves, and says how to resume; the resumed run has an unbroken one’s numbers', async () => {
  const stopped = await run(small('stopped', '--epochs', '120', '--random-iter'), 'epoch 10/120')
  expect(stopped.code, stopped.stderr).toBe(0)
  expect(stopped.stdout).toMatch(
    /stopped after epoch \d+; go on with: npm start -- --resume .*stopped\.safetensors --epochs 120 --text /,
  )
  const { epochs } = saved('stopped')
  expect(epochs).toBeLessThan(120)
  const resume = ['--resume', at('stopped.safetensors'), '--text', TEXT, '--out', at('stopped'), '--epochs', '130']
  expect((await run(resume)).code).toBe(0)
  expect((await run(small('unbroken', '--epochs', '130', '--random-iter'))).code).toBe(0)
  expectSame('stopped', 'unbroken')
})

test('a reader that goes away ends it as Ctrl-C does, with a checkpoint', async () => {
  const args = [join(packageRoot, 'dist', 'examples', 'char_lm.js'), ...small('unread', '--epochs', '5000')]
  const child = spawn(process.execPath, args)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => {
    stdout += data
    if (stdout.includes('epoch 10/5000')) child.stdout.destroy()
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const code = await new Promise((resolve) => child.on('exit', resolve))
  expect([code, stderr]).toEqual([0, ''])
  expect(saved('unread').epochs).toBeGreaterThanOrEqual(10)
  expect(saved('unread').epochs).toBeLessThan(5000)
})

test.runIf(process.platform === 'linux').each(['char_lm', 'concise', 'scratch'])(
  'the output of %s on a full disk is one line, not a stack',
  (name) => {
    const program = join(packageRoot, 'dist', 'examples', `${name}.js`)
    const args = name === 'concise' ? [] : ['--text', TEXT, '--epochs', '1']
    const stdout = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', stdout, 'pipe'],
    })
    closeSync(stdout)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^the output cannot be written: .*ENOSPC.*\n$/)
  },
)

test('--help shows every option', async () => {
  const { code, stdout } = await run(['--help'])
  expect(code).toBe(0)
  for (const option of [
    'model',
    'num-hiddens',
    'num-steps',
    'batch-size',
    'epochs',
    'lr',
    'device',
    'seed',
    'random-iter',
    'text',
    'out',
    'checkpoint',
    'resume',
  ]) {
    expect(stdout).toContain(`--${option}`)
  }
})

describe('what is wrong is said in one line, and nothing is written', () => {
  beforeAll(async () => {
    writeFileSync(at('empty.txt'), '')
    writeFileSync(at('digits.txt'), '12345\n')
    writeFileSync(at('short.txt'), 'abc')
    writeFileSync(at('other.txt'), 'another text altogether. '.repeat(100))
    torch.safetensors.save_file({ x: torch.ones(1) }, at('foreign.safetensors'))
    const { code, stderr } = await run(small('good', '--epochs', '1'))
    expect(code, stderr).toBe(0)
    writeFileSync(at('cut.safetensors'), readFileSync(at('good.safetensors')))
    truncateSync(at('cut.safetensors'), 2000)
  })

  const resume = (name: string, ...args: string[]) => ['--text', TEXT, '--resume', at(name), ...args]
  test.each([
    ['a text that is not there', () => ['--text', at('nothing.txt')], /the text .*nothing\.txt cannot be read: ENOENT/],
    ['a folder as text', () => ['--text', folder], /cannot be read: EISDIR/],
    ['an empty text', () => ['--text', at('empty.txt')], /holds no letters/],
    ['a text without letters', () => ['--text', at('digits.txt')], /holds no letters/],
    ['a text shorter than one batch', () => ['--text', at('short.txt')], /shorter than one batch/],
    ['no number', () => small('x', '--epochs', 'many'), /--epochs must be a whole number of at least 1, not 'many'/],
    ['a negative size', () => small('x', '--num-hiddens', '-5'), /--num-hiddens/],
    ['a fraction', () => small('x', '--batch-size', '1.5'), /--batch-size/],
    ['a learning rate of nan', () => small('x', '--lr', 'nan'), /--lr must be a number above 0/],
    ['an unknown option', () => small('x', '--epoch', '5'), /unknown option '--epoch'\s+\(Did you mean --epochs\?\)/],
    ['an unknown model', () => small('x', '--model', 'mlp'), /Allowed choices are scratch, rnn, lstm, gru/],
    [
      'a state that no memory holds',
      () => small('x', '--num-hiddens', '99999999'),
      /--num-hiddens 99999999 needs at least/,
    ],
    [
      'a folder that cannot be made',
      () => [...SMALL, '--text', TEXT, '--out', join(TEXT, 'x')],
      /the folder .* cannot be made: E/,
    ],
    ['an extra word', () => small('x', 'word'), /too many arguments/],
    ['a checkpoint that is not there', () => resume('nothing'), /there is no checkpoint/],
    ['a damaged checkpoint', () => resume('cut.safetensors'), /cut off/],
    ['a foreign checkpoint', () => resume('foreign.safetensors'), /is not a checkpoint of this program/],
    ['a text as checkpoint', () => resume('text.txt'), /is not a safetensors file, or it is damaged/],
    [
      'a checkpoint of another text',
      () => ['--resume', at('good.safetensors'), '--text', at('other.txt')],
      /trained on another text/,
    ],
    ['a checkpoint that is done', () => resume('good.safetensors', '--epochs', '1'), /has 1 epochs already/],
    ...(torch.cuda.is_available()
      ? []
      : [
          [
            '--device cuda without CUDA',
            () => small('x', '--device', 'cuda'),
            /--device cuda: CUDA was asked for/,
          ] as const,
        ]),
  ] as [string, () => string[], RegExp][])('%s', async (_, args, message) => {
    const { code, stderr } = await run(args())
    expect(stderr).toMatch(message)
    expect(code).toBe(1)
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    expect(existsSync(at('x.safetensors'))).toBe(false)
  })

  test('an output that cannot be written', async () => {
    const { code, stderr } = await run(small('good.safetensors/x', '--epochs', '1'))
    expect(code).toBe(1)
    expect(stderr).toMatch(/good\.safetensors/)
  })
})
