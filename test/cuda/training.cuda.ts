// Recurrent layers and the document's training loops: the numbers of Python on the CPU, and a training that learns.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Settings } from '../../examples/char_lm/settings.js'
import { readText } from '../../examples/char_lm/text.js'
import { trainCharLm } from '../../examples/char_lm/train.js'
import { trainSine } from '../../examples/sine.js'
import { nn, optim, type Tensor } from '../../lib/index.js'
import { device, expectClose, fixtureFile, gpuTest, mean, onGpu, test, torch, warningsOf } from './suite.js'

torch.backends.cudnn.allow_tf32 = false
const reference = JSON.parse(readFileSync(fixtureFile('training.json'), 'utf8'))
/** Training amplifies what the last bits of two devices' products differ in. */
const TOLERANCE = onGpu ? 2e-3 : 1e-4
const graphs = onGpu ? [false, true] : [false]

function expectLosses(actual: number[], expected: number[]): void {
  assert.equal(actual.length, expected.length)
  actual.forEach((loss, i) => {
    const relative = Math.abs(loss - (expected[i] as number)) / (expected[i] as number)
    assert.ok(relative <= TOLERANCE, `loss ${i}: ${loss}, PyTorch ${expected[i]}`)
  })
}

const LAYERS = {
  RNN: (options: nn.RNNBaseOptions) => new nn.RNN(5, 7, options),
  LSTM: (options: nn.RNNBaseOptions) => new nn.LSTM(5, 7, options),
  LSTM_proj: (options: nn.RNNBaseOptions) => new nn.LSTM(5, 7, { ...options, proj_size: 3 }),
  GRU: (options: nn.RNNBaseOptions) => new nn.GRU(5, 7, options),
}

/** Output, gradients of the input and of every weight. */
function run(kind: keyof typeof LAYERS, options: nn.RNNBaseOptions, packed: boolean, on: string): Tensor[] {
  torch.manual_seed(0)
  const layer = LAYERS[kind](options).to(on)
  const x = torch.randn(6, 4, 5).to(on).requires_grad_()
  const input = packed ? nn.utils.rnn.pack_padded_sequence(x, torch.tensor([6n, 4n, 4n, 1n])) : x
  const output = (layer as nn.RNN)(input as Tensor)[0] as Tensor | nn.utils.rnn.PackedSequence
  const data = torch.is_tensor(output) ? output : output.data
  data.sin().sum().backward()
  return [data, x.grad as Tensor, ...layer.parameters().map((weight) => weight.grad as Tensor)]
}

for (const kind of Object.keys(LAYERS) as (keyof typeof LAYERS)[]) {
  test(`${kind} has the CPU's numbers, without a warning`, async () => {
    const warnings = await warningsOf(() => {
      for (const packed of [false, true]) {
        for (const bidirectional of [false, true]) {
          const options = { num_layers: 2, bidirectional }
          const expected = run(kind, options, packed, 'cpu')
          const what = `${bidirectional ? 'bidirectional' : 'one direction'}${packed ? ', packed' : ''}`
          run(kind, options, packed, device).forEach((tensor, i) => {
            expectClose(tensor, expected[i] as Tensor, 1e-4, `${what}, tensor ${i}`)
          })
        }
      }
    })
    assert.deepEqual(
      warnings.filter((warning) => /contiguous/.test(warning)),
      [],
    )
  })
}

test('weights stay in one block when a layer is moved, cast, loaded and trained', async () => {
  const warnings = await warningsOf(() => {
    const layer = new nn.LSTM(4, 8, { num_layers: 2, device }).double().float()
    layer.load_state_dict(new nn.LSTM(4, 8, { num_layers: 2 }).state_dict())
    const optimizer = new optim.Adam(layer.parameters())
    for (let i = 0; i < 3; i++) {
      optimizer.zero_grad()
      layer(torch.randn(3, 2, 4, { device }))[0]
        .sum()
        .backward()
      optimizer.step()
    }
    layer.cpu().to(device)(torch.randn(3, 2, 4, { device }))
  })
  assert.deepEqual(
    warnings.filter((warning) => /contiguous/.test(warning)),
    [],
  )
})

