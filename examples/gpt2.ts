// GPT-2, and its weights and tokenizer from a folder as the Hugging Face hub has it (config.json, model.safetensors or
// its shards, tokenizer.json): the same tokens as transformers' GPT2LMHeadModel.generate in Python.
//
//   node dist/examples/gpt2.js FOLDER --prompt 'The network'
//   node dist/examples/gpt2.js FOLDER --prompt 'The network' --temperature 0.8 --top-k 50 --seed 1
//   node dist/examples/gpt2.js --help
//
// The modules and their fields have transformers' names, so state_dicts go both ways.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { Command, Option } from 'commander'
import torch, { type DType, nn, type Tensor } from 'tstorch'
import { DEVICES, isMain, pickDevice, positiveNumber, print, runMain, UsageError, wholeNumber } from './command.js'

const F = nn.functional

/** Of a folder's config.json, what decides the model; the defaults are transformers'. */
const DEFAULTS = {
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 768,
  n_layer: 12,
  n_head: 12,
  n_inner: null as number | null,
  activation_function: 'gelu_new',
  resid_pdrop: 0.1,
  embd_pdrop: 0.1,
  attn_pdrop: 0.1,
  layer_norm_epsilon: 1e-5,
  initializer_range: 0.02,
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  tie_word_embeddings: true,
  eos_token_id: 50256 as number | null,
}

export type GPT2Config = typeof DEFAULTS

const ACTIVATIONS: Record<string, (x: Tensor) => Tensor> = {
  gelu_new: (x) => F.gelu(x, { approximate: 'tanh' }),
  gelu_pytorch_tanh: (x) => F.gelu(x, { approximate: 'tanh' }),
  gelu: (x) => F.gelu(x),
  relu: (x) => F.relu(x),
  silu: (x) => F.silu(x),
  tanh: (x) => torch.tanh(x),
}

/** A linear layer whose weight is (in, out): the transpose of nn.Linear's, as GPT-2's files have it. */
class Conv1D extends nn.Module {
  weight: nn.Parameter
  bias: nn.Parameter

  constructor(
    readonly nf: number,
    nx: number,
    std: number,
  ) {
    super()
    this.weight = new nn.Parameter(nn.init.normal_(torch.empty(nx, nf), { std }))
    this.bias = new nn.Parameter(torch.zeros(nf))
  }

  forward(x: Tensor): Tensor {
    const size_out = [...x.shape.slice(0, -1), this.nf]
    return torch.addmm(this.bias, x.view(-1, x.size(-1)), this.weight).view(size_out)
  }
}

/** The keys and values of the tokens that were read: what each further token attends to. */
export class KeyValueCache {
  /** How many tokens were read. */
  length = 0
  readonly #keys: Tensor[]
  readonly #values: Tensor[]

  /** Has room for `capacity` tokens. */
  constructor({ config, lm_head }: GPT2, batch: number, capacity: number) {
    const { n_layer, n_head, n_embd } = config
    const make = () =>
      torch.empty(batch, n_head, capacity, n_embd / n_head, {
        dtype: lm_head.weight.dtype,
        device: lm_head.weight.device,
      })
    this.#keys = Array.from({ length: n_layer }, make)
    this.#values = Array.from({ length: n_layer }, make)
  }

  /** Adds a layer's keys and values of new tokens, and gives those of all. */
  update(layer: number, key: Tensor, value: Tensor): [keys: Tensor, values: Tensor] {
    const count = key.size(2)
    const [keys, values] = [this.#keys[layer] as Tensor, this.#values[layer] as Tensor]
    keys.narrow(2, this.length, count).copy_(key)
    values.narrow(2, this.length, count).copy_(value)
    return [keys.narrow(2, 0, this.length + count), values.narrow(2, 0, this.length + count)]
  }
}

class GPT2Attention extends nn.Module {
  c_attn: Conv1D
  c_proj: Conv1D
  resid_dropout: nn.Dropout
  readonly scaling: number

  constructor(
    readonly config: GPT2Config,
    readonly layer_idx: number,
  ) {
    super()
    const { n_embd, n_head, initializer_range: std } = config
    this.c_attn = new Conv1D(3 * n_embd, n_embd, std)
    this.c_proj = new Conv1D(n_embd, n_embd, std / Math.sqrt(2 * config.n_layer))
    this.resid_dropout = new nn.Dropout(config.resid_pdrop)
    const scale = config.scale_attn_weights ? Math.sqrt(n_embd / n_head) : 1
    this.scaling = 1 / (scale * (config.scale_attn_by_inverse_layer_idx ? layer_idx + 1 : 1))
  }

