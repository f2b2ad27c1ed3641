// A GPT of nanoGPT's shape: tied weights, scaled initial values, groups of parameters with and without weight decay, a
// cosine schedule with warm-up, clipping (gpt.py).

import torch, { nn, optim, type Tensor } from 'tstorch'

const F = nn.functional
const [VOCAB, BLOCK, LAYERS, HEADS, WIDTH, DROPOUT, BATCH] = [30, 16, 2, 4, 32, 0.1, 6]
const [LEARNING_RATE, MIN_LR, WARMUP_ITERS, DECAY_ITERS] = [6e-3, 6e-4, 5, 30]

class LayerNorm extends nn.Module {
  weight: nn.Parameter
  bias: nn.Parameter | null

  constructor(ndim: number, { bias }: { bias: boolean }) {
    super()
    this.weight = new nn.Parameter(torch.ones(ndim))
    this.bias = bias ? new nn.Parameter(torch.zeros(ndim)) : null
  }

  forward(input: Tensor): Tensor {
    return F.layer_norm(input, this.weight.shape, this.weight, this.bias, 1e-5)
  }
}

class CausalSelfAttention extends nn.Module {
  c_attn = new nn.Linear(WIDTH, 3 * WIDTH)
  c_proj = new nn.Linear(WIDTH, WIDTH)
  resid_dropout = new nn.Dropout(DROPOUT)

  forward(x: Tensor): Tensor {
    const [B, T, C] = x.size() as unknown as [number, number, number]
    let [q, k, v] = this.c_attn(x).split(WIDTH, { dim: 2 })
    k = k.view(B, T, HEADS, C / HEADS).transpose(1, 2)
    q = q.view(B, T, HEADS, C / HEADS).transpose(1, 2)
    v = v.view(B, T, HEADS, C / HEADS).transpose(1, 2)
    let y = F.scaled_dot_product_attention(q, k, v, {
      attn_mask: null,
      dropout_p: this.training ? DROPOUT : 0,
      is_causal: true,
    })
    y = y.transpose(1, 2).contiguous().view(B, T, C)
    return this.resid_dropout(this.c_proj(y))
  }
}

class MLP extends nn.Module {
  c_fc = new nn.Linear(WIDTH, 4 * WIDTH)
  gelu = new nn.GELU()
  c_proj = new nn.Linear(4 * WIDTH, WIDTH)
  dropout = new nn.Dropout(DROPOUT)

  forward(x: Tensor): Tensor {
    return this.dropout(this.c_proj(this.gelu(this.c_fc(x))))
  }
}

class Block extends nn.Module {
  ln_1 = new LayerNorm(WIDTH, { bias: true })
  attn = new CausalSelfAttention()
  ln_2 = new LayerNorm(WIDTH, { bias: true })
  mlp = new MLP()

  forward(x: Tensor): Tensor {
    x = x.add(this.attn(this.ln_1(x)))
    x = x.add(this.mlp(this.ln_2(x)))
    return x
  }
}

class GPT extends nn.Module {
  transformer
  lm_head: nn.Linear

  constructor() {
    super()
    this.transformer = new nn.ModuleDict({
      wte: new nn.Embedding(VOCAB, WIDTH),
      wpe: new nn.Embedding(BLOCK, WIDTH),
      drop: new nn.Dropout(DROPOUT),
      h: new nn.ModuleList(Array.from({ length: LAYERS }, () => new Block())),
      ln_f: new LayerNorm(WIDTH, { bias: true }),
    })
    this.lm_head = new nn.Linear(WIDTH, VOCAB, { bias: false })
    this.transformer.wte.weight = this.lm_head.weight
    this.apply(this._init_weights)
    for (const [pn, p] of this.named_parameters()) {
      if (pn.endsWith('c_proj.weight')) nn.init.normal_(p, { mean: 0, std: 0.02 / Math.sqrt(2 * LAYERS) })
    }
  }

  _init_weights(module: nn.Module): void {
    if (module instanceof nn.Linear) {
      nn.init.normal_(module.weight, { mean: 0, std: 0.02 })
      if (module.bias !== null) nn.init.zeros_(module.bias)
    } else if (module instanceof nn.Embedding) {
      nn.init.normal_(module.weight, { mean: 0, std: 0.02 })
    }
  }

  forward(idx: Tensor, targets: Tensor): [logits: Tensor, loss: Tensor] {
    const [, t] = idx.size() as unknown as [number, number]
    const pos = torch.arange(0, t, { dtype: torch.long })
    const tok_emb = this.transformer.wte(idx)
    const pos_emb = this.transformer.wpe(pos)
    let x = this.transformer.drop(tok_emb.add(pos_emb))
    for (const block of this.transformer.h) x = block(x)
    x = this.transformer.ln_f(x)
    const logits = this.lm_head(x)
    return [logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1), { ignore_index: -1 })]
  }

  configure_optimizers(weight_decay: number, learning_rate: number, betas: [number, number]): optim.AdamW {
    const param_dict = Object.fromEntries(this.named_parameters().filter(([, p]) => p.requires_grad))
    const decay_params = Object.values(param_dict).filter((p) => p.dim() >= 2)
    const nodecay_params = Object.values(param_dict).filter((p) => p.dim() < 2)
    const optim_groups = [
      { params: decay_params, weight_decay },
      { params: nodecay_params, weight_decay: 0 },
    ]
    return new optim.AdamW(optim_groups, { lr: learning_rate, betas })
  }
}

function get_lr(it: number): number {
  if (it < WARMUP_ITERS) return (LEARNING_RATE * (it + 1)) / (WARMUP_ITERS + 1)
  if (it > DECAY_ITERS) return MIN_LR
  const decay_ratio = (it - WARMUP_ITERS) / (DECAY_ITERS - WARMUP_ITERS)
  const coeff = 0.5 * (1 + Math.cos(Math.PI * decay_ratio))
  return MIN_LR + coeff * (LEARNING_RATE - MIN_LR)
}

export function make(): () => Tensor {
  const model = new GPT()
  const optimizer = model.configure_optimizers(0.1, LEARNING_RATE, [0.9, 0.95])
  const data = torch.randint(0, VOCAB, [BATCH, BLOCK + 1])
  let iter_num = 0

  return () => {
    const lr = get_lr(iter_num)
    for (const param_group of optimizer.param_groups) param_group.lr = lr
    const [, loss] = model(data.index(':', ':-1'), data.index(':', '1:'))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
    optimizer.zero_grad({ set_to_none: true })
    iter_num += 1
    return loss
  }
}
