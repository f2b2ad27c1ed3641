// Two LSTM cells in double precision learn sine waves, with LBFGS (lstmcell_lbfgs.py).

import torch, { nn, optim, type Tensor } from 'tstorch'

class Sequence extends nn.Module {
  lstm1 = new nn.LSTMCell(1, 20)
  lstm2 = new nn.LSTMCell(20, 20)
  linear = new nn.Linear(20, 1)

  forward(input: Tensor, future = 0): Tensor {
    const outputs: Tensor[] = []
    const zeros = () => torch.zeros(input.size(0), 20, { dtype: torch.double })
    let [h_t, c_t, h_t2, c_t2] = [zeros(), zeros(), zeros(), zeros()]
    let output = input
    for (const input_t of input.split(1, { dim: 1 })) {
      ;[h_t, c_t] = this.lstm1(input_t, [h_t, c_t])
      ;[h_t2, c_t2] = this.lstm2(h_t, [h_t2, c_t2])
      output = this.linear(h_t2)
      outputs.push(output)
    }
    for (let i = 0; i < future; i++) {
      ;[h_t, c_t] = this.lstm1(output, [h_t, c_t])
      ;[h_t2, c_t2] = this.lstm2(h_t, [h_t2, c_t2])
      output = this.linear(h_t2)
      outputs.push(output)
    }
    return torch.cat(outputs, { dim: 1 })
  }
}

export function make(): () => Tensor {
  const starts = torch.randint(-40, 40, [8, 1])
  const data = torch.sin(torch.arange(25).view(1, 25).add(starts).double().div(4))
  const [input, target] = [data.index(':', ':-1'), data.index(':', '1:')]
  const seq = new Sequence()
  seq.double()
  const criterion = new nn.MSELoss()
  const optimizer = new optim.LBFGS(seq.parameters(), { lr: 0.5, max_iter: 4 })

  return () => {
    const closure = () => {
      optimizer.zero_grad()
      const out = seq(input)
      const loss = criterion(out, target)
      loss.backward()
      return loss
    }
    return optimizer.step(closure)
  }
}