  forward(hidden_states: Tensor, cache: KeyValueCache | null): Tensor {
    const { n_embd, n_head, attn_pdrop } = this.config
    const [B, T] = hidden_states.shape as unknown as [number, number]
    const heads = (x: Tensor) => x.view(B, T, n_head, n_embd / n_head).transpose(1, 2)
    const [query, key, value] = this.c_attn(hidden_states).split(n_embd, { dim: 2 }).map(heads) as [
      Tensor,
      Tensor,
      Tensor,
    ]
    const past = cache?.length ?? 0
    const [keys, values] = cache === null ? [key, value] : cache.update(this.layer_idx, key, value)
    // One token may look at all; of several, each at those before it.
    const attn_mask = past > 0 && T > 1 ? torch.ones(T, past + T, { dtype: torch.bool }).tril(past) : null
    const attn_output = F.scaled_dot_product_attention(query, keys, values, {
      attn_mask: attn_mask?.to(query.device) ?? null,
      dropout_p: this.training ? attn_pdrop : 0,
      is_causal: past === 0 && T > 1,
      scale: this.scaling,
    })
    return this.resid_dropout(this.c_proj(attn_output.transpose(1, 2).reshape(B, T, n_embd)))
  }
}

class GPT2MLP extends nn.Module {
  c_fc: Conv1D
  c_proj: Conv1D
  dropout: nn.Dropout
  readonly act: (x: Tensor) => Tensor

  constructor(intermediate_size: number, config: GPT2Config) {
    super()
    const { n_embd, initializer_range: std } = config
    this.c_fc = new Conv1D(intermediate_size, n_embd, std)
    this.c_proj = new Conv1D(n_embd, intermediate_size, std / Math.sqrt(2 * config.n_layer))
    this.act = ACTIVATIONS[config.activation_function] as (x: Tensor) => Tensor
    this.dropout = new nn.Dropout(config.resid_pdrop)
  }

  forward(hidden_states: Tensor): Tensor {
    return this.dropout(this.c_proj(this.act(this.c_fc(hidden_states))))
  }
}

class GPT2Block extends nn.Module {
  ln_1: nn.LayerNorm
  attn: GPT2Attention
  ln_2: nn.LayerNorm
  mlp: GPT2MLP

  constructor(config: GPT2Config, layer_idx: number) {
    super()
    const { n_embd, layer_norm_epsilon: eps } = config
    this.ln_1 = new nn.LayerNorm(n_embd, { eps })
    this.attn = new GPT2Attention(config, layer_idx)
    this.ln_2 = new nn.LayerNorm(n_embd, { eps })
    this.mlp = new GPT2MLP(config.n_inner ?? 4 * n_embd, config)
  }

  forward(hidden_states: Tensor, cache: KeyValueCache | null): Tensor {
    hidden_states = hidden_states.add(this.attn(this.ln_1(hidden_states), cache))
    return hidden_states.add(this.mlp(this.ln_2(hidden_states)))
  }
}

export interface GenerateOptions {
  max_new_tokens: number
  /** Whether tokens are drawn, by torch's random numbers; else the likeliest is taken. */
  do_sample?: boolean
  temperature?: number
  /** Of how many of the likeliest tokens is drawn: 0 for all. */
  top_k?: number
  /** The token that ends a text, and then fills its row; by default the model's. */
  eos_token_id?: number | null
}

/** transformers' GPT2LMHeadModel. */
export class GPT2 extends nn.Module {
  readonly config: GPT2Config
  transformer
  lm_head: nn.Linear

