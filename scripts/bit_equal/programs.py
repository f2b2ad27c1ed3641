"""Twelve training programs of 20 steps. Prints their losses and the number of threads as JSON; programs.ts has the same
programs, line by line.
"""

import json
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

STEPS = 20


def train(parameters, optimizer, loss_of, clip=None):
    losses = []
    for step in range(STEPS):
        loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        if clip is not None:
            clip(parameters)
        optimizer.step()
        losses.append(loss.item())
    return losses


def sine_rnn():
    """nn.RNN learns a sine wave, one sequence of 49 points."""
    rnn, out = nn.RNN(1, 10, batch_first=True), nn.Linear(10, 1)
    parameters = [*rnn.parameters(), *out.parameters()]
    points = torch.sin(torch.linspace(0, 10, 50)).view(1, 50, 1)

    def loss(step):
        hidden, _ = rnn(points[:, :-1], torch.zeros(1, 1, 10))
        return F.mse_loss(out(hidden), points[:, 1:])

    return train(parameters, torch.optim.Adam(parameters, lr=0.01), loss)


def char_rnn():
    """A character model: one-hot tokens, nn.RNN, clipping by norm, plain SGD."""
    rnn, out = nn.RNN(28, 96), nn.Linear(96, 28)
    parameters = [*rnn.parameters(), *out.parameters()]
    tokens = torch.randint(0, 28, (36, 32))

    def loss(step):
        x = F.one_hot(tokens[:-1], 28).to(torch.float32)
        hidden, _ = rnn(x)
        return F.cross_entropy(out(hidden).view(-1, 28), tokens[1:].reshape(-1))

    return train(parameters, torch.optim.SGD(parameters, lr=1), loss, lambda p: clip_grad_norm_(p, 1))


def bilstm_dropout():
    """Two layers of nn.LSTM in both directions with dropout; Adam with weight decay."""
    lstm, out = nn.LSTM(16, 32, num_layers=2, bidirectional=True, dropout=0.3), nn.Linear(64, 5)
    parameters = [*lstm.parameters(), *out.parameters()]
    x, y = torch.randn(12, 20, 16), torch.randint(0, 5, (20,))

    def loss(step):
        hidden, _ = lstm(x)
        return F.cross_entropy(out(hidden.mean(0)), y)

    return train(parameters, torch.optim.Adam(parameters, lr=0.003, weight_decay=0.01), loss)


def packed_gru():
    """nn.GRU over packed sequences of different lengths; AdamW with amsgrad."""
    gru, out = nn.GRU(6, 24, bidirectional=True), nn.Linear(48, 3)
    parameters = [*gru.parameters(), *out.parameters()]
    x, y, lengths = torch.randn(9, 8, 6), torch.randint(0, 3, (8,)), torch.tensor([4, 9, 1, 7, 7, 2, 9, 5])

    def loss(step):
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        output, h_n = gru(packed)
        padded, _ = pad_packed_sequence(output)
        logits = out(torch.cat([h_n[0], h_n[1]], 1))
        return F.cross_entropy(logits, y) + 0.01 * padded.pow(2).mean()

    return train(parameters, torch.optim.AdamW(parameters, lr=0.01, amsgrad=True), loss)


def lstm_projected():
    """nn.LSTM with projections; SGD with Nesterov's momentum."""
    lstm, out = nn.LSTM(8, 40, num_layers=2, proj_size=12, batch_first=True), nn.Linear(12, 8)
    parameters = [*lstm.parameters(), *out.parameters()]
    x = torch.randn(10, 15, 8)

    def loss(step):
        hidden, _ = lstm(x[:, :-1])
        return F.smooth_l1_loss(out(hidden), x[:, 1:])

    optimizer = torch.optim.SGD(parameters, lr=0.2, momentum=0.9, nesterov=True)
    return train(parameters, optimizer, loss)


def stateful_lstm():
    """A language model: embedding, nn.LSTM whose state is carried on, clipping, the learning rate divided by four."""
    embedding, lstm, out = nn.Embedding(50, 40), nn.LSTM(40, 64, num_layers=2, dropout=0.2), nn.Linear(64, 50)
    parameters = [*embedding.parameters(), *lstm.parameters(), *out.parameters()]
    tokens = torch.randint(0, 50, (STEPS * 10 + 1, 12))
    optimizer = torch.optim.SGD(parameters, lr=20)
    state = None

    def loss(step):
        nonlocal state
        if step == STEPS // 2:
            optimizer.param_groups[0]["lr"] /= 4
        x, y = tokens[step * 10 : step * 10 + 10], tokens[step * 10 + 1 : step * 10 + 11]
        hidden, (h, c) = lstm(embedding(x), state)
        state = (h.detach(), c.detach())
        return F.nll_loss(F.log_softmax(out(hidden), -1).view(-1, 50), y.reshape(-1))

    return train(parameters, optimizer, loss, lambda p: clip_grad_norm_(p, 0.25))


