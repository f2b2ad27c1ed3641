"""A small GPT in PyTorch, written as its users write it: the losses of its training and what it then samples.

test/ports/gpt.test.ts is its port, line by line.
"""

import math

import torch
from torch import nn, optim
from torch.nn import functional as F

from fixtures import write


class CausalSelfAttention(nn.Module):
    def __init__(self, n_embd, n_head, block_size, dropout):
        super().__init__()
        self.n_embd, self.n_head = n_embd, n_head
        self.c_attn = nn.Linear(n_embd, 3 * n_embd, bias=False)
        self.c_proj = nn.Linear(n_embd, n_embd)
        self.attn_dropout = nn.Dropout(dropout)
        self.bias = nn.Buffer(torch.tril(torch.ones(block_size, block_size)).view(1, 1, block_size, block_size))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        att = self.attn_dropout(att)
        y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.c_proj(y)


class GPT(nn.Module):
    def __init__(self, vocab_size, n_embd, block_size):
        super().__init__()
        self.wte = nn.Embedding(vocab_size, n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.h = nn.ModuleList([CausalSelfAttention(n_embd, 4, block_size, 0.1) for _ in range(2)])
        self.lm_head = nn.Linear(n_embd, vocab_size)

    def forward(self, idx, targets=None):
        _, t = idx.size()
        x = self.wte(idx) + self.wpe(torch.arange(t))
        for block in self.h:
            x = x + F.gelu(block(F.layer_norm(x, [x.size(-1)])))
        logits = self.lm_head(x)
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.reshape(-1))
        return logits, loss

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature, top_k):
        for _ in range(max_new_tokens):
            logits, _ = self(idx)
            logits = logits[:, -1, :] / temperature
            v, _ = torch.topk(logits, top_k)
            logits[logits < v[:, [-1]]] = -float("inf")
            probs = F.softmax(logits, dim=-1)
            idx_next = torch.multinomial(probs, num_samples=1)
            idx = torch.cat((idx, idx_next), dim=1)
        return idx


def clear(choose):
    """A choice as multinomial makes it, which fails where rounding could make another: the largest p / q, q random."""

    def watched(probs, num_samples):
        before = torch.get_rng_state()
        chosen = choose(probs, num_samples)
        after = torch.get_rng_state()
        torch.set_rng_state(before)
        first, second = (probs / torch.empty_like(probs).exponential_()).topk(2)[0].unbind(-1)
        torch.set_rng_state(after)
        assert (first / second).min() > 1 + CLEAR, "take another seed"
        return chosen

    return watched


def apart(topk):
    """The largest, which fails where rounding could make others the largest."""

    def watched(logits, k):
        ordered = logits.sort(descending=True)[0]
        assert (ordered[:, k - 1] - ordered[:, k]).min() > CLEAR, "take another seed"
        return topk(logits, k)

    return watched


# A thousand roundings of float32.
CLEAR = 1e-4

if __name__ == "__main__":
    torch.manual_seed(1337)
    model = GPT(vocab_size=20, n_embd=32, block_size=16)
    optimizer = optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.95))
    data = torch.randint(0, 20, (4, 17))
    losses = []
    for _ in range(40):
        _, loss = model(data[:, :-1], data[:, 1:])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    torch.multinomial, torch.topk = clear(torch.multinomial), apart(torch.topk)
    sampled = model.generate(data[:, :2], max_new_tokens=12, temperature=0.8, top_k=5)
    names = [name for name, _ in model.named_parameters()]
    write("gpt.json", {"parameters": names, "text": str(model), "losses": losses, "sampled": sampled.tolist()})
