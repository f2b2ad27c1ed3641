// torch.utils.tensorboard

export { FileWriter } from './file_writer.js'
export { SummaryWriter } from './writer.js'
