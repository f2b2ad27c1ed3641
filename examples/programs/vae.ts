// A variational autoencoder (Kingma and Welling 2013) of pictures of 64 points (vae.py).

import torch, { nn, optim, type Tensor } from 'tstorch'

const F = nn.functional

class VAE extends nn.Module {
  fc1 = new nn.Linear(64, 48)
  fc21 = new nn.Linear(48, 8)
  fc22 = new nn.Linear(48, 8)
  fc3 = new nn.Linear(8, 48)
  fc4 = new nn.Linear(48, 64)

  encode(x: Tensor): [mu: Tensor, logvar: Tensor] {
    const h1 = F.relu(this.fc1(x))
    return [this.fc21(h1), this.fc22(h1)]
  }

  reparameterize(mu: Tensor, logvar: Tensor): Tensor {
    const std = torch.exp(logvar.mul(0.5))
    const eps = torch.randn_like(std)
    return mu.add(eps.mul(std))
  }

  decode(z: Tensor): Tensor {
    const h3 = F.relu(this.fc3(z))
    return torch.sigmoid(this.fc4(h3))
  }

  forward(x: Tensor): [recon_x: Tensor, mu: Tensor, logvar: Tensor] {
    const [mu, logvar] = this.encode(x.view(-1, 64))
    const z = this.reparameterize(mu, logvar)
    return [this.decode(z), mu, logvar]
  }
}

function loss_function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor): Tensor {
  const BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), { reduction: 'sum' })
  const KLD = torch.sum(logvar.add(1).sub(mu.pow(2)).sub(logvar.exp())).mul(-0.5)
  return BCE.add(KLD)
}

export function make(): () => Tensor {
  const centers = torch.rand(32, 2, 1, 1).mul(8)
  const rows = torch.arange(8).float()
  const down = rows.view(1, 8, 1).sub(centers.index(':', 0)).pow(2)
  const across = rows.view(1, 1, 8).sub(centers.index(':', 1)).pow(2)
  const data = torch.exp(down.add(across).neg().div(6)).unsqueeze(1) // (32, 1, 8, 8)
  const model = new VAE()
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 })

  return () => {
    optimizer.zero_grad()
    const [recon_batch, mu, logvar] = model(data)
    const loss = loss_function(recon_batch, data, mu, logvar)
    loss.backward()
    optimizer.step()
    return loss
  }
}