test('optimizers have the CPU’s numbers', () => {
  const makers = {
    SGD: (params: Tensor[]) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, nesterov: true }),
    Adam: (params: Tensor[]) => new optim.Adam(params, { lr: 0.05, amsgrad: true }),
    AdamW: (params: Tensor[]) => new optim.AdamW(params, { lr: 0.05 }),
    'Adam with a tensor as lr': (params: Tensor[]) => new optim.Adam(params, { lr: torch.tensor(0.05).to(device) }),
  }
  for (const [name, make] of Object.entries(makers)) {
    const [there, here] = [device, 'cpu'].map((on) => {
      torch.manual_seed(1)
      const params = [torch.randn(3, 4), torch.randn(4)].map((tensor) => tensor.to(on).requires_grad_())
      const optimizer = make(params)
      for (let step = 0; step < 8; step++) {
        optimizer.zero_grad()
        for (const param of params) param.sin().pow(2).sum().backward()
        nn.utils.clip_grad_norm_(params, 0.7)
        optimizer.step()
      }
      return params
    }) as [Tensor[], Tensor[]]
    for (const [i, param] of there.entries()) expectClose(param, here[i] as Tensor, 1e-5, name)
  }
})

for (const graph of graphs) {
  const how = graph ? ', as a CUDA graph' : ''
  test(`the sine network has PyTorch's losses${how}`, () => {
    const { seed, losses } = reference.sine
    const actual: number[] = []
    trainSine({ iterations: losses.length, seed, device, graph, onLoss: (_, loss) => actual.push(loss) })
    expectLosses(actual, losses)
  })

  for (const { initial: _, losses, ...settings } of reference.character_models) {
    // The model from scratch draws its weights on its own device, which has other random numbers.
    if (onGpu && settings.model === 'scratch') continue
    test(`the ${settings.model} character model has PyTorch's losses${how}`, async () => {
      const actual: number[] = []
      await trainCharLm({
        settings: { ...settings, lr: 1, random_iter: false } as Settings,
        text: reference.text,
        epochs: 1000,
        device,
        graph,
        on_batch: (loss) => actual.push(loss),
        on_epoch: () => actual.length < losses.length,
        print: () => {},
      })
      expectLosses(actual.slice(0, losses.length), losses)
    })
  }
}

gpuTest('the classic recipe learns The Time Machine: 500 epochs, as a CUDA graph', async () => {
  const { name, content: text } = await readText(process.env.TSTORCH_TEXT)
  console.log(`text: ${name}`)
  for (const model of ['scratch', 'rnn'] as const) {
    const { result } = await trainCharLm({
      settings: { model, num_hiddens: 512, num_steps: 35, batch_size: 32, lr: 1, seed: 0, random_iter: false },
      text,
      epochs: 500,
      device,
      graph: true,
      print: () => {},
    })
    console.log(`${model}: perplexity ${result.perplexity.toFixed(2)}, ${Math.round(result.speed)} tokens/s`)
    assert.ok(result.perplexity < 1.5, `${model}: perplexity ${result.perplexity}`)
  }
})

gpuTest('mixed precision learns, with and without loss scaling', () => {
  for (const dtype of [torch.float16, torch.bfloat16]) {
    torch.manual_seed(0)
    const model = new nn.Sequential(new nn.Linear(8, 64), new nn.Tanh(), new nn.Linear(64, 1)).to(device)
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 })
    const scaler = new torch.amp.GradScaler('cuda', { enabled: dtype === torch.float16 })
    const x = torch.randn(64, 8, { device })
    const y = x.sum(1, { keepdim: true }).sin()
    const losses: number[] = []
    for (let i = 0; i < 200; i++) {
      optimizer.zero_grad()
      const loss = torch.autocast('cuda', { dtype }, () => {
        const out = model(x)
        assert.equal(out.dtype, dtype)
        return nn.functional.mse_loss(out.float(), y)
      })
      scaler.scale(loss).backward()
      scaler.step(optimizer)
      scaler.update()
      losses.push(loss.item())
    }
    assert.ok(mean(losses.slice(-10)) < mean(losses.slice(0, 10)) / 3, `${dtype}: ${losses[0]} to ${losses.at(-1)}`)
  }
})
