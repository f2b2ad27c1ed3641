"""A word language model: LSTM, tied weights, a state that is carried on, gradient descent by hand."""

import torch
from torch import nn
from torch.nn import functional as F

NTOKEN, NINP, NLAYERS, BPTT, BATCH, CLIP = 60, 32, 2, 10, 12, 0.25


class RNNModel(nn.Module):
    def __init__(self, dropout=0.2):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(NTOKEN, NINP)
        self.rnn = nn.LSTM(NINP, NINP, NLAYERS, dropout=dropout)
        self.decoder = nn.Linear(NINP, NTOKEN)
        self.decoder.weight = self.encoder.weight
        self.init_weights()

    def init_weights(self):
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -initrange, initrange)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        output = self.drop(output)
        decoded = self.decoder(output).view(-1, NTOKEN)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return weight.new_zeros(NLAYERS, bsz, NINP), weight.new_zeros(NLAYERS, bsz, NINP)


def make():
    model = RNNModel()
    criterion = nn.NLLLoss()
    tokens = torch.randint(0, NTOKEN, (BPTT * 8 + 1, BATCH))
    hidden = model.init_hidden(BATCH)
    lr, batch = 5, 0

    def step():
        nonlocal hidden, batch
        i = batch % 8 * BPTT
        data, targets = tokens[i : i + BPTT], tokens[i + 1 : i + 1 + BPTT].view(-1)
        batch += 1
        model.zero_grad()
        hidden = tuple(h.detach() for h in hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        return loss

    return step
