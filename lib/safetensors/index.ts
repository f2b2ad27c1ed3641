// torch.safetensors: the functions of Python's safetensors.torch, safe_open of safetensors, and those of huggingface_hub
// for models in several files.

export { SafetensorError } from './error.js'
export { load, load_file, type SafeOpen, type SafeSlice, safe_open } from './load.js'
export { load_model, save_model } from './model.js'
export { save, save_file } from './save.js'
export {
  load_torch_model,
  load_torch_state_dict,
  type StateDictSplit,
  save_torch_model,
  save_torch_state_dict,
  split_torch_state_dict_into_shards,
} from './shards.js'
