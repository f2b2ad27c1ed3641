// The port of scripts/reference/gpt.py, line by line: the same losses and, with dropout and sampling, the same tokens.

import { expect, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

const F = nn.functional

class CausalSelfAttention extends nn.Module {
  readonly c_attn: nn.Linear
  readonly c_proj: nn.Linear
  readonly attn_dropout: nn.Dropout
  readonly bias: nn.Buffer

  constructor(
    readonly n_embd: number,
    readonly n_head: number,
    block_size: number,
    dropout: number,
  ) {
    super()
    this.c_attn = new nn.Linear(n_embd, 3 * n_embd, { bias: false })
    this.c_proj = new nn.Linear(n_embd, n_embd)
    this.attn_dropout = new nn.Dropout(dropout)
    this.bias = new nn.Buffer(torch.tril(torch.ones(block_size, block_size)).view(1, 1, block_size, block_size))
  }

  forward(x: Tensor): Tensor {
    const [B, T, C] = x.size() as unknown as [number, number, number]
    let [q, k, v] = this.c_attn(x).split(this.n_embd, { dim: 2 })
    k = k.view(B, T, this.n_head, C / this.n_head).transpose(1, 2)
    q = q.view(B, T, this.n_head, C / this.n_head).transpose(1, 2)
    v = v.view(B, T, this.n_head, C / this.n_head).transpose(1, 2)
    let att = q.matmul(k.transpose(-2, -1)).mul(1 / Math.sqrt(k.size(-1)))
    att = att.masked_fill(this.bias.index(':', ':', `:${T}`, `:${T}`).eq(0), -Infinity)
    att = F.softmax(att, { dim: -1 })
    att = this.attn_dropout(att)
    const y = att.matmul(v).transpose(1, 2).contiguous().view(B, T, C)
    return this.c_proj(y)
  }
}

class GPT extends nn.Module {
  readonly wte: nn.Embedding
  readonly wpe: nn.Embedding
  readonly h: nn.ModuleList<CausalSelfAttention>
  readonly lm_head: nn.Linear

  constructor({ vocab_size, n_embd, block_size }: { vocab_size: number; n_embd: number; block_size: number }) {
    super()
    this.wte = new nn.Embedding(vocab_size, n_embd)
    this.wpe = new nn.Embedding(block_size, n_embd)
    this.h = new nn.ModuleList([0, 1].map(() => new CausalSelfAttention(n_embd, 4, block_size, 0.1)))
    this.lm_head = new nn.Linear(n_embd, vocab_size)
  }

  forward(idx: Tensor, targets: Tensor | null = null): [logits: Tensor, loss: Tensor | null] {
    const [, t] = idx.size() as unknown as [number, number]
    let x: Tensor = this.wte(idx).add(this.wpe(torch.arange(t)))
    for (const block of this.h) x = x.add(F.gelu(block(F.layer_norm(x, [x.size(-1)]))))
    const logits: Tensor = this.lm_head(x)
    let loss = null
    if (targets !== null) loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))
    return [logits, loss]
  }

  generate(start: Tensor, options: { max_new_tokens: number; temperature: number; top_k: number }): Tensor {
    return torch.no_grad((): Tensor => {
      let idx = start
      for (let i = 0; i < options.max_new_tokens; i++) {
        let [logits] = this.forward(idx)
        logits = logits.index(':, -1, :').div(options.temperature)
        const [v] = torch.topk(logits, options.top_k) as unknown as [Tensor, Tensor]
        logits.index_set_([logits.lt(v.index(':', [-1]))], -Infinity)
        const probs = F.softmax(logits, { dim: -1 })
        const idx_next = torch.multinomial(probs, { num_samples: 1 })
        idx = torch.cat([idx, idx_next], { dim: 1 })
      }
      return idx
    })
  }
}

test('a ported GPT trains and samples as in Python', () => {
  const reference = fixture<{ parameters: string[]; text: string; losses: number[]; sampled: number[][] }>('gpt.json')
  torch.manual_seed(1337)
  const model = new GPT({ vocab_size: 20, n_embd: 32, block_size: 16 })
  expect(model.named_parameters().map(([name]) => name)).toEqual(reference.parameters)
  expect(String(model)).toBe(reference.text)
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3, betas: [0.9, 0.95] })
  const data = torch.randint(0, 20, [4, 17])
  filled(reference.losses).forEach((expected, i) => {
    const [, loss] = model(data.index(':, :-1'), data.index(':, 1:')) as [Tensor, Tensor]
    optimizer.zero_grad({ set_to_none: true })
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
    expect(Math.abs(loss.item() - expected) / expected, `loss ${i}`).toBeLessThan(1e-4)
  })
  model.eval()
  const sampled = model.generate(data.index(':, :2'), { max_new_tokens: 12, temperature: 0.8, top_k: 5 })
  expect(sampled.tolist()).toEqual(reference.sampled)
})
