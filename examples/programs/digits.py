"""A small convolutional network with batch normalisation learns digits, drawn from patterns with noise."""

import torch
from torch import nn, optim
from torch.nn import functional as F

PATTERNS = [
    "111 101 101 101 111", "010 110 010 010 111", "111 001 111 100 111", "111 001 111 001 111", "101 101 111 001 001",
    "111 100 111 001 111", "111 100 111 101 111", "111 001 010 010 010", "111 101 111 101 111", "111 101 111 001 111",
]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2)
        self.dropout1 = nn.Dropout2d(0.1)
        self.dropout2 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))  # (N, 16, 8, 8)
        x = self.pool(F.relu(self.bn2(self.conv2(x))))  # (N, 32, 4, 4)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = self.dropout2(F.relu(self.fc1(x)))
        return F.log_softmax(self.fc2(x), dim=1)


def draw(patterns, labels):
    """Each digit three times as large, somewhere in a picture of 16 x 16, under noise."""
    pictures = 0.3 * torch.randn(len(labels), 1, 16, 16)
    places = torch.randint(0, 2, (len(labels),)).tolist()
    for i, (label, place) in enumerate(zip(labels.tolist(), places)):
        pictures[i, 0, place : place + 15, place + 2 : place + 11] += patterns[label]
    return pictures


def make():
    patterns = torch.tensor([[[float(dot) for dot in row] for row in text.split(" ")] for text in PATTERNS])
    patterns = patterns.repeat_interleave(3, 1).repeat_interleave(3, 2)  # (10, 15, 9)
    labels = torch.randint(0, 10, (32,))
    pictures = draw(patterns, labels)
    model = Net()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

    def step():
        optimizer.zero_grad()
        output = model(pictures)
        loss = F.nll_loss(output, labels)
        loss.backward()
        optimizer.step()
        return loss

    return step
