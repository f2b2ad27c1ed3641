// tstorch: PyTorch for TypeScript.
//   import torch, { nn, optim } from 'tstorch'

import * as torch from './torch.js'

export * from './torch.js'
export { torch as default }
