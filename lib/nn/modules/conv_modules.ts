// torch.nn.modules.conv
export { _ConvNd, Conv1d, Conv2d, Conv3d } from './conv.js'
export { _ConvTransposeNd, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv_transpose.js'
