// A small convolutional network with batch normalisation learns digits, drawn from patterns with noise (digits.py).

import torch, { nn, optim, type Tensor } from 'tstorch'

const F = nn.functional
const PATTERNS = [
  ...['111 101 101 101 111', '010 110 010 010 111', '111 001 111 100 111', '111 001 111 001 111'],
  ...['101 101 111 001 001', '111 100 111 001 111', '111 100 111 101 111', '111 001 010 010 010'],
  ...['111 101 111 101 111', '111 101 111 001 111'],
]

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 16, 3, { padding: 1 })
  bn1 = new nn.BatchNorm2d(16)
  conv2 = new nn.Conv2d(16, 32, 3, { padding: 1, bias: false })
  bn2 = new nn.BatchNorm2d(32)
  pool = new nn.MaxPool2d(2)
  dropout1 = new nn.Dropout2d(0.1)
  dropout2 = new nn.Dropout(0.25)
  fc1 = new nn.Linear(32 * 4 * 4, 64)
  fc2 = new nn.Linear(64, 10)

  forward(x: Tensor): Tensor {
    x = this.pool(F.relu(this.bn1(this.conv1(x)))) // (N, 16, 8, 8)
    x = this.pool(F.relu(this.bn2(this.conv2(x)))) // (N, 32, 4, 4)
    x = this.dropout1(x)
    x = torch.flatten(x, 1)
    x = this.dropout2(F.relu(this.fc1(x)))
    return F.log_softmax(this.fc2(x), { dim: 1 })
  }
}

/** Each digit three times as large, somewhere in a picture of 16 x 16, under noise. */
function draw(patterns: Tensor, labels: Tensor): Tensor {
  const pictures = torch.randn(labels.size(0), 1, 16, 16).mul(0.3)
  const places = torch.randint(0, 2, [labels.size(0)]).tolist() as number[]
  ;(labels.tolist() as number[]).forEach((label, i) => {
    const place = places[i] as number
    pictures.index(i, 0, `${place}:${place + 15}`, `${place + 2}:${place + 11}`).add_(patterns.index(label))
  })
  return pictures
}

export function make(): () => Tensor {
  const dots = PATTERNS.map((text) => text.split(' ').map((row) => [...row].map(Number)))
  const patterns = torch.tensor(dots).repeat_interleave(3, 1).repeat_interleave(3, 2) // (10, 15, 9)
  const labels = torch.randint(0, 10, [32])
  const pictures = draw(patterns, labels)
  const model = new Net()
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9, weight_decay: 1e-4 })

  return () => {
    optimizer.zero_grad()
    const output = model(pictures)
    const loss = F.nll_loss(output, labels)
    loss.backward()
    optimizer.step()
    return loss
  }
}
