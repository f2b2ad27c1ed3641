// torch.nn.utils
export {
  clip_grad_norm,
  clip_grad_norm_,
  clip_grad_value_,
  clip_grads_with_norm_,
  get_total_norm,
} from './clip_grad.js'
export { parameters_to_vector, vector_to_parameters } from './convert_parameters.js'
export { fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights } from './fusion.js'
export { convert_conv2d_weight_memory_format, convert_conv3d_weight_memory_format } from './memory_format.js'
export * as parametrizations from './parametrizations.js'
export * as parametrize from './parametrize.js'
export * as prune from './prune.js'
export * as rnn from './rnn.js'
export { skip_init } from './skip_init.js'
export { remove_spectral_norm, spectral_norm } from './spectral_norm.js'
export * as stateless from './stateless.js'
export { remove_weight_norm, weight_norm } from './weight_norm.js'