  constructor(settings: Partial<GPT2Config> = {}) {
    super()
    const config = { ...DEFAULTS, ...settings }
    const { vocab_size, n_positions, n_embd, n_layer, n_head, activation_function, initializer_range: std } = config
    if (n_embd % n_head !== 0) throw new RangeError(`n_embd ${n_embd} is not a multiple of n_head ${n_head}`)
    if (!Object.hasOwn(ACTIVATIONS, activation_function)) {
      const known = Object.keys(ACTIVATIONS).join(', ')
      throw new RangeError(`activation_function '${activation_function}' is none of ${known}`)
    }
    this.config = config
    this.transformer = new nn.ModuleDict({
      wte: new nn.Embedding(vocab_size, n_embd),
      wpe: new nn.Embedding(n_positions, n_embd),
      drop: new nn.Dropout(config.embd_pdrop),
      h: new nn.ModuleList(Array.from({ length: n_layer }, (_, i) => new GPT2Block(config, i))),
      ln_f: new nn.LayerNorm(n_embd, { eps: config.layer_norm_epsilon }),
    })
    const { wte, wpe } = this.transformer
    for (const { weight } of [wte, wpe]) nn.init.normal_(weight, { std })
    // A tied head needs no memory of its own.
    const tied = config.tie_word_embeddings
    this.lm_head = new nn.Linear(n_embd, vocab_size, { bias: false, device: tied ? 'meta' : 'cpu' })
    if (tied) this.lm_head.weight = wte.weight
    else nn.init.normal_(this.lm_head.weight, { std })
  }

  /** The logits of what follows each of (batch, length) tokens: (batch, length, vocab_size), or of the last ones only. */
  forward(input_ids: Tensor, cache: KeyValueCache | null = null, logits_to_keep = 0): Tensor {
    const { wte, wpe, drop, h, ln_f } = this.transformer
    const past = cache?.length ?? 0
    const T = input_ids.size(1)
    const position_ids = torch.arange(past, past + T, { device: input_ids.device })
    let hidden_states: Tensor = drop(wte(input_ids).add(wpe(position_ids)))
    for (const block of h) hidden_states = block(hidden_states, cache)
    if (cache !== null) cache.length += T
    if (logits_to_keep > 0) hidden_states = hidden_states.narrow(1, T - logits_to_keep, logits_to_keep)
    return this.lm_head(ln_f(hidden_states))
  }

  /** The tokens that continue each row of `input_ids`, (batch,) at a time, as they are made. */
  *stream(input_ids: Tensor, options: GenerateOptions): Generator<Tensor, void> {
    const { max_new_tokens, do_sample = false, temperature = 1, top_k = 0 } = options
    const { eos_token_id = this.config.eos_token_id } = options
    const [B, T] = input_ids.shape as unknown as [number, number]
    const { n_positions } = this.config
    if (T === 0) throw new RangeError('there must be a token to continue')
    if (T + max_new_tokens > n_positions) {
      throw new RangeError(
        `${T} tokens and ${max_new_tokens} new ones are more than the model's ${n_positions} positions`,
      )
    }
    const cache = new KeyValueCache(this, B, T + max_new_tokens)
    let unfinished = torch.ones(B, { dtype: torch.bool, device: input_ids.device })
    for (let i = 0; i < max_new_tokens; i++) {
      const chosen: Tensor = torch.no_grad(() =>
        torch.scope(() => {
          let logits = this(input_ids, cache, 1).index(':', -1).float()
          if (!do_sample) return torch.argmax(logits, { dim: -1 })
          if (temperature !== 1) logits = logits.div(temperature)
          if (top_k > 0) {
            const { values } = torch.topk(logits, Math.min(top_k, logits.size(-1)))
            logits = logits.masked_fill(logits.lt(values.index(':', [-1])), -Infinity)
          }
          return torch.multinomial(F.softmax(logits, { dim: -1 }), { num_samples: 1 }).squeeze(1)
        }),
      )
      const next_tokens = eos_token_id === null ? chosen : chosen.masked_fill(unfinished.logical_not(), eos_token_id)
      yield next_tokens
      if (eos_token_id !== null) unfinished = unfinished.logical_and(next_tokens.ne(eos_token_id))
      if (!unfinished.any().item<boolean>()) return
      input_ids = next_tokens.unsqueeze(1)
    }
  }

  /** `input_ids` (batch, length) and the tokens that continue them. */
  generate(input_ids: Tensor, options: GenerateOptions): Tensor {
    const tokens = [...this.stream(input_ids, options)].map((token) => token.unsqueeze(1))
    return torch.cat([input_ids, ...tokens], { dim: 1 })
  }

