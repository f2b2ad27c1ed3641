"""Lists what PyTorch writes in Python, functions, classes and methods, with their parameters, as
scripts/generate/python_signatures.json.

Run with the pinned torch, safetensors 0.8 and tensorboard 2.21: python3 scripts/reference/python_signatures.py; with --check it compares
instead of writing.
"""

import inspect
import json
import math
import pathlib
import re
import sys
import types
import typing

import safetensors.torch
import torch
import torch._inductor.package
import torch.nn.attention.bias
import torch.nn.attention.flex_attention
import torch.nn.utils.prune
import torch.optim.swa_utils
import torch.utils.benchmark
import torch.utils.checkpoint
import torch.utils.data
import torch.utils.tensorboard

F = torch.nn.functional

# Python's own plumbing, and what is reached in other ways.
LEFT_OUT = {
    "nn.functional": {"assert_int_or_pair", "boolean_dispatch", "handle_torch_function", "sigmoid", "tanh"},
}
TORCH = ["cdist", "norm", "stft", "svd_lowrank", "pca_lowrank", "tensordot", "unravel_index", "split"]
MASKED = ["sum", "prod", "amax", "amin", "argmax", "argmin", "mean", "median", "norm", "var", "std", "cumsum", "cumprod",
          "softmax", "log_softmax", "softmin", "normalize", "logsumexp", "logaddexp"]
# What Python's annotations do not say.
TYPES = {
    "output_size": "int[1]?", "kernel_size": "int[1]", "stride": "int[1]?", "padding": "int[1]", "dilation": "int[1]",
    "output_ratio": "float[1]?", "size": "int[1]?", "scale_factor": "float[1]?", "input": "Tensor", "x1": "Tensor",
    "x2": "Tensor", "p": "float", "compute_mode": "str", "mode": "str", "align_corners": "bool?", "dim": "int[1]?",
    "keepdim": "bool", "out": "Tensor?", "dtype": "ScalarType?", "a": "Tensor", "b": "Tensor", "dims": "unknown",
    "M": "int", "alpha": "float", "shape": "int[1]", "split_size_or_sections": "int[1]", "reduction": "Reduction",
}
PLAIN = {
    "Tensor": "Tensor", "int": "int", "float": "float", "bool": "bool", "str": "str", "dtype": "ScalarType",
    "layout": "Layout", "device": "Device", "list[int]": "int[]", "int | float": "float",
}
EXACTLY = {
    ("std", "correction"): "float?", ("var", "correction"): "float?",
    ("norm", "p"): "NormOrder?", ("linear_cross_entropy", "options"): "unknown", ("kl_div", "reduction"): "'none'|'mean'|'batchmean'|'sum'", ("gaussian_nll_loss", "var"): "TensorOrNumber", ("softmax", "dtype"): "ScalarType?",
    ("log_softmax", "dtype"): "ScalarType?", ("softmin", "dtype"): "ScalarType?", ("general_cosine", "a"): "float[]",
    ("triplet_margin_with_distance_loss", "distance_function"): "Distance?", ("ctc_loss", "input_lengths"): "Lengths",
    ("ctc_loss", "target_lengths"): "Lengths", ("adaptive_avg_pool2d", "output_size"): "OptionalSizes",
    ("adaptive_avg_pool3d", "output_size"): "OptionalSizes", ("adaptive_max_pool1d", "output_size"): "OptionalSizes",
    ("adaptive_max_pool2d", "output_size"): "OptionalSizes", ("adaptive_max_pool3d", "output_size"): "OptionalSizes",
    **{(name, parameter): kind for name in ("scaled_mm", "scaled_grouped_mm") for parameter, kind in {
        "scale_a": "Tensor|Tensor[]", "scale_b": "Tensor|Tensor[]", "scale_recipe_a": "int[1]", "scale_recipe_b": "int[1]",
        "swizzle_a": "int[1]?", "swizzle_b": "int[1]?", "contraction_dim": "int[]"}.items()},
    ("fold", "output_size"): "int[1]", ("fold", "stride"): "int[1]", ("unfold", "stride"): "int[1]",
    ("local_response_norm", "size"): "int", ("affine_grid", "size"): "int[]", ("pad", "value"): "float?",
}


def type_of(function, parameter):
    if (function, parameter.name) in EXACTLY:
        return EXACTLY[function, parameter.name]
    annotation = parameter.annotation
    if parameter.name == "dtype":
        return "ScalarType?"
    if "MaskedTensor" in str(annotation):
        return "Tensor"
    if "DimOrDims" in str(annotation) or "tuple[int" in str(annotation):
        return "int[1]?"
    if str(annotation) == "int | float | None":
        return "float?"
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = text.replace("torch.", "")
    optional = text.endswith(" | None")
    base = text.removesuffix(" | None")
    if parameter.name in TYPES and (parameter.name in ("size", "scale_factor", "reduction") or base not in PLAIN):
        return TYPES[parameter.name]
    return PLAIN[base] + ("?" if optional else "")


