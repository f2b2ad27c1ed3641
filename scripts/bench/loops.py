"""The document's training steps in PyTorch: prints the median time of each step in microseconds, as JSON."""

import json
import sys
import time

import torch
from torch import nn, optim
from torch.nn import functional as F

STEPS = {"sine": 300, "character_rnn": 40, "character_lstm": 25, "character_scratch": 60, "add": 200000}


def sine():
    rnn, linear = nn.RNN(1, 10, batch_first=True), nn.Linear(10, 1)
    model = nn.ModuleList([rnn, linear])
    criterion, optimizer = nn.MSELoss(), optim.Adam(model.parameters(), lr=1e-3)
    x, y, hidden = torch.randn(1, 19, 1), torch.randn(1, 19, 1), torch.zeros(1, 1, 10)

    def step():
        out, _ = rnn(x, hidden)
        loss = criterion(linear(out.view(-1, 10)).unsqueeze(0), y)
        model.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def character(layer):
    linear, criterion = nn.Linear(512, 28), nn.CrossEntropyLoss()
    params = [*layer.parameters(), *linear.parameters()]
    optimizer = optim.SGD(params, lr=1)
    x, y = torch.randint(0, 28, (32, 35)), torch.randint(0, 28, (35 * 32,))

    def step():
        out, _ = layer(F.one_hot(x.T, 28).to(torch.float32))
        loss = criterion(linear(out.reshape(-1, 512)), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1)
        optimizer.step()
        loss.item()

    return step


def character_scratch():
    W_xh, W_hh, W_hq = torch.randn(28, 512) * 0.01, torch.randn(512, 512) * 0.01, torch.randn(512, 28) * 0.01
    b_xh, b_hh, b_q = torch.zeros(512), torch.zeros(512), torch.zeros(28)
    params = [W_xh, W_hh, W_hq, b_xh, b_hh, b_q]
    for p in params:
        p.requires_grad_(True)
    criterion = nn.CrossEntropyLoss()
    x, y = torch.randint(0, 28, (32, 35)), torch.randint(0, 28, (35 * 32,))

    def step():
        hidden, outputs = torch.zeros(32, 512), []
        for x_t in F.one_hot(x.T, 28).to(torch.float32):
            hidden = torch.tanh(x_t.mm(W_xh) + b_xh + hidden.mm(W_hh) + b_hh)
            outputs.append(hidden.mm(W_hq) + b_q)
        loss = criterion(torch.cat(outputs), y)
        loss.backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in params))
        with torch.no_grad():
            if norm > 1:
                for p in params:
                    p.grad *= 1 / norm
            for p in params:
                p -= p.grad
                p.grad.zero_()
        loss.item()

    return step


def add():
    a, b = torch.randn(4, 4), torch.randn(4, 4)
    return lambda: a + b


LOOPS = {
    "sine": sine,
    "character_rnn": lambda: character(nn.RNN(28, 512)),
    "character_lstm": lambda: character(nn.LSTM(28, 512)),
    "character_scratch": character_scratch,
    "add": add,
}

results = {}
for name, make in LOOPS.items():
    torch.manual_seed(0)
    step = make()
    for _ in range(STEPS[name] // 2):
        step()
    started = time.perf_counter()
    for _ in range(STEPS[name]):
        step()
    results[name] = (time.perf_counter() - started) / STEPS[name] * 1e6
json.dump({"threads": torch.get_num_threads(), "version": torch.__version__, "loops": results}, sys.stdout)
