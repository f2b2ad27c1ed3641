// A deep convolutional generative adversarial network (Radford et al. 2015): a step trains the discriminator on real and
// on generated pictures, then the generator (dcgan.py).

import torch, { nn, optim, type Tensor } from 'tstorch'

const [NZ, NGF, NDF, NC, BATCH] = [16, 8, 8, 1, 16]

class Generator extends nn.Module {
  main = new nn.Sequential(
    new nn.ConvTranspose2d(NZ, NGF * 4, 4, 1, 0, { bias: false }),
    new nn.BatchNorm2d(NGF * 4),
    new nn.ReLU(true), // (32, 4, 4)
    new nn.ConvTranspose2d(NGF * 4, NGF * 2, 4, 2, 1, { bias: false }),
    new nn.BatchNorm2d(NGF * 2),
    new nn.ReLU(true), // (16, 8, 8)
    new nn.ConvTranspose2d(NGF * 2, NC, 4, 2, 1, { bias: false }),
    new nn.Tanh(), // (1, 16, 16)
  )

  forward(input: Tensor): Tensor {
    return this.main(input)
  }
}

class Discriminator extends nn.Module {
  main = new nn.Sequential(
    new nn.Conv2d(NC, NDF * 2, 4, 2, 1, { bias: false }),
    new nn.LeakyReLU(0.2, { inplace: true }), // (16, 8, 8)
    new nn.Conv2d(NDF * 2, NDF * 4, 4, 2, 1, { bias: false }),
    new nn.BatchNorm2d(NDF * 4),
    new nn.LeakyReLU(0.2, { inplace: true }), // (32, 4, 4)
    new nn.Conv2d(NDF * 4, 1, 4, 1, 0, { bias: false }),
    new nn.Sigmoid(),
  )

  forward(input: Tensor): Tensor {
    return this.main(input).view(-1)
  }
}

function weights_init(m: nn.Module): void {
  if (m instanceof nn.Conv2d || m instanceof nn.ConvTranspose2d) {
    nn.init.normal_(m.weight.data, 0, 0.02)
  } else if (m instanceof nn.BatchNorm2d && m.weight !== null && m.bias !== null) {
    nn.init.normal_(m.weight.data, 1, 0.02)
    nn.init.constant_(m.bias.data, 0)
  }
}

export function make(): () => Tensor {
  const [netG, netD] = [new Generator(), new Discriminator()]
  netG.apply(weights_init)
  netD.apply(weights_init)
  const criterion = new nn.BCELoss()
  const optimizerD = new optim.Adam(netD.parameters(), { lr: 2e-4, betas: [0.5, 0.999] })
  const optimizerG = new optim.Adam(netG.parameters(), { lr: 2e-4, betas: [0.5, 0.999] })
  const rows = torch.linspace(0, 3, 16)
  const phases = torch.rand(BATCH, 1, 1).mul(6)
  const real = torch
    .sin(
      rows
        .view(1, 16, 1)
        .add(rows.view(1, 1, 16))
        .add(phases),
    )
    .unsqueeze(1)

  return () => {
    netD.zero_grad()
    const label = torch.full([BATCH], 1)
    const errD_real = criterion(netD(real), label)
    errD_real.backward()
    const noise = torch.randn(BATCH, NZ, 1, 1)
    const fake = netG(noise)
    label.fill_(0)
    const errD_fake = criterion(netD(fake.detach()), label)
    errD_fake.backward()
    optimizerD.step()
    netG.zero_grad()
    label.fill_(1)
    const errG = criterion(netD(fake), label)
    errG.backward()
    optimizerG.step()
    return errD_real.add(errD_fake).add(errG)
  }
}
