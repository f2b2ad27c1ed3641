"""Two LSTM cells in double precision learn sine waves, with LBFGS."""

import torch
from torch import nn, optim


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 20)
        self.lstm2 = nn.LSTMCell(20, 20)
        self.linear = nn.Linear(20, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 20, dtype=torch.double)
        c_t = torch.zeros(input.size(0), 20, dtype=torch.double)
        h_t2 = torch.zeros(input.size(0), 20, dtype=torch.double)
        c_t2 = torch.zeros(input.size(0), 20, dtype=torch.double)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for _ in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


def make():
    starts = torch.randint(-40, 40, (8, 1))
    data = torch.sin((torch.arange(25).view(1, 25) + starts).double() / 4)
    input, target = data[:, :-1], data[:, 1:]
    seq = Sequence()
    seq.double()
    criterion = nn.MSELoss()
    optimizer = optim.LBFGS(seq.parameters(), lr=0.5, max_iter=4)

    def step():
        def closure():
            optimizer.zero_grad()
            out = seq(input)
            loss = criterion(out, target)
            loss.backward()
            return loss

        return optimizer.step(closure)

    return step
