"""A language model of a Transformer's encoder (Vaswani et al. 2017) with learned positions."""

import math

import torch
from torch import nn, optim

NTOKEN, D_MODEL, NHEAD, D_HID, NLAYERS, BPTT, BATCH = 40, 32, 4, 48, 2, 12, 8


class TransformerModel(nn.Module):
    def __init__(self, dropout=0.2):
        super().__init__()
        self.positions = nn.Embedding(BPTT, D_MODEL)
        encoder_layers = nn.TransformerEncoderLayer(D_MODEL, NHEAD, D_HID, dropout)
        self.transformer_encoder = nn.TransformerEncoder(encoder_layers, NLAYERS)
        self.embedding = nn.Embedding(NTOKEN, D_MODEL)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(D_MODEL, NTOKEN)
        self.init_weights()

    def init_weights(self):
        initrange = 0.1
        self.embedding.weight.data.uniform_(-initrange, initrange)
        self.linear.bias.data.zero_()
        self.linear.weight.data.uniform_(-initrange, initrange)

    def forward(self, src, src_mask):
        src = self.embedding(src) * math.sqrt(D_MODEL)
        src = self.dropout(src + self.positions(torch.arange(src.size(0))).unsqueeze(1))
        output = self.transformer_encoder(src, src_mask)
        return self.linear(output)


def make():
    model = TransformerModel()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 5, gamma=0.95)
    tokens = torch.randint(0, NTOKEN, (BPTT + 1, BATCH))
    src_mask = nn.Transformer.generate_square_subsequent_mask(BPTT)
    model.train()

    def step():
        output = model(tokens[:-1], src_mask)
        loss = criterion(output.view(-1, NTOKEN), tokens[1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        scheduler.step()
        return loss

    return step