  /** The model of a folder, to evaluate, its weights as `dtype` whatever the files have. */
  static from_pretrained(folder: string, options: { dtype?: DType; device?: string } = {}): GPT2 {
    const { dtype = torch.float32, device = 'cpu' } = options
    const config = readJson(join(folder, 'config.json')) as Partial<GPT2Config> & Record<string, unknown>
    if (config.model_type !== 'gpt2')
      throw new UsageError(`${folder} has a model of type ${config.model_type}, not gpt2`)
    if (config.add_cross_attention) throw new UsageError(`${folder} has cross attention, which this model has not`)
    const model = new GPT2(config).to(dtype).to(device)
    loadWeights(model, folder)
    return model.eval()
  }
}

/** What older files have beside the weights: masks, which are made as they are needed. */
const MASKS = /\.attn\.(?:bias|masked_bias)$/

/** Copies a folder's weights into a model, from one file or from several; they are mapped, so nothing is there twice. */
function loadWeights(model: GPT2, folder: string): void {
  const own = model.state_dict()
  const missing = new Set(Object.keys(own))
  // The file of a tied model has the tensor once.
  if (model.config.tie_word_embeddings) missing.delete('lm_head.weight')
  for (const [name, tensor] of Object.entries(torch.safetensors.load_torch_state_dict(folder))) {
    // GPT2Model's files, which openai's are, are without the head, and its prefix.
    const key = name in own ? name : `transformer.${name}`
    const parameter = own[key]
    if (parameter === undefined) {
      if (MASKS.test(name)) continue
      throw new UsageError(`${folder} has a tensor ${name}, which the model of its config.json has not`)
    }
    if (!tensor.shape.equals(parameter.shape)) {
      throw new UsageError(`${name} has shape ${tensor.shape} in ${folder}, and ${parameter.shape} in the model`)
    }
    parameter.copy_(tensor)
    missing.delete(key)
  }
  if (missing.size > 0) throw new UsageError(`${folder} has no weights for ${[...missing].join(', ')}`)
}

function readJson(file: string): object {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/** The tokenizer of a folder. */
export function loadTokenizer(folder: string): Tokenizer {
  const config = join(folder, 'tokenizer_config.json')
  return new Tokenizer(readJson(join(folder, 'tokenizer.json')), existsSync(config) ? readJson(config) : {})
}

async function main(): Promise<void> {
  const count = (option: string, least: number) => (text: string) => wholeNumber(option, text, least)
  const command = new Command('gpt2')
    .description('Continues a text with the GPT-2 of a folder from Hugging Face.')
    .argument('<folder>', 'with config.json, model.safetensors or shards with their index, tokenizer.json')
    .requiredOption('--prompt <text>', 'the text to continue')
    .option('--max-new-tokens <n>', 'how many tokens to add', count('--max-new-tokens', 1), 40)
    .option('--temperature <x>', 'draw tokens, at this temperature', (text) => positiveNumber('--temperature', text))
    .option('--top-k <n>', 'draw tokens, of the likeliest', count('--top-k', 1))
    .option('--seed <n>', 'seed of the draws', count('--seed', 0), 0)
    .addOption(new Option('--device <name>', 'where to compute').choices([...DEVICES]).default('auto'))
    .parse()
  const { prompt, maxNewTokens: max_new_tokens, temperature, topK: top_k, seed, device } = command.opts()
  const folder = command.args[0] as string
  const tokenizer = loadTokenizer(folder)
  const model = GPT2.from_pretrained(folder, { device: pickDevice(device, false) })
  const { ids } = tokenizer.encode(prompt)
  if (ids.length === 0) throw new UsageError('--prompt must have a token')
  if (ids.length + max_new_tokens > model.config.n_positions) {
    throw new UsageError(
      `${ids.length} tokens and ${max_new_tokens} new ones are more than ${model.config.n_positions}`,
    )
  }
  torch.manual_seed(seed)
  const input_ids = torch.tensor([ids], { dtype: torch.int64, device: model.lm_head.weight.device })
  const do_sample = temperature !== undefined || top_k !== undefined
  // A token may be a part of a letter, so all of them are decoded, and what is new and whole is shown.
  let shown = 0
  const show = () => {
    const text = tokenizer.decode(ids, { skip_special_tokens: true }).replace(/\uFFFD+$/, '')
    process.stdout.write(text.slice(shown))
    shown = text.length
  }
  show()
  for (const token of model.stream(input_ids, { max_new_tokens, do_sample, temperature, top_k })) {
    ids.push(token.item())
    show()
  }
  print()
}

if (isMain(import.meta.url)) void runMain(main)
