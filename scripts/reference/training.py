"""The document's programs in Python: first losses and initial weights of the sine network and the character models.

Random choices that the document leaves to numpy and random are drawn from torch, as examples/ does.
"""

import random
import re

import torch
from torch import nn, optim
from torch.nn import functional as F

from fixtures import sampled, write

# --- section 2: sine ----------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self, input_dim=1, hidden_dim=10, out_dim=1):
        super().__init__()
        self.rnn = nn.RNN(input_size=input_dim, hidden_size=hidden_dim, num_layers=1, batch_first=True)
        self.linear = nn.Linear(in_features=hidden_dim, out_features=out_dim)

    def forward(self, x, hidden_prev):
        out, hidden_prev = self.rnn(x, hidden_prev)
        out = self.linear(out.view(-1, 10))
        return out.unsqueeze(dim=0), hidden_prev


def sample_data():
    start = torch.randint(0, 3, [1]).item()
    data = torch.linspace(start, start + 10, 20, dtype=torch.float64).sin().float().view(20, 1)
    return data[:-1].view(1, 19, 1), data[1:].view(1, 19, 1)


def sine(seed, iterations):
    torch.manual_seed(seed)
    model = Net()
    criterion = nn.MSELoss()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    hidden_prev = torch.zeros(1, 1, 10)
    losses = []
    for _ in range(iterations):
        x, y = sample_data()
        output, hidden = model(x, hidden_prev)
        hidden_prev = hidden.detach()
        loss = criterion(output, y)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"seed": seed, "losses": losses}


# --- section 3: character models ----------------------------------------------------------------


def text():
    """Sentences of made-up words: something to learn, and nobody's text."""
    letters = random.Random(1)
    words = ["".join(letters.choice("etaoinshrdlu") for _ in range(letters.randint(1, 7))) for _ in range(60)]
    lines = (" ".join(letters.choice(words) for _ in range(10)).capitalize() + "." for _ in range(260))
    return "\n".join(lines)


def corpus_of(text, max_tokens=10000):
    lines = [re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in text.split("\n")]
    counts = {}
    for token in "".join(lines):
        counts[token] = counts.get(token, 0) + 1
    vocab = ["<unk>"] + [token for token, _ in sorted(counts.items(), key=lambda item: item[1], reverse=True)]
    numbers = {token: i for i, token in enumerate(vocab)}
    return [numbers[token] for token in "".join(lines)][:max_tokens], vocab


def batches(corpus, batch_size, num_steps):
    offset = int(torch.randint(0, num_steps + 1, [1]))
    num_tokens = ((len(corpus) - offset - 1) // batch_size) * batch_size
    Xs = torch.tensor(corpus[offset : offset + num_tokens]).reshape(batch_size, -1)
    Ys = torch.tensor(corpus[offset + 1 : offset + 1 + num_tokens]).reshape(batch_size, -1)
    for i in range(0, num_steps * (Xs.shape[1] // num_steps), num_steps):
        yield Xs[:, i : i + num_steps], Ys[:, i : i + num_steps]


class RNNModelScratch:
    def __init__(self, vocab_size, num_hiddens):
        def normal(*size):
            return torch.randn(size=size) * 0.01

        self.vocab_size, self.num_hiddens = vocab_size, num_hiddens
        W_xh = normal(vocab_size, num_hiddens)
        W_hh = normal(num_hiddens, num_hiddens)
        b_xh, b_hh = torch.zeros(num_hiddens), torch.zeros(num_hiddens)
        W_hq = normal(num_hiddens, vocab_size)
        b_q = torch.zeros(vocab_size)
        self.params = [W_xh, W_hh, b_xh, b_hh, W_hq, b_q]
        for param in self.params:
            param.requires_grad_(True)

    def named_parameters(self):
        return zip(["W_xh", "W_hh", "b_xh", "b_hh", "W_hq", "b_q"], self.params)

    def parameters(self):
        return self.params

    def __call__(self, X, state):
        X = F.one_hot(X.T, self.vocab_size).type(torch.float32)
        W_xh, W_hh, b_xh, b_hh, W_hq, b_q = self.params
        (hidden,) = state
        outputs = []
        for x_t in X:
            hidden = torch.tanh(torch.mm(x_t, W_xh) + b_xh + torch.mm(hidden, W_hh) + b_hh)
            outputs.append(torch.mm(hidden, W_hq) + b_q)
        return torch.cat(outputs, dim=0), (hidden,)

    def begin_state(self, batch_size):
        return (torch.zeros((batch_size, self.num_hiddens)),)


class RNNModel(nn.Module):
    def __init__(self, layer, vocab_size):
        super().__init__()
        self.rnn, self.vocab_size = layer, vocab_size
        self.linear = nn.Linear(layer.hidden_size, vocab_size)

    def forward(self, X, state):
        X = F.one_hot(X.T.long(), self.vocab_size).to(torch.float32)
        Y, state = self.rnn(X, state if isinstance(self.rnn, nn.LSTM) else state[0])
        return self.linear(Y.reshape((-1, Y.shape[-1]))), state if isinstance(state, tuple) else (state,)

    def begin_state(self, batch_size):
        zeros = torch.zeros(1, batch_size, self.rnn.hidden_size)
        return (zeros, zeros) if isinstance(self.rnn, nn.LSTM) else (zeros,)


def character_model(kind, text, seed, num_hiddens, batch_size, num_steps, losses_wanted):
    torch.manual_seed(seed)
    corpus, vocab = corpus_of(text)
    layers = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    if kind == "scratch":
        net = RNNModelScratch(len(vocab), num_hiddens)
    else:
        net = RNNModel(layers[kind](len(vocab), num_hiddens), len(vocab))
    initial = {name: sampled(p) for name, p in net.named_parameters()}
    params = list(net.parameters())
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(params, lr=1)
    losses = []
    while True:
        state = net.begin_state(batch_size)
        for X, Y in batches(corpus, batch_size, num_steps):
            state = tuple(s.detach() for s in state)
            y_hat, state = net(X, state)
            loss = criterion(y_hat, Y.T.reshape(-1)).mean()
            optimizer.zero_grad()
            loss.backward()
            norm = torch.sqrt(sum(torch.sum(p.grad**2) for p in params))
            if norm > 1:
                for p in params:
                    p.grad[:] *= 1 / norm
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == losses_wanted:
                settings = {"model": kind, "num_hiddens": num_hiddens, "num_steps": num_steps, "batch_size": batch_size}
                return {**settings, "seed": seed, "initial": initial, "losses": losses}


if __name__ == "__main__":
    learned = text()
    corpus, vocab = corpus_of(learned)
    models = [character_model(kind, learned, 3, 512, 32, 10, 50) for kind in ("scratch", "rnn")]
    models += [character_model(kind, learned, 4, 64, 8, 35, 20) for kind in ("lstm", "gru")]
    write(
        "training.json",
        {
            "sine": sine(0, 100),
            "text": learned,
            "vocab": vocab,
            "corpus_begin": corpus[:100],
            "corpus_length": len(corpus),
            "character_models": models,
        },
    )