def default_of(parameter):
    value = parameter.default
    if isinstance(value, (torch.layout, torch.dtype)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def rows(space, owner, names):
    result = []
    for name in names:
        function = getattr(owner, name)
        if not isinstance(function, types.FunctionType) or name in LEFT_OUT.get(space, ()):
            continue
        # max_pool2d and its kin choose between two functions by return_indices.
        chosen = getattr(owner, f"{name}_with_indices", function)
        parameters = [p for p in inspect.signature(chosen).parameters.values() if p.name != "_stacklevel"]
        signature = {"space": space, "name": name, "result": "Tensor", "parameters": []}
        returned = str(inspect.signature(chosen).return_annotation)
        if returned.startswith("tuple") and chosen is function:
            signature["result"] = "Tensor[]" if "..." in returned else f"{returned.count('Tensor')} Tensors"
        for parameter in parameters:
            row = {"name": parameter.name, "type": type_of(name, parameter)}
            if parameter.default is not parameter.empty:
                row["default"] = default_of(parameter)
                if row["default"] is None and not row["type"].endswith("?") and row["type"] not in ("Layout", "unknown"):
                    row["type"] += "?"
            if parameter.kind == parameter.KEYWORD_ONLY:
                row["keyword_only"] = True
            signature["parameters"].append(row)
        result.append(signature)
    return result


# torch.unique and its kin hide their signatures behind a dispatch on their flags; the methods have them.
def unique_rows(name):
    parameters = list(inspect.signature(getattr(torch.Tensor, name)).parameters.values())[1:]
    own = [{"name": "input", "type": "Tensor"}]
    for parameter in parameters:
        own.append({"name": parameter.name, "type": "int?" if parameter.name == "dim" else "bool",
                    "default": parameter.default})
    return {"space": "torch", "name": name, "result": "unknown", "parameters": own}


# --- classes, their methods, and the functions beside them --------------------------------------------------

# Parameters that annotations do not describe, or that take what only JavaScript has: by callable, or by name alone.
NAMED = {
    "device": "Device?", "dtype": "ScalarType?", "size_average": "bool?", "reduce": "bool?", "reduction": "Reduction",
    "generator": "Generator?", "requires_grad": "bool", "create_graph": "bool", "strict": "bool", "vectorize": "bool",
    "check_nan": "bool", "use_buffers": "bool", "memory_format": "MemoryFormat?", "pin_memory": "bool",
    "unsorted_indices": "Tensor?", "sorted_indices": "Tensor?", "loss": "unknown", "hook": "unknown",
}
_CALLED = {"module": "Module", "parameters_and_buffers": "StateDict", "parameter_and_buffer_dicts": "StateDicts",
           "kwargs": "Kwargs?"}
OWN = {
    "nn.functional.linear": {"input": "Tensor", "weight": "Tensor", "bias": "Tensor?"}, "nn.Parameter": {"data": "Tensor?"}, "nn.Buffer": {"data": "Tensor?", "persistent": "bool"},
    "nn.UninitializedParameter": {"shape": "int[]", "device": "Device?", "dtype": "ScalarType?"},
    "nn.Module.cuda": {"device": "Device|int?"}, "nn.Module.add_module": {"module": "Module?"},
    "nn.Module.register_module": {"module": "Module?"}, "nn.Module.set_submodule": {"module": "Module"},
    "nn.Module.register_parameter": {"param": "Parameter?"}, "nn.Module.apply": {"fn": "ModuleFunction"},
    "nn.Module.load_state_dict": {"state_dict": "StateDict"},
    "nn.Module.state_dict": {"destination": "StateDict?", "prefix": "str", "keep_vars": "bool"},
    "nn.Module.named_modules": {"memo": "ModuleSet?"},
    "nn.Module.register_forward_hook": {"hook": "ForwardHook"},
    "nn.Module.register_forward_pre_hook": {"hook": "ForwardPreHook"},
    "nn.Module.register_full_backward_hook": {"hook": "BackwardHook"},
    "nn.Module.register_full_backward_pre_hook": {"hook": "BackwardPreHook"},
    "nn.Module.register_state_dict_pre_hook": {"hook": "StateDictPreHook"},
    "nn.Module.register_state_dict_post_hook": {"hook": "StateDictHook"},
    "nn.Module.register_load_state_dict_pre_hook": {"hook": "LoadPreHook"},
    "nn.Module.register_load_state_dict_post_hook": {"hook": "LoadPostHook"},
    "nn.modules.module.register_module_forward_hook": {"hook": "ForwardHook"},
    "nn.modules.module.register_module_forward_pre_hook": {"hook": "ForwardPreHook"},
    "nn.modules.module.register_module_full_backward_hook": {"hook": "BackwardHook"},
    "nn.modules.module.register_module_full_backward_pre_hook": {"hook": "BackwardPreHook"},
    **{f"nn.modules.module.register_module_{kind}_registration_hook": {"hook": "RegistrationHook"}
       for kind in ("buffer", "module", "parameter")},
    "nn.Sequential.append": {"module": "Module"}, "nn.Sequential.insert": {"module": "Module"},
    "nn.Sequential.extend": {"sequential": "Modules"}, "nn.Sequential.pop": {"key": "int"},
    "nn.ModuleList": {"modules": "Modules?"}, "nn.ModuleList.append": {"module": "Module"},
    "nn.ModuleList.insert": {"module": "Module"}, "nn.ModuleList.extend": {"modules": "Modules"},
    "nn.ModuleList.pop": {"key": "int"}, "nn.ModuleDict": {"modules": "NamedModules?"},
    "nn.ModuleDict.update": {"modules": "NamedModules"}, "nn.ParameterList": {"values": "Values?"},
    "nn.ParameterDict": {"parameters": "NamedValues?"},
    "nn.ParameterList.append": {"value": "unknown"}, "nn.ParameterList.extend": {"values": "Values"},
    "nn.RNN": {"nonlinearity": "'tanh'|'relu'", "batch_first": "bool"},
    "nn.RNNBase": {"mode": "'RNN_TANH'|'RNN_RELU'|'LSTM'|'GRU'"},
    "nn.Conv": {"padding": "int[1]|str"},
    "nn.KLDivLoss": {"reduction": "'none'|'mean'|'batchmean'|'sum'"},
    "nn.TripletMarginWithDistanceLoss": {"distance_function": "Distance?"},
    "nn.LinearCrossEntropyLoss": {"options": "LinearCrossEntropyOptions?"},
    "nn.MultiheadAttention": {"embed_dim": "int", "num_heads": "int", "kdim": "int?", "vdim": "int?"},
    "nn.Transformer": {"activation": "Activation|'relu'|'gelu'", "custom_encoder": "Module?", "custom_decoder": "Module?"},
    "nn.TransformerEncoderLayer": {"activation": "Activation|'relu'|'gelu'"},
    "nn.TransformerDecoderLayer": {"activation": "Activation|'relu'|'gelu'"},
    "nn.TransformerEncoder": {"encoder_layer": "Module"}, "nn.TransformerDecoder": {"decoder_layer": "Module"},
    "nn.AdaptiveAvgPool2d": {"output_size": "OptionalSizes"}, "nn.AdaptiveAvgPool3d": {"output_size": "OptionalSizes"},
    "nn.AdaptiveMaxPool1d": {"output_size": "OptionalSizes"}, "nn.AdaptiveMaxPool2d": {"output_size": "OptionalSizes"},
    "nn.AdaptiveMaxPool3d": {"output_size": "OptionalSizes"}, "nn.FractionalMaxPool2d": {"_random_samples": "Tensor?"},
    "nn.FractionalMaxPool3d": {"_random_samples": "Tensor?"}, "nn.GELU": {"approximate": "'none'|'tanh'"},
    "nn.utils.rnn.PackedSequence": {"data": "Tensor", "batch_sizes": "Tensor?"},
    "nn.utils.rnn.pad_packed_sequence": {"sequence": "PackedSequence"},
    "nn.utils.rnn.unpack_sequence": {"packed_sequences": "PackedSequence"},
    "nn.utils.rnn.pack_padded_sequence": {"lengths": "Lengths"},
    "nn.utils.rnn.unpad_sequence": {"lengths": "Lengths"},
    "optim.Adam": {"betas": "TensorOrNumber(2)"}, "optim.AdamW": {"betas": "TensorOrNumber(2)"},
    "optim.Adafactor": {"eps": "NumberOrNone(2)"}, "optim.Muon": {"lr": "float|Tensor"},
    "nn.utils.rnn.pad_sequence": {"sequences": "Parameters", "padding_side": "'left'|'right'"},
    "nn.utils.rnn.pack_sequence": {"sequences": "Parameters"},
    "optim.LBFGS.step": {"closure": "Closure"},
    "nn.utils.parameters_to_vector": {"parameters": "Values"}, "nn.utils.vector_to_parameters": {"parameters": "Values"},
    "nn.utils.convert_conv2d_weight_memory_format": {"module": "Module"},
    "nn.utils.convert_conv3d_weight_memory_format": {"module": "Module"},
    "nn.utils.fuse_conv_bn_eval": {"conv": "Module", "bn": "Module"},
    "nn.utils.fuse_linear_bn_eval": {"linear": "Module", "bn": "Module"},
    "nn.utils.spectral_norm": {"module": "Module"}, "nn.utils.remove_spectral_norm": {"module": "Module"},
    "nn.utils.weight_norm": {"module": "Module", "dim": "int?"}, "nn.utils.remove_weight_norm": {"module": "Module"},
    "nn.utils.parametrizations.weight_norm": {"dim": "int?"},
    "nn.utils.parametrize.ParametrizationList": {"modules": "Modules"},
    "nn.utils.prune": {"module": "Module", "name": "str", "amount": "float", "dim": "int", "mask": "Tensor",
                       "importance_scores": "Tensor?", "n": "NormOrder", "t": "Tensor", "default_mask": "Tensor?",
                       "method": "PruningMethod"},
    "nn.utils.stateless.functional_call": _CALLED, "func.functional_call": _CALLED,
    "func.stack_module_state": {"models": "Modules"},
    "nn.attention.flex_attention": {
        "mod_fn": "TensorFunction", "mask_mod": "TensorFunction", "score_mod": "TensorFunction?", "block_mask": "unknown",
        "BLOCK_SIZE": "int[1]", "kernel_options": "Kwargs?", "return_aux": "Kwargs?", "device": "Device?",
        "grid_size": "int[1]", "enable_gqa": "bool", "return_lse": "bool", "flatten": "bool",
    },
    "nn.attention.flex_attention.BlockMask": {"seq_lengths": "int[]", "BLOCK_SIZE": "int[1]", "mask_mod": "TensorFunction?"},
    "nn.attention.flex_attention.BlockMask.from_kv_blocks": {"mask_mod": "TensorFunction?", "seq_lengths": "int[]?"},
    "nn.attention.sdpa_kernel": {"backends": "int[1]"},
    "nn.attention.register_flash_attention_impl": {"impl": "str", "register_fn": "TensorFunction"},
    "nn.attention.activate_flash_attention_impl": {"impl": "str"},
    "nn.attention.bias.CausalBias": {"variant": "unknown"},
    "optim.Optimizer": {"defaults": "Settings"}, "optim.Optimizer.add_param_group": {"param_group": "ParamGroup"},
    "optim.Optimizer.step": {"closure": "Closure?"}, "optim.Optimizer.load_state_dict": {"state_dict": "OptimizerState"},
    "optim.lr_scheduler.LRScheduler.load_state_dict": {"state_dict": "Settings"},
    "optim.lr_scheduler.LRScheduler.step": {"epoch": "float?"},
    "optim.lr_scheduler.LambdaLR": {"lr_lambda": "Lambdas"}, "optim.lr_scheduler.MultiplicativeLR": {"lr_lambda": "Lambdas"},
    "optim.lr_scheduler.MultiStepLR": {"milestones": "Ints"}, "optim.lr_scheduler.CosineAnnealingLR": {"T_max": "float"},
    "optim.lr_scheduler.CosineAnnealingWarmRestarts": {"T_0": "float", "T_mult": "float"},
    "optim.lr_scheduler.CosineAnnealingWarmRestarts.step": {"epoch": "float?"},
    "optim.lr_scheduler.CyclicLR": {
        "base_lr": "Rates", "max_lr": "Rates", "step_size_up": "float", "step_size_down": "float?",
        "scale_fn": "Lambda?", "base_momentum": "float[1]", "max_momentum": "float[1]"},
    "optim.lr_scheduler.CyclicLR.scale_fn": {"x": "float"},
    "optim.lr_scheduler.OneCycleLR": {
        "max_lr": "Rates", "total_steps": "float?", "epochs": "float?", "steps_per_epoch": "float?"},
    "optim.lr_scheduler.ReduceLROnPlateau.step": {"metrics": "float|Tensor", "epoch": "float?"},
    "optim.lr_scheduler.SequentialLR": {"schedulers": "LRScheduler[]", "milestones": "int[]"},
    "optim.lr_scheduler.SequentialLR.recursive_undo": {"sched": "LRScheduler?"},
    "optim.swa_utils.SWALR": {"swa_lr": "Rates", "anneal_epochs": "float", "anneal_strategy": "'cos'|'linear'"},
    "optim.swa_utils.AveragedModel": {"model": "Module", "device": "Device?", "avg_fn": "AverageFunction?",
                                      "multi_avg_fn": "MultiAverageFunction?", "use_buffers": "bool"},
    "optim.swa_utils.AveragedModel.update_parameters": {"model": "Module"},
    "optim.swa_utils.update_bn": {"loader": "Loader", "model": "Module", "device": "Device?"},
    "autograd.backward": {"tensors": "Tensor|Tensor[]", "grad_tensors": "Gradients?", "inputs": "Tensor|Tensor[]?"},
    "autograd.grad": {"outputs": "Tensor|Tensor[]", "inputs": "Tensor|Tensor[]", "grad_outputs": "Gradients?"},
    "autograd.gradcheck": {"func": "TensorFunction", "inputs": "Tensor|Tensor[]"},
    "autograd.gradgradcheck": {"func": "TensorFunction", "inputs": "Tensor|Tensor[]", "grad_outputs": "Gradients?"},
    "Tensor.backward": {"gradient": "Tensor?", "retain_graph": "bool?", "inputs": "Tensor|Tensor[]?"},
    "Tensor.register_hook": {"hook": "Hook"}, "Tensor.register_post_accumulate_grad_hook": {"hook": "LeafHook"},
    "Tensor.requires_grad_": {"requires_grad": "bool"},
    "Tensor.new_tensor": {"data": "NestedArray", "dtype": "ScalarType?"},
    "nonzero": {"input": "Tensor", "out": "Tensor?", "as_tuple": "bool"}, "Tensor.nonzero": {"as_tuple": "bool"},
    "lu": {"A": "Tensor", "pivot": "bool", "get_infos": "bool", "out": "Tensor[]?"}, "Tensor.size": {"dim": "int?"},
    "Tensor.stride": {"dim": "int?"}, "Tensor.cuda": {"device": "Device|int?", "non_blocking": "bool"},
    "Tensor.type": {"dtype": "ScalarType|str?", "non_blocking": "bool"}, "Tensor.polygamma": {"n": "int"},
    "Tensor.map_": {"tensor": "Tensor", "callable": "ElementFunction"}, "Tensor.apply_": {"callable": "ElementFunction"},
    "Tensor.where": {"condition": "Tensor", "other": "Tensor|Scalar"},
    "full": {"size": "int[]", "fill_value": "Scalar", "out": "Tensor?", "layout": "Layout?", "pin_memory": "bool"},
    "where": {"condition": "Tensor", "input": "Tensor|Scalar?", "other": "Tensor|Scalar?", "out": "Tensor?"},
    "finfo": {"type": "ScalarType?"}, "iinfo": {"type": "ScalarType"}, "is_tensor": {"obj": "unknown"},
    "Generator.manual_seed": {"seed": "Seed"}, "Generator.set_state": {"state": "Tensor"}, "set_num_threads": {"int": "int"},
    "sparse.addmm": {"mat": "Tensor", "mat1": "Tensor", "mat2": "Tensor", "beta": "Scalar", "alpha": "Scalar"},
    "sparse.mm": {"mat1": "Tensor", "mat2": "Tensor", "reduce": "str?"},
    "sparse.sampled_addmm": {"input": "Tensor", "mat1": "Tensor", "mat2": "Tensor", "beta": "Scalar", "alpha": "Scalar",
                             "out": "Tensor?"},
    "sparse.sum": {"input": "Tensor", "dim": "int[1]?"}, "sparse.softmax": {"input": "Tensor", "dim": "int"},
    "sparse.log_softmax": {"input": "Tensor", "dim": "int"},
    "sparse.spdiags": {"diagonals": "Tensor", "offsets": "Tensor", "shape": "int[]", "layout": "Layout?"},
    "tensor": {"data": "NestedArray"}, "as_tensor": {"data": "NestedArray"}, "asarray": {"obj": "NestedArray", "copy": "bool?"},
    "Generator": {"device": "Device"}, "manual_seed": {"seed": "Seed"}, "set_rng_state": {"new_state": "Tensor"},
    "set_default_dtype": {"d": "ScalarType"}, "use_deterministic_algorithms": {"mode": "bool", "warn_only": "bool"},
    "set_deterministic_debug_mode": {"debug_mode": "int|'default'|'warn'|'error'"},
    "set_float32_matmul_precision": {"precision": "'highest'|'high'|'medium'"},
    "set_printoptions": {"precision": "int?", "threshold": "float?", "edgeitems": "int?", "linewidth": "float?",
                         "profile": "'default'|'short'|'full'?", "sci_mode": "bool?"},
    "autocast": {"device_type": "'cpu'|'cuda'", "dtype": "ScalarType?"},
    "amp.GradScaler": {"device": "'cuda'|'cpu'"}, "amp.GradScaler.step": {"optimizer": "unknown"},
    "amp.GradScaler.unscale_": {"optimizer": "unknown"}, "amp.GradScaler.load_state_dict": {"state_dict": "Settings"},
    "testing.assert_close": {"actual": "unknown", "expected": "unknown", "msg": "Message?"},
    "utils.checkpoint.checkpoint_sequential": {"functions": "unknown", "segments": "int", "input": "unknown",
                                               "use_reentrant": "bool?"},
    "utils.benchmark": {"t": "float", "u": "str", "x": "float", "n": "int", "elements": "Entries[]"},
    "utils.benchmark.Timer": {"stmt": "Statement", "setup": "Statement", "timer": "Clock?", "globals": "unknown",
                              "language": "unknown", "callback": "TimeCallback?", "min_run_time": "float"},
    "utils.benchmark.TaskSpec": {},
    "utils.benchmark.Measurement": {"raw_times": "float[]", "task_spec": "TaskSpec", "metadata": "unknown"},
    "utils.benchmark.Compare": {"results": "Measurement[]"},
    "utils.summary": {
        "model": "Module", "input_size": "Sizes?", "input_data": "Inputs?", "batch_dim": "int?", "col_names": "Columns?",
        "dtypes": "DTypes?", "device": "Device?", "mode": "'train'|'eval'", "row_settings": "RowSettings?",
        "verbose": "int"},
    "utils.tensorboard.SummaryWriter": {
        "log_dir": "str?", "purge_step": "Seed?", "global_step": "Seed?", "walltime": "float?", "tag": "str",
        "main_tag": "str", "scalar_value": "Tensor|Scalar", "tag_scalar_dict": "NamedValues", "tensor": "Tensor",
        "values": "Numbers", "bins": "str|int|Numbers", "max_bins": "int?", "min": "float", "max": "float",
        "num": "float", "sum": "float", "sum_squares": "float", "bucket_limits": "Numbers", "bucket_counts": "Numbers",
        "img_tensor": "Tensor", "box_tensor": "Tensor", "labels": "unknown", "figure": "Figure|Figure[]",
        "vid_tensor": "Tensor", "fps": "float", "flush_secs": "float", "rescale": "float", "snd_tensor": "Numbers", "text_string": "str", "mat": "Tensor",
        "label_img": "Tensor?", "predictions": "Numbers", "weights": "Numbers|float?", "tags": "str[]",
        "layout": "NamedValues", "vertices": "Tensor", "colors": "Tensor?", "faces": "Tensor?",
        "config_dict": "Entries?", "hparam_dict": "NamedValues", "metric_dict": "NamedValues",
        "hparam_domain_discrete": "Entries?", "run_name": "str?", "true_positive_counts": "Numbers",
        "false_positive_counts": "Numbers", "true_negative_counts": "Numbers", "false_negative_counts": "Numbers",
        "precision": "Numbers", "recall": "Numbers"},
    "utils.tensorboard.FileWriter": {"log_dir": "str", "flush_secs": "float", "event": "Settings", "summary": "Settings", "step": "Seed?",
                                     "global_step": "Seed?", "walltime": "float?"},
    **{f"utils.tensorboard.SummaryWriter.{name}": {"labels": "Numbers"} for name in ("add_pr_curve", "add_pr_curve_raw")},
    "utils.data.DataLoader": {"dataset": "Dataset", "sampler": "Indices?", "batch_sampler": "Indices?", "collate_fn": "Collate?",
                              "worker_init_fn": "WorkerInit?", "multiprocessing_context": "unknown"},
    "utils.data.SequentialSampler": {"data_source": "Sized"},
    "utils.data.RandomSampler": {"data_source": "Sized"},
    "utils.data.SubsetRandomSampler": {"indices": "Positions"},
    "utils.data.WeightedRandomSampler": {"weights": "Weights"},
    "utils.data.BatchSampler": {"sampler": "Indices"},
    "utils.data.DistributedSampler": {"dataset": "Sized"},
    "utils.data.ConcatDataset": {"datasets": "Datasets"}, "utils.data.ChainDataset": {"datasets": "Datasets"},
    "utils.data.Subset": {"dataset": "Dataset", "indices": "Positions"},
    "utils.data.random_split": {"dataset": "Dataset", "lengths": "float[]", "generator": "Generator?"},
    "utils.data.default_collate": {"batch": "Samples"}, "utils.data.default_convert": {"data": "Value"},
    "cuda.Event": {"enable_timing": "bool", "blocking": "bool", "interprocess": "bool"},
    "jit": {"f": "unknown", "map_location": "Device?", "_extra_files": "ExtraFiles?", "m": "Module", "mod": "Module",
            "strategy": "FusionStrategy"},
    "jit.save": {"_extra_files": "ExtraFiles?"},
    "_inductor": {"path": "str"}, "_inductor.package": {"path": "str"},
    "safetensors": {"tensors": "StateDict", "metadata": "Metadata?", "filename": "str", "model": "Module",
                    "data": "Bytes", "device": "Device", "backend": "'mmap'|'pread'", "framework": "'pt'|'torch'|'pytorch'",
                    "state_dict": "StateDict", "save_directory": "str", "checkpoint_path": "str", "strict": "bool",
                    "filename_pattern": "str?", "max_shard_size": "int|str", "shared_tensors_to_discard": "str[]?"},
    "safetensors.split_torch_state_dict_into_shards": {"filename_pattern": "str"},
    "serialization.save": {"obj": "Savable", "f": "Path?"},
    "serialization.load": {"f": "Path|Bytes", "map_location": "MapLocation?", "pickle_module": "unknown",
                           "weights_only": "bool?", "mmap": "bool?"},
    "serialization": {"compute_crc32": "bool", "endianness": "int?", "priority": "float", "tagger": "Tagger",
                      "deserializer": "Deserializer", "storage": "Tensor", "location": "str",
                      "safe_globals": "SafeGlobal[]", "f": "Path|Bytes"},
}
for _name in ("1d", "2d", "3d"):
    OWN |= {f"nn.{_kind}{_name}": {"momentum": "float?"} for _kind in ("InstanceNorm", "LazyInstanceNorm", "LazyBatchNorm")}
    OWN[f"nn.LazyConv{_name}"] = {"padding": f"int[{_name[0]}]|str"}
    OWN[f"nn.LazyConvTranspose{_name}"] = {"dilation": f"int[{_name[0]}]"}
    OWN[f"nn.ConvTranspose{_name}.forward"] = {"output_size": "int[]?"}
OWN |= {
    "nn.Embedding.from_pretrained": {"embeddings": "Tensor", "padding_idx": "int?", "max_norm": "float?"},
    "nn.RNNCell": {"nonlinearity": "'tanh'|'relu'"}, "nn.EmbeddingBag": {"mode": "'sum'|'mean'|'max'"},
    "nn.EmbeddingBag.from_pretrained": {"mode": "'sum'|'mean'|'max'"},
    "nn.SyncBatchNorm.convert_sync_batchnorm": {"module": "Module"}, "nn.LSTMCell.forward": {"hx": "Tensor(2)?"},
}
for _name in ("jacobian", "hessian", "hvp", "vhp", "vjp", "jvp"):
    OWN[f"autograd.functional.{_name}"] = {"func": "TensorFunction", "inputs": "Tensor|Tensor[]", "v": "Tensor|Tensor[]?",
                                           "strategy": "str", "outer_jacobian_strategy": "str"}
SHARDS = ("*, filename_pattern=None, force_contiguous=True, max_shard_size='5GB', metadata=None, is_main_process=True, "
          "shared_tensors_to_discard=None")
# Defaults that are objects of Python's, as they are written here.
DEFAULTS = {("Transformer", "activation"): "relu", ("TransformerEncoderLayer", "activation"): "relu",
            ("TransformerDecoderLayer", "activation"): "relu", ("random_split", "generator"): None, ("Timer", "language"): None}
# What stands in C, by the first line of its documentation.
IN_C = {
    "Tensor.requires_grad_": "requires_grad=True", "Generator": "device='cpu'", "as_tensor": "data, *, dtype=None, device=None",
    "asarray": "obj, *, dtype=None, device=None, copy=None, requires_grad=False",
    "nonzero": "input, *, out=None, as_tuple=False", "Tensor.nonzero": "*, as_tuple=False",
    "lu": "A, pivot=True, get_infos=False, out=None", "Tensor.size": "dim=None", "Tensor.stride": "dim=None",
    "Tensor.cuda": "device=None, non_blocking=False, memory_format=None", "Tensor.cpu": "memory_format=None",
    "Tensor.type": "dtype=None, non_blocking=False", "Tensor.polygamma": "n", "Tensor.map_": "tensor, callable",
    "Tensor.apply_": "callable", "Tensor.where": "condition, other",
    "full": "size, fill_value, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False",
    "where": "condition, input=None, other=None, *, out=None", "finfo": "type=None", "iinfo": "type",
    "Generator.manual_seed": "seed", "Generator.set_state": "state", "set_num_threads": "int",
    "sparse.addmm": "mat, mat1, mat2, *, beta=1, alpha=1", "sparse.mm": "mat1, mat2, reduce=None",
    "sparse.sampled_addmm": "input, mat1, mat2, *, beta=1, alpha=1, out=None", "sparse.sum": "input, dim=None, dtype=None",
    "sparse.softmax": "input, dim, *, dtype=None", "sparse.log_softmax": "input, dim, *, dtype=None",
    "sparse.spdiags": "diagonals, offsets, shape, layout=None", "is_tensor": "obj",
    "Tensor.new_tensor": "data, *, dtype=None, device=None, requires_grad=False",
}
# Python's own plumbing and what is deprecated there.
NOT_WALKED = {
    "nn.Container", "nn.DataParallel", "nn.factory_kwargs", "nn.Module.compile", "nn.Module.forward",
    "nn.Module.to", "nn.Module.ipu", "nn.Module.xpu", "nn.Module.mtia", "nn.Module.register_backward_hook",
    "nn.Module.share_memory", "nn.Module.extra_repr", "nn.ParameterList.extra_repr", "nn.ParameterDict.extra_repr",
    "optim.Optimizer.profile_hook_step", "optim.swap_in_optimizer_params_and_state", "nn.Sequential.forward",
    "nn.utils.clip_grad_norm", "nn.utils.skip_init", "nn.utils.parametrize.cached",
    "nn.utils.prune.global_unstructured", "nn.attention.restore_flash_attention_impl",
    "nn.attention.flex_attention.noop_mask",
    "nn.utils.parametrize.ParametrizationList.forward", "Tensor.eig", "Tensor.lstsq", "Tensor.solve", "Tensor.symeig",
    "Tensor.storage", "Tensor.storage_type", "Tensor.reinforce", "Tensor.resize", "Tensor.resize_as", "Tensor.index",
    "Tensor.share_memory_", "Tensor.is_shared", "Tensor.module_load", "Tensor.dim_order", "Tensor.istft", "Tensor.unflatten",
}


def members(text):
    """The members of a union, None apart."""
    text = text.strip()
    for wrapper in ("Optional", "Union"):
        if text.startswith(f"{wrapper}[") and text.endswith("]"):
            inner = split(text[len(wrapper) + 1:-1], ",")
            return [part for item in inner for part in members(item)] + (["None"] if wrapper == "Optional" else [])
    parts = split(text, "|")
    if len(parts) > 1:
        return [part for item in parts for part in members(item)]
    return ["None" if text == "NoneType" else text]


def split(text, separator):
    parts, depth, start = [], 0, 0
    for i, letter in enumerate(text):
        depth += letter in "[("
        depth -= letter in "])"
        if letter == separator and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


MEMBER = {
    "int": "int", "float": "float", "bool": "bool", "str": "str", "Tensor": "Tensor", "dtype": "ScalarType",
    "device": "Device", "Generator": "Generator", "memory_format": "MemoryFormat", "Module": "Module",
    "Optimizer": "Optimizer", "Parameter": "Parameter", "Size": "int[]", "PackedSequence": "PackedSequence",
    "LRScheduler": "LRScheduler",
}


def member(text):
    if text in MEMBER:
        return MEMBER[text]
    if text.startswith("Literal["):
        return "|".join(part.strip() for part in text[len("Literal["):-1].split(","))
    match = re.fullmatch(r"(tuple|list|Sequence|Iterable)\[(.*)\]", text)
    if match is None:
        return "unknown"
    items = split(match[2], ",")
    element = member(members(items[0])[0])
    if "unknown" in element:
        return "unknown"
    if match[1] == "tuple" and items[-1] != "...":
        return f"{element}({len(items)})"
    return f"{element}[]"


def declared(key, owner, parameter):
    """A parameter's type, in the words of the generator."""
    for name in (key, owner):
        if parameter.name in OWN.get(name, {}):
            return OWN[name][parameter.name]
    annotation = parameter.annotation
    if annotation is parameter.empty or parameter.name in ("reduction", "device", "hook"):
        if parameter.name in NAMED:
            return NAMED[parameter.name]
        value = parameter.default
        return {bool: "bool", int: "int", float: "float", str: "str"}.get(type(value), "unknown")
    text = annotation.__name__ if isinstance(annotation, type) and not typing.get_args(annotation) else str(annotation)
    text = re.sub(r"ForwardRef\('(.*?)'\)", r"\1", text).replace("'", "'")
    text = re.sub(r"\b(torch\._C|torch(\.\w+)*|collections\.abc|typing|~)\.", "", text)
    parts = members(text)
    optional = "?" if "None" in parts else ""
    found = list(dict.fromkeys(member(part) for part in parts if part != "None"))
    if "unknown" in found:
        if "dict[str, Any]" in text and "Tensor" in text:
            return "Params"
        if text.startswith("Tensor | Iterable[Tensor]") or text.startswith("Union[Tensor, Iterable[Tensor]]"):
            return "Parameters"
        return "unknown"
    if found[:2] == ["Tensor", "Tensor[]"] and "Iterable" in text:
        return "Parameters"
    if set(found) == {"int", "float"} or set(found) == {"float[]", "float"}:
        return f"float{'[1]' if 'float[]' in found else ''}{optional}"
    if found[:2] == ["str", "int"]:
        return f"int[{found[2][4]}]|str"
    sizes = re.fullmatch(r"(int|float)(?:\[\]|\((\d)\))", found[-1])
    if len(found) == 2 and sizes and found[0] == sizes[1]:
        return f"{sizes[1]}[{sizes[2] or 1}]{optional}"
    if found[0] == "int" and set(found[1:]) <= {"int[]"}:
        return f"int[1]{optional}" if len(found) > 1 else f"int{optional}"
    if "Device" in found:
        return f"Device{optional}"
    return "|".join(dict.fromkeys(found)) + optional


def parameters_of(function):
    """Those of the first overload where the function itself takes *args."""
    own = list(inspect.signature(function).parameters.values())
    if any(p.kind == p.VAR_POSITIONAL for p in own) and isinstance(function, types.FunctionType):
        overloads = typing.get_overloads(function)
        if overloads:
            own = list(inspect.signature(overloads[0]).parameters.values())
    return own


def documented(text):
    """The parameters of a line of documentation, for what is not written in Python."""
    space = {}
    exec(f"from __future__ import annotations\ndef f({text}): pass", {"torch": torch}, space)
    return list(inspect.signature(space["f"]).parameters.values())


def row(space, name, kind, parameters, result="unknown"):
    key = name if space == "torch" else f"{space}.{name}"
    owner = key if kind == "class" else space
    shown = {"space": space, "name": name, "kind": kind, "result": result, "parameters": []}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            shown["variadic"] = True
            continue
        entry = {"name": parameter.name, "type": declared(key, owner, parameter)}
        if parameter.default is not parameter.empty:
            value = DEFAULTS[name, parameter.name] if (name, parameter.name) in DEFAULTS else default_of(parameter)
            value = list(value) if isinstance(value, tuple) else value
            entry["default"] = None if callable(value) else value
            if isinstance(value, float) and value.is_integer():
                entry["float"] = True
            if entry["default"] is None and not entry["type"].endswith("?") and entry["type"] != "unknown":
                entry["type"] += "?"
        if parameter.kind == parameter.KEYWORD_ONLY or shown.get("variadic"):
            entry["keyword_only"] = True
        shown["parameters"].append(entry)
    return shown


def wanted(space, name):
    return not name.startswith("_") and (f"{space}.{name}" if space != "torch" else name) not in NOT_WALKED


def classes(space, owner, names):
    rows = []
    for name in sorted(names):
        chosen = getattr(owner, name)
        if not isinstance(chosen, type) or not wanted(space, name):
            continue
        maker = chosen.__init__
        # Classes without a constructor of their own take nothing; tensors' kin are made by __new__.
        plain = isinstance(maker, types.FunctionType) and all(p.kind != p.VAR_POSITIONAL for p in parameters_of(maker))
        if isinstance(chosen.__new__, types.FunctionType) and not plain:
            maker = chosen.__new__
        if not isinstance(maker, types.FunctionType) or maker is torch.nn.Module.__init__:
            rows.append(row(space, name, "class", []))
            continue
        rows.append(row(space, name, "class", parameters_of(maker)[1:]))
    return rows


def methods(space, owner, without=()):
    rows = []
    for name, function in sorted(vars(owner).items()):
        if isinstance(function, types.FunctionType) and wanted(space, name) and name not in without:
            rows.append(row(space, name, "method", list(inspect.signature(function).parameters.values())[1:]))
    return rows


def class_methods(space, owner, *names):
    parameters = lambda name: list(inspect.signature(vars(owner)[name].__func__).parameters.values())
    return [row(space, name, "method", parameters(name)[1:]) for name in names]


def forward(space, owner):
    return row(space, "forward", "method", list(inspect.signature(owner.forward).parameters.values())[1:])


def functions(space, owner, names):
    return [row(space, name, "function", list(inspect.signature(getattr(owner, name)).parameters.values()))
            for name in sorted(names) if wanted(space, name)]


def from_documentation(space, owner, names):
    """What stands in C: its parameters are in its documentation's first line."""
    rows = []
    for name in names:
        key = name if space == "torch" else f"{space}.{name}"
        text = IN_C.get(key)
        if text is None:
            text = re.search(rf"{name}\((.*)\)(?: ->|\n|$)", getattr(owner, name).__doc__)[1]
        kind = "class" if isinstance(getattr(owner, name), type) else "method" if isinstance(owner, type) else "function"
        rows.append(row(space, name, kind, documented(text)))
    return rows


# The forms of to(), of Tensor and of Module, as the parser in C has them.
CONVERSIONS = {
    "to.device": "device=None, dtype=None, non_blocking=False, copy=False, *, memory_format=None",
    "to.dtype": "dtype, non_blocking=False, copy=False, *, memory_format=None",
    "to.tensor": "tensor, non_blocking=False, copy=False, *, memory_format=None",
}
OWN["Tensor.to.dtype"] = {"dtype": "ScalarType"}
OWN["Tensor.to.tensor"] = {"tensor": "Tensor"}

# The functions of torch.cuda that are here.
CUDA = set("""set_device get_device_properties get_device_name get_device_capability can_device_access_peer synchronize
    memory_allocated max_memory_allocated memory_reserved max_memory_reserved reset_peak_memory_stats memory_stats
    memory_summary set_per_process_memory_fraction get_rng_state set_rng_state manual_seed manual_seed_all initial_seed
    current_stream default_stream set_stream mem_get_info get_per_process_memory_fraction
    reset_accumulated_memory_stats set_rng_state_all""".split())

for _name in CUDA:
    OWN[f"cuda.{_name}"] = {"device": "Device|int?", "peer_device": "Device|int?", "seed": "Seed", "fraction": "float",
                            "stream": "Stream", "new_states": "Values"}
_MODE = "'global'|'thread_local'|'relaxed'"
OWN |= {
    "cuda.Stream": {"device": "Device|int?", "priority": "int"},
    "cuda.Stream.wait_event": {"event": "Event"}, "cuda.Stream.wait_stream": {"stream": "Stream"},
    "cuda.Stream.record_event": {"event": "Event?"}, "cuda.Event.record": {"stream": "Stream?"},
    "cuda.Event.wait": {"stream": "Stream?"}, "cuda.Event.elapsed_time": {"end_event": "Event"},
    "cuda.CUDAGraph.capture_begin": {"pool": "Pool?", "capture_error_mode": _MODE},
    "cuda.graph": {"cuda_graph": "CUDAGraph", "pool": "Pool?", "stream": "Stream?", "capture_error_mode": _MODE},
    "cuda.make_graphed_callables": {"callables": "unknown", "sample_args": "unknown", "pool": "Pool?"}, "cuda.device": {"device": "Device|int?"},
    "cuda.stream": {"stream": "Stream?"},
}

# The classes of torch.utils.data that take more than a row of datasets or tensors.
DATA = ["DataLoader", "SequentialSampler", "RandomSampler", "SubsetRandomSampler", "WeightedRandomSampler", "BatchSampler",
        "DistributedSampler", "ConcatDataset", "ChainDataset", "Subset"]

nn, optim, autograd = torch.nn, torch.optim, torch.autograd
# Methods of schedulers that take what LRScheduler's take.
INHERITED = ("state_dict", "load_state_dict", "get_lr")
benchmark = torch.utils.benchmark
parametrize, prune, flex = nn.utils.parametrize, nn.utils.prune, nn.attention.flex_attention
public_of = lambda module: [name for name in getattr(module, "__all__", dir(module)) if not name.startswith("_")]
own_functions = lambda module: [name for name in public_of(module)
                                if isinstance(getattr(module, name), types.FunctionType)
                                and getattr(module, name).__module__.startswith(module.__name__)]


def pruning_methods():
    """The classes of pruning methods, and the class methods that apply each to a module."""
    rows = []
    for name in sorted(vars(prune)):
        method = getattr(prune, name)
        if not (isinstance(method, type) and issubclass(method, prune.BasePruningMethod)):
            continue
        key = f"nn.utils.prune.{name}"
        OWN[key] = OWN["nn.utils.prune"]
        if isinstance(vars(method).get("__init__"), types.FunctionType):
            rows.append(row("nn.utils.prune", name, "class", list(inspect.signature(method).parameters.values())))
        if "apply" in vars(method) and method is not prune.BasePruningMethod:
            rows.append(row(key, "apply", "method", list(inspect.signature(method.apply).parameters.values())))
        rows += methods(key, method)
    return rows


named = [
    row("nn.functional", "linear", "function", documented("input, weight, bias=None"), "Tensor"),
    *classes("nn", nn, [name for name in dir(nn) if isinstance(getattr(nn, name), type) and getattr(nn, name).__module__.startswith("torch.nn")]),
    *methods("nn.Module", nn.Module),
    row("nn.UninitializedParameter", "materialize", "method",
        list(inspect.signature(nn.UninitializedParameter.materialize).parameters.values())[1:]),
    *functions("nn.modules.module", nn.modules.module,
               [f"register_module_{name}_hook" for name in ("forward_pre", "forward", "full_backward_pre", "full_backward",
                "buffer_registration", "module_registration", "parameter_registration")]),
    *methods("nn.Sequential", nn.Sequential), *methods("nn.ModuleList", nn.ModuleList),
    *methods("nn.ModuleDict", nn.ModuleDict), *methods("nn.ParameterList", nn.ParameterList),
    *methods("nn.ParameterDict", nn.ParameterDict),
    *class_methods("nn.Embedding", nn.Embedding, "from_pretrained"),
    *class_methods("nn.EmbeddingBag", nn.EmbeddingBag, "from_pretrained"),
    *class_methods("nn.SyncBatchNorm", nn.SyncBatchNorm, "convert_sync_batchnorm"),
    *(forward(f"nn.{name}", getattr(nn, name)) for name in [
        "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "EmbeddingBag", "RNNCell", "LSTMCell", "GRUCell",
        "MultiheadAttention", "Transformer", "TransformerEncoder", "TransformerDecoder", "TransformerEncoderLayer",
        "TransformerDecoderLayer"]),
    *methods("nn.MultiheadAttention", nn.MultiheadAttention, without=["forward"]),
    row("nn.Transformer", "generate_square_subsequent_mask", "method",
        list(inspect.signature(nn.Transformer.generate_square_subsequent_mask).parameters.values())),
    *functions("nn.init", nn.init, [name for name in own_functions(nn.init) if name.endswith("_") or name == "calculate_gain"]),
    *functions("nn.utils", nn.utils, own_functions(nn.utils)),
    *functions("nn.utils.parametrize", parametrize, own_functions(parametrize)),
    *classes("nn.utils.parametrize", parametrize, ["ParametrizationList"]),
    *methods("nn.utils.parametrize.ParametrizationList", parametrize.ParametrizationList),
    *functions("nn.utils.parametrizations", nn.utils.parametrizations, own_functions(nn.utils.parametrizations)),
    *functions("nn.utils.prune", prune, own_functions(prune)),
    *pruning_methods(),
    *functions("nn.utils.stateless", nn.utils.stateless, own_functions(nn.utils.stateless)),
    *functions("func", torch.func, ["functional_call", "stack_module_state"]),
    *functions("nn.attention", nn.attention, own_functions(nn.attention)),
    *functions("nn.attention.flex_attention", flex, [name for name in flex.__all__ if name[0].islower() and not name.endswith("masks")]),
    *classes("nn.attention.flex_attention", flex, ["AuxOutput", "AuxRequest", "BlockMask"]),
    *methods("nn.attention.flex_attention.BlockMask", flex.BlockMask),
    row("nn.attention.flex_attention.BlockMask", "from_kv_blocks", "method",
        list(inspect.signature(flex.BlockMask.from_kv_blocks).parameters.values())),
    *classes("nn.attention.bias", nn.attention.bias, ["CausalBias"]),
    *classes("nn.utils.rnn", nn.utils.rnn, ["PackedSequence"]),
    *functions("nn.utils.rnn", nn.utils.rnn, own_functions(nn.utils.rnn)),
    *classes("optim", optim, [name for name in dir(optim) if isinstance(getattr(optim, name), type)]),
    *methods("optim.Optimizer", optim.Optimizer),
    *classes("optim.lr_scheduler", optim.lr_scheduler, [name for name in public_of(optim.lr_scheduler) if name not in ("Optimizer", "Tensor")]),
    *methods("optim.lr_scheduler.LRScheduler", optim.lr_scheduler.LRScheduler),
    *methods("optim.lr_scheduler.ReduceLROnPlateau", optim.lr_scheduler.ReduceLROnPlateau, without=INHERITED),
    *methods("optim.lr_scheduler.SequentialLR", optim.lr_scheduler.SequentialLR, without=INHERITED),
    *methods("optim.lr_scheduler.CosineAnnealingWarmRestarts", optim.lr_scheduler.CosineAnnealingWarmRestarts, without=INHERITED),
    *methods("optim.lr_scheduler.CyclicLR", optim.lr_scheduler.CyclicLR, without=INHERITED),
    *classes("optim.swa_utils", optim.swa_utils, ["AveragedModel", "SWALR"]),
    *methods("optim.swa_utils.AveragedModel", optim.swa_utils.AveragedModel, without=["forward"]),
    *functions("optim.swa_utils", optim.swa_utils, own_functions(optim.swa_utils)),
    *methods("optim.LBFGS", optim.LBFGS),
    *functions("autograd", autograd, ["backward", "grad", "gradcheck", "gradgradcheck"]),
    *classes("autograd", autograd, ["detect_anomaly", "set_detect_anomaly"]),
    *functions("autograd.functional", autograd.functional, own_functions(autograd.functional)),
    *methods("Tensor", torch.Tensor, without=("norm", "split", "stft", "unique", "unique_consecutive")),
    *from_documentation("Tensor", torch.Tensor, ["requires_grad_", "new_tensor"]),
    *(row("Tensor", name, "method", documented(text)) for name, text in CONVERSIONS.items()),
    *from_documentation("Tensor", torch.Tensor, ["nonzero", "size", "stride", "cuda", "cpu", "type", "polygamma", "map_",
                                                  "apply_", "where"]),
    *from_documentation("torch", torch, ["tensor", "as_tensor", "asarray", "full", "where", "nonzero", "lu", "finfo", "iinfo",
                                         "Generator", "set_num_threads"]),
    *from_documentation("Generator", torch.Generator, ["manual_seed", "set_state"]),
    *from_documentation("sparse", torch.sparse, ["addmm", "mm", "sampled_addmm", "sum", "softmax", "log_softmax", "spdiags"]),
    *functions("cuda", torch.cuda, [name for name in own_functions(torch.cuda) if name in CUDA]),
    *classes("cuda", torch.cuda, ["Stream", "Event", "graph", "device"]),
    *functions("cuda", torch.cuda, ["make_graphed_callables", "stream"]),
    *methods("cuda.Stream", torch.cuda.Stream), *methods("cuda.Event", torch.cuda.Event, without=("ipc_handle",)),
    row("cuda.CUDAGraph", "capture_begin", "method", documented("pool=None, capture_error_mode='global', check_input_liveness=False")),
    *functions("cuda", torch.cuda.memory, [name for name in own_functions(torch.cuda.memory) if name in CUDA]),
    *functions("cuda", torch.cuda.random, [name for name in own_functions(torch.cuda.random) if name in CUDA]),
    *functions("torch", torch, ["manual_seed", "set_rng_state", "set_default_device", "set_default_dtype", "use_deterministic_algorithms",
                                "set_deterministic_debug_mode", "set_float32_matmul_precision", "set_printoptions"]),
    *classes("torch", torch, ["autocast"]),
    *classes("amp", torch.amp, ["GradScaler"]), *methods("amp.GradScaler", torch.amp.GradScaler),
    *functions("utils.checkpoint", torch.utils.checkpoint, ["checkpoint", "checkpoint_sequential"]),
    *classes("utils.benchmark", benchmark, ["Compare", "Measurement", "TaskSpec", "Timer"]),
    *(each for name in ("Compare", "TaskSpec", "Timer") for each in methods(f"utils.benchmark.{name}", getattr(benchmark, name))),
    *methods("utils.benchmark.Measurement", benchmark.Measurement),
    *functions("utils.benchmark", benchmark, ["select_unit", "unit_to_english", "trim_sigfig"]),
    # That of torchinfo 1.8.
    row("utils", "summary", "function", documented(
        "model, input_size=None, input_data=None, batch_dim=None, col_names=None, col_width=25, depth=3, device=None, "
        "dtypes=None, mode='eval', row_settings=None, verbose=1")),
    *classes("utils.tensorboard", torch.utils.tensorboard, ["FileWriter", "SummaryWriter"]),
    *methods("utils.tensorboard.FileWriter", torch.utils.tensorboard.FileWriter, without=("add_graph", "add_onnx_graph", "reopen")),
    *methods("utils.tensorboard.SummaryWriter", torch.utils.tensorboard.SummaryWriter),
    *classes("utils.data", torch.utils.data, DATA), *methods("utils.data.DistributedSampler", torch.utils.data.DistributedSampler),
    *functions("utils.data", torch.utils.data, ["random_split", "default_collate", "default_convert"]),
    *functions("testing", torch.testing, ["assert_close"]),
    *functions("jit", torch.jit, ["load", "save", "freeze", "optimize_for_inference", "set_fusion_strategy",
                                  "export_opnames"]),
    *functions("_inductor", torch._inductor, ["aoti_load_package"]),
    *functions("_inductor.package", torch._inductor.package, ["load_package"]),
    *functions("safetensors", safetensors.torch, ["save", "save_file", "save_model", "load", "load_file", "load_model"]),
    # safetensors.safe_open is written in Rust; the framework can only be this one here.
    row("safetensors", "safe_open", "function", documented("filename, framework='pt', device='cpu', *, backend='mmap'")),
    # Those of huggingface_hub; its other way of saving, and what distinguishes that one, is not here.
    row("safetensors", "split_torch_state_dict_into_shards", "function",
        documented("state_dict, *, filename_pattern='model{suffix}.safetensors', max_shard_size='5GB'")),
    row("safetensors", "save_torch_state_dict", "function", documented(f"state_dict, save_directory, {SHARDS}")),
    row("safetensors", "save_torch_model", "function", documented(f"model, save_directory, {SHARDS}")),
    row("safetensors", "load_torch_model", "function",
        documented("model, checkpoint_path, *, strict=False, filename_pattern=None, device='cpu', backend='mmap'")),
    row("safetensors", "load_torch_state_dict", "function",
        documented("checkpoint_path, *, filename_pattern=None, device='cpu', backend='mmap'")),
    # Without a file they give the bytes; there is one format to write, and no module of Python's to do it.
    row("serialization", "save", "function", documented("obj, f=None")),
    row("serialization", "load", "function",
        documented("f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None")),
    *functions("serialization", torch.serialization,
               ["get_crc32_options", "set_crc32_options", "get_default_load_endianness", "set_default_load_endianness",
                "get_default_mmap_options", "register_package", "location_tag", "default_restore_location",
                "validate_cuda_device", "add_safe_globals", "get_safe_globals", "clear_safe_globals",
                "get_unsafe_globals_in_checkpoint"]),
]


public = [name for name in dir(F) if not name.startswith("_")]
signatures = [
    *rows("nn.functional", F, public),
    *rows("torch", torch, TORCH),
    unique_rows("unique"),
    unique_rows("unique_consecutive"),
    *rows("masked", torch.masked, MASKED),
    *rows("signal.windows", torch.signal.windows, torch.signal.windows.__all__),
]
for signature in signatures:
    signature["kind"] = "function"
# torch.cuda gives what its modules have once more.
unique = {(signature["space"], signature["name"]): signature for signature in named}
target = pathlib.Path(__file__).parent.parent / "generate" / "python_signatures.json"
content = {"torch_version": torch.__version__.split("+")[0], "signatures": signatures + [*unique.values()]}
text = json.dumps(content, indent=1, allow_nan=False) + "\n"
if "--check" in sys.argv:
    if target.read_text() != text:
        sys.exit(f"{target} is not what inspect.signature says: run this without --check")
else:
    target.write_text(text)
rows_ = content["signatures"]
print(f"{len(rows_)} callables, {sum(len(row_['parameters']) for row_ in rows_)} parameters")
