// torch.safetensors: the functions of Python's safetensors.torch, and safe_open of safetensors.

export { SafetensorError } from './error.js'
export { load, load_file, type SafeOpen, safe_open } from './load.js'
export { load_model, save_model } from './model.js'
export { save, save_file } from './save.js'