def scratch_rnn():
    """A recurrent network from matrix products alone, with its own step of gradient descent."""
    sizes = [(20, 48), (48, 48), (48,), (48, 20), (20,)]
    parameters = [(torch.randn(*size) * 0.1).requires_grad_() for size in sizes]
    w_xh, w_hh, b_h, w_hq, b_q = parameters
    tokens = torch.randint(0, 20, (13, 16))
    losses = []
    for _ in range(STEPS):
        h, outputs = torch.zeros(16, 48), []
        for x in F.one_hot(tokens[:-1], 20).float():
            h = torch.tanh(x @ w_xh + h @ w_hh + b_h)
            outputs.append(h @ w_hq + b_q)
        loss = F.cross_entropy(torch.cat(outputs), tokens[1:].reshape(-1))
        loss.backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in parameters))
        with torch.no_grad():
            for p in parameters:
                if norm > 1:
                    p.grad *= 1 / norm
                p -= 1.5 * p.grad
                p.grad.zero_()
        losses.append(loss.item())
    return losses


def mlp_adamw():
    """Linear layers, small and large, with dropout; AdamW."""
    layers = [nn.Linear(8, 64), nn.Linear(64, 200), nn.Linear(200, 1)]
    parameters = [p for layer in layers for p in layer.parameters()]
    x = torch.randn(32, 8)
    y = x.pow(2).sum(1, keepdim=True)

    def loss(step):
        h = F.dropout(F.relu(layers[0](x)), 0.1)
        h = F.gelu(layers[1](h))
        return F.mse_loss(layers[2](h), y)

    return train(parameters, torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1), loss)


def mlp_sgd():
    """In float64: momentum with dampening, weight decay, clipping by value."""
    layers = [nn.Linear(5, 20, dtype=torch.float64), nn.Linear(20, 3, bias=False, dtype=torch.float64)]
    parameters = [p for layer in layers for p in layer.parameters()]
    x, y = torch.randn(24, 5, dtype=torch.float64), torch.randint(0, 3, (24,))

    def loss(step):
        return F.cross_entropy(layers[1](torch.tanh(layers[0](x))), y, label_smoothing=0.1)

    optimizer = torch.optim.SGD(parameters, lr=0.5, momentum=0.9, dampening=0.1, weight_decay=0.001)
    return train(parameters, optimizer, loss, lambda p: clip_grad_value_(p, 0.1))


def embedding_classifier():
    """Bags of words: the mean of embeddings, one of them padding; Adam."""
    embedding, out = nn.Embedding(100, 32, padding_idx=0), nn.Linear(32, 4)
    parameters = [*embedding.parameters(), *out.parameters()]
    words, y = torch.randint(0, 100, (40, 12)), torch.randint(0, 4, (40,))

    def loss(step):
        return F.cross_entropy(out(embedding(words).mean(1)), y)

    return train(parameters, torch.optim.Adam(parameters, lr=0.02, betas=(0.8, 0.99)), loss)


def convolution():
    """Convolutions, normalization of batches and pooling, from functions; SGD with momentum."""
    shapes = [(8, 1, 3, 3), (8,), (16, 8, 3, 3), (16,), (10, 16 * 4), (10,)]
    parameters = [(torch.randn(shape) / math.sqrt(math.prod(shape[1:]) or 1)).requires_grad_() for shape in shapes]
    w_1, b_1, w_2, b_2, w_3, b_3 = parameters
    x, y = torch.randn(16, 1, 12, 12), torch.randint(0, 10, (16,))
    mean, var = torch.zeros(8), torch.ones(8)

    def loss(step):
        h = F.batch_norm(torch.conv2d(x, w_1, b_1), mean, var, training=True)
        h = F.max_pool2d(F.relu(h), 2)
        h = F.relu(torch.conv2d(h, w_2, b_2))
        h = F.adaptive_avg_pool2d(h, 2).flatten(1)
        return F.cross_entropy(F.linear(h, w_3, b_3), y)

    return train(parameters, torch.optim.SGD(parameters, lr=0.05, momentum=0.9), loss)


def attention():
    """A block of causal attention with normalization of layers; AdamW, clipping by norm."""
    embedding, qkv, project, out = nn.Embedding(30, 32), nn.Linear(32, 96), nn.Linear(32, 32), nn.Linear(32, 30)
    parameters = [p for layer in (embedding, qkv, project, out) for p in layer.parameters()]
    tokens = torch.randint(0, 30, (8, 17))

    def loss(step):
        x = embedding(tokens[:, :-1])
        q, k, v = (t.view(8, 16, 4, 8).transpose(1, 2) for t in qkv(F.layer_norm(x, [32])).split(32, 2))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + project(attended.transpose(1, 2).reshape(8, 16, 32))
        return F.cross_entropy(out(x).view(-1, 30), tokens[:, 1:].reshape(-1))

    optimizer = torch.optim.AdamW(parameters, lr=0.01)
    return train(parameters, optimizer, loss, lambda p: clip_grad_norm_(p, 0.5))


PROGRAMS = [
    *(sine_rnn, char_rnn, bilstm_dropout, packed_gru, lstm_projected, stateful_lstm),
    *(scratch_rnn, mlp_adamw, mlp_sgd, embedding_classifier, convolution, attention),
]

losses = {}
for program in PROGRAMS:
    torch.manual_seed(42)
    losses[program.__name__] = program()
version = torch.__version__.split("+")[0]
print(json.dumps({"torch": version, "threads": torch.get_num_threads(), "losses": losses}))
