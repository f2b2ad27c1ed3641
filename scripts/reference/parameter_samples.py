"""The values that parameters.py calls Python with: rules by name and by type, and what the rules cannot know."""

T = lambda *shape, seed=0: {"tensor": [list(shape), seed]}
I = lambda *shape, below=2: {"ints": [list(shape), below]}
V = lambda *data, dtype="float32": {"values": [list(data), dtype]}
torch_ = lambda name: {"torch": [name]}
f = lambda name: {"function": [name]}

# What is not walked here, by the start of its name, and why not.
LEFT_OUT = {
    "nn.functional.": "covered by PyTorch's operator tests", "masked.": "covered by PyTorch's operator tests",
    "signal.windows.": "covered by PyTorch's operator tests", "cuda.": "needs a GPU", "nn.Module.cuda": "needs a GPU",
    "Tensor.cuda": "needs a GPU", "nn.SyncBatchNorm": "needs a GPU", "nn.Module.to_empty": "gives memory without values",
    "nn.UninitializedParameter": "has no values", "nn.UninitializedParameter.": "has no values",
    "nn.UninitializedBuffer": "has no values", "nn.UninitializedBuffer.": "has no values",
    "nn.LinearCrossEntropyOptions": "settings of a loss", "nn.RNNCellBase": "has no forward",
    "optim.lr_scheduler.LRScheduler": "has no rate of its own",
    "optim.lr_scheduler.LRScheduler.": "has cases of its own, of every scheduler (schedulers.py)",
    **{f"optim.lr_scheduler.{name}": "has cases of its own (schedulers.py)" for name in (
        "ReduceLROnPlateau.step", "SequentialLR.", "CosineAnnealingWarmRestarts.step", "CyclicLR.scale_fn")},
    "optim.swa_utils.": "has cases of its own", "optim.LBFGS.step": "has cases of its own",
    "nn.modules.module.": "has cases of its own", "nn.attention.": "has cases of its own", "func.": "has cases of its own",
    **{f"nn.utils.{name}.": "has cases of its own" for name in ("prune", "parametrize", "parametrizations", "stateless")},
    **{f"nn.utils.{name}": "has cases of its own" for name in (
        "spectral_norm", "remove_spectral_norm", "weight_norm", "remove_weight_norm")},
    **{f"nn.{name}": "has cases of its own (layers.py)" for name in (
        "Embedding.from_pretrained", "EmbeddingBag.from_pretrained", "SyncBatchNorm.convert_sync_batchnorm", "EmbeddingBag.forward",
        "ConvTranspose1d.forward", "ConvTranspose2d.forward", "ConvTranspose3d.forward", "RNNCell.forward", "LSTMCell.forward",
        "GRUCell.forward")},
    **{f"nn.{name}": "has cases of its own (transformer.py)" for name in (
        "MultiheadAttention.forward", "MultiheadAttention.merge_masks", "Transformer.forward",
        "Transformer.generate_square_subsequent_mask", "TransformerEncoder.forward", "TransformerDecoder.forward",
        "TransformerEncoderLayer.forward", "TransformerDecoderLayer.forward")},
    "safetensors.": "has cases of its own (safetensors_files.py)",
    "torch.set_default_device": "has cases of its own (default_device.py)",
    **{f"{space}.": f"has cases of its own ({script}.py)" for space, script in {
        "utils.data": "data_loader", "utils.tensorboard": "tensorboard_events", "utils.benchmark": "benchmark",
        "serialization": "checkpoints", "jit": "torchscript", "export": "torchscript", "_inductor": "aot_inductor"}.items()},
    "utils.summary": "has cases of its own (summary.py)",
}
NAMED = {
    "in_features": 4, "out_features": 3, "in1_features": 4, "in2_features": 3, "in_channels": 4, "out_channels": 6,
    "num_features": 4, "num_channels": 4, "num_groups": 2, "input_size": 4, "hidden_size": 3, "num_embeddings": 5,
    "embedding_dim": 3, "embed_dim": 4, "num_heads": 2, "d_model": 4, "nhead": 2, "n_classes": 6, "num_classes": 3,
    "dim_feedforward": 5, "normalized_shape": [6], "kernel_size": 2, "upscale_factor": 2, "downscale_factor": 2,
    "num_layers": 2, "cutoffs": [2, 4], "num_encoder_layers": 1, "num_decoder_layers": 1, "scale_factor": 2.0,
    "stride": 1, "padding": 1, "dilation": 2, "groups": 2, "reduction": "sum", "padding_mode": "circular",
    "nonlinearity": "relu", "activation": "gelu", "approximate": "tanh", "padding_idx": 1, "max_norm": 1.5, "norm_type": 1.5,
    "momentum": 0.5, "eps": 0.01, "proj_size": 2, "ignore_index": 1, "label_smoothing": 0.25, "divisor_override": 3, "output_size": 2,
    "device": {"device": ["meta"]}, "dtype": torch_("float64"), "layout": torch_("sparse_coo"),
    "memory_format": torch_("channels_last"), "generator": {"generator": [7]}, "prefix": "part", "lr": 0.125,
    "weight_decay": 0.25, "betas": [0.5, 0.75], "rho": 0.5, "lr_decay": 0.25, "alpha": 0.5, "lambd": 0.25, "t0": 1.0,
    "init_scale": 8.0, "padding_value": 9.5, "size": 3, "p": 0.75, "eta_min": 0.01, "max_lr": 0.5, "base_lr": 0.05,
    "gamma": 0.5, "last_epoch": 3, "size_average": False, "reduce": False, "rtol": 0.5, "atol": 1.0, "bn_eps": 0.5,
}

_params = [{"leaf": ["a", [2, 3]]}, {"leaf": ["b", [3], 1]}]
_net = {"net": []}
_fan = T(3, 4)
_ranked = V([3, 1, 0], [1, 2, 1], [0, 1, 1], [2, 0, 4])
_spaced = {"sequences": [T(2, 2), T(3, 2, seed=1)]}
_triple = {"func": f("cubes"), "inputs": T(3)}
_scalar = {"func": f("cubed_sum"), "inputs": T(3)}
_sequential = {"module": ["Sequential", {"module": ["Linear", 2, 2]}, {"module": ["Tanh"]}]}
_linear = {"module": ["Linear", 2, 2]}
_list = {"module": ["ModuleList", [_linear]]}
_dictionary = {"module": ["ModuleDict", {"dict": {"a": _linear}}]}
_parameters = {"module": ["ParameterList", [T(2)]]}
_parameter_dict = {"module": ["ParameterDict", {"dict": {"a": T(2)}}]}
_conv, _bn = {"module": ["Conv2d", 2, 2, 2]}, {"module": ["BatchNorm2d", 2]}
_bn_weights = {"bn_rm": T(2), "bn_rv": {"unit": [[2]]}, "bn_eps": 0.5, "bn_w": T(2, seed=1), "bn_b": T(2, seed=2)}

# Values of single callables, of required parameters and of others.
VALUES = {
    # --- modules
    "nn.BCELoss": {"weight": T(2, 3)}, "nn.BCEWithLogitsLoss": {"weight": T(2, 3), "pos_weight": T(3)},
    "nn.CrossEntropyLoss": {"weight": T(4)}, "nn.NLLLoss": {"weight": T(4)}, "nn.NLLLoss2d": {"weight": T(4)},
    "nn.MultiLabelSoftMarginLoss": {"weight": T(4)}, "nn.MultiMarginLoss": {"weight": T(4), "p": 2},
    "nn.LinearCrossEntropyLoss": {"weight": T(3), "out_features": [2]},
    "nn.Buffer": {"data": T(2)}, "nn.Parameter": {"data": T(2)}, "nn.CTCLoss": {"blank": 2}, "nn.ChannelShuffle": {"groups": 2},
    "nn.CosineSimilarity": {"dim": 0}, "nn.Conv1d": {"stride": 2}, "nn.Conv2d": {"stride": 2}, "nn.Conv3d": {"stride": 2},
    "nn.Embedding": {"_weight": T(5, 3)}, "nn.EmbeddingBag": {"_weight": T(5, 3), "mode": "sum"},
    "nn.Flatten": {"start_dim": 2, "end_dim": 1}, "nn.Unflatten": {"dim": 1, "unflattened_size": [2, 2]},
    "nn.Fold": {"output_size": [4, 5], "stride": 2}, "nn.Unfold": {"stride": 2},
    "nn.GLU": {"dim": 1}, "nn.Softmax": {"dim": 0}, "nn.Softmin": {"dim": 0}, "nn.LogSoftmax": {"dim": 0},
    "nn.LocalResponseNorm": {"size": 3}, "nn.ModuleDict": {"modules": {"dict": {"a": _linear}}},
    "nn.ModuleList": {"modules": [_linear, _linear]}, "nn.ParameterDict": {"parameters": {"dict": {"a": T(2)}}},
    "nn.ParameterList": {"values": [{"parameter": [[2]]}, T(3)]}, "nn.MultiheadAttention": {"kdim": 3, "vdim": 5},
    "nn.PReLU": {"num_parameters": 4, "init": 0.5}, "nn.RNNBase": {"mode": "GRU"}, "nn.PairwiseDistance": {"p": 1.0},
    "nn.FractionalMaxPool2d": {"output_ratio": 0.5}, "nn.FractionalMaxPool3d": {"output_ratio": 0.5},
    "nn.TransformerDecoder": {"decoder_layer": {"module": ["TransformerDecoderLayer", 4, 2, 5, 0.0]}, "norm": {"module": ["LayerNorm", 4]}},
    "nn.TransformerEncoder": {"encoder_layer": {"module": ["TransformerEncoderLayer", 4, 2, 5, 0.0]}, "norm": {"module": ["LayerNorm", 4]}},
    "nn.TripletMarginLoss": {"p": 1.0}, "nn.TripletMarginWithDistanceLoss": {"distance_function": f("distance")},
    "nn.Upsample": {"mode": "bilinear"}, "nn.Threshold": {"threshold": 0.5, "value": 3.0}, "nn.Softplus": {"threshold": 0.5},
    "nn.ConstantPad1d": {"value": 2.5}, "nn.ConstantPad2d": {"value": 2.5}, "nn.ConstantPad3d": {"value": 2.5},
    "nn.Hardtanh": {"min_val": -0.5, "max_val": 0.5, "min_value": -0.5, "max_value": 0.5}, "nn.RReLU": {"lower": 0.25, "upper": 0.5},
    # --- modules' methods
    "nn.Module.add_module": {"name": "more", "module": _linear}, "nn.Module.register_module": {"name": "more", "module": _linear},
    "nn.Module.apply": {"fn": f("freeze")}, "nn.Module.get_buffer": {"target": "kept"}, "nn.Module.get_parameter": {"target": "block.0.bias"},
    "nn.Module.get_submodule": {"target": "block.0"}, "nn.Module.load_state_dict": {"state_dict": {"net_state": []}},
    "nn.Module.register_buffer": {"name": "more", "tensor": T(2)}, "nn.Module.register_forward_hook": {"hook": f("second")},
    "nn.Module.register_forward_pre_hook": {"hook": f("second")}, "nn.Module.register_full_backward_hook": {"hook": f("second")},
    "nn.Module.register_full_backward_pre_hook": {"hook": f("second")}, "nn.Module.register_load_state_dict_post_hook": {"hook": f("second")},
    "nn.Module.register_load_state_dict_pre_hook": {"hook": f("second")}, "nn.Module.register_state_dict_post_hook": {"hook": f("second")},
    "nn.Module.register_state_dict_pre_hook": {"hook": f("second")}, "nn.Module.register_parameter": {"name": "more", "param": {"parameter": [[2]]}},
    "nn.Module.set_extra_state": {"state": 1}, "nn.Module.set_submodule": {"target": "block", "module": {"module": ["Tanh"]}},
    "nn.Module.state_dict": {"destination": {"dict": {"x": T(1)}}}, "nn.Module.type": {"dst_type": torch_("float64")},
    "nn.Module.named_modules": {"memo": None},
    "nn.Sequential.append": {"module": _linear}, "nn.Sequential.extend": {"sequential": [_linear, {"module": ["Tanh"]}]},
    "nn.Sequential.insert": {"index": 1, "module": _linear}, "nn.Sequential.pop": {"key": 0}, "nn.ModuleList.append": {"module": _linear},
    "nn.ModuleList.extend": {"modules": [_linear, {"module": ["Tanh"]}]}, "nn.ModuleList.insert": {"index": 0, "module": {"module": ["Tanh"]}},
    "nn.ModuleList.pop": {"key": 0}, "nn.ModuleDict.pop": {"key": "a"}, "nn.ModuleDict.update": {"modules": {"dict": {"b": _linear}}},
    "nn.ParameterList.append": {"value": T(3)}, "nn.ParameterList.extend": {"values": [T(3), T(1)]},
    "nn.ParameterDict.fromkeys": {"keys": ["a", "b"], "default": T(1)}, "nn.ParameterDict.get": {"key": "b", "default": 3},
    "nn.ParameterDict.pop": {"key": "a"}, "nn.ParameterDict.setdefault": {"key": "b", "default": T(1)},
    "nn.ParameterDict.update": {"parameters": {"dict": {"b": T(2)}}},
    # --- nn.init, nn.utils
    "nn.init.": {"tensor": _fan, "gain": 0.5, "a": 0.5, "mode": "fan_out", "std": 2.0, "mean": 3.0, "nonlinearity": "linear"},
    "nn.init.calculate_gain": {"nonlinearity": "leaky_relu", "param": 0.5}, "nn.init.constant_": {"val": 2.5},
    "nn.init.dirac_": {"tensor": T(4, 2, 3)}, "nn.init.sparse_": {"sparsity": 0.4}, "nn.init.trunc_normal_": {"a": -0.5, "b": 0.25, "mean": 0.5},
    "nn.init.uniform_": {"b": 3.0},
    "nn.utils.": {"parameters": {"trained": []}, "max_norm": 0.5, "clip_value": 0.5, "tensors": [T(2), T(3)]},
    "nn.utils.clip_grads_with_norm_": {"total_norm": {"values": [2.0]}}, "nn.utils.convert_conv2d_weight_memory_format": {"module": _conv},
    "nn.utils.convert_conv3d_weight_memory_format": {"module": {"module": ["Conv3d", 2, 2, 2]}, "memory_format": torch_("channels_last_3d")},
    "nn.utils.fuse_conv_bn_eval": {"conv": {"eval": [_conv]}, "bn": {"eval": [_bn]}},
    "nn.utils.fuse_conv_bn_weights": {"conv_w": T(2, 2, 2), "conv_b": T(2), **_bn_weights}, "nn.utils.parameters_to_vector": {"parameters": [T(2), T(3)]},
    "nn.utils.fuse_linear_bn_eval": {"linear": {"eval": [_linear]}, "bn": {"eval": [{"module": ["BatchNorm1d", 2]}]}},
    "nn.utils.fuse_linear_bn_weights": {"linear_w": T(2, 2), "linear_b": T(2), **_bn_weights},
    "nn.utils.vector_to_parameters": {"vec": T(7)},
    "nn.utils.rnn.": {"lengths": [3, 2], "sequence": {"packed": [[2, 3]]}, "packed_sequences": {"packed": [[2, 3]]},
                      "total_length": 4, "padding_side": "left"},
    "nn.utils.rnn.PackedSequence": {"data": T(4, 2), "batch_sizes": V(2, 2, dtype="int64"), "sorted_indices": V(1, 0, dtype="int64"),
                                    "unsorted_indices": V(1, 0, dtype="int64")},
    "nn.utils.rnn.invert_permutation": {"permutation": V(2, 0, 1, dtype="int64")}, "nn.utils.rnn.pack_padded_sequence": {"input": T(3, 2, 2)},
    "nn.utils.rnn.pack_sequence": {"sequences": [T(3, 2), T(2, 2, seed=1)]}, "nn.utils.rnn.pad_sequence": _spaced,
    "nn.utils.rnn.unpad_sequence": {"padded_sequences": T(3, 3, 2), "lengths": V(3, 2, 1, dtype="int64")},
    # --- optimizers
    "optim.": {"params": _params, "alpha": 0.5}, "optim.Muon": {"params": _params[:1], "adjust_lr_fn": "match_rms_adamw", "ns_coefficients": [3.0, -4.0, 2.0]},
    "optim.SparseAdam": {"params": _params[:1]}, "optim.LBFGS": {"max_iter": 2, "max_eval": 1, "history_size": 1, "line_search_fn": "strong_wolfe",
                                                                 "tolerance_grad": 100.0, "tolerance_change": 100.0},
    "optim.Optimizer": {"defaults": {"dict": {"lr": 0.5}}}, "optim.Rprop": {"etas": [0.25, 1.5], "step_sizes": [0.001, 0.005]},
    "optim.Optimizer.add_param_group": {"param_group": {"dict": {"params": {"leaf": ["c", [2]]}, "lr": 0.25}}},
    "optim.Optimizer.load_state_dict": {"state_dict": {"optimizer_state": []}}, "optim.Optimizer.step": {"closure": f("loss")},
    "optim.Optimizer.register_": {"hook": f("second")}, "optim.Adafactor": {"beta2_decay": -0.5, "d": 2.0, "eps": [0.5, 0.25]},
    "optim.lr_scheduler.": {"last_epoch": 3, "optimizer": {"optimizer": []}, "T_max": 4, "T_0": 2, "step_size": 2, "milestones": [2, 4], "lr_lambda": f("power"),
                            "total_steps": 8, "epochs": 4, "steps_per_epoch": 2, "T_mult": 2, "step_size_up": 2, "step_size_down": 3},
    "optim.lr_scheduler.CyclicLR": {"mode": "triangular2", "scale_mode": "iterations", "scale_fn": f("power")},
    "optim.lr_scheduler.OneCycleLR": {"anneal_strategy": "linear"}, "optim.lr_scheduler.ReduceLROnPlateau":
        {"mode": "max", "patience": 1, "cooldown": 2, "min_lr": 0.01, "threshold_mode": "abs", "threshold": 0.5},
    "optim.lr_scheduler.ChainedScheduler": {"schedulers": [{"scheduler": ["StepLR", 2]}, {"scheduler": ["ExponentialLR", 0.5]}]},
    "optim.lr_scheduler.SequentialLR": {"schedulers": [{"scheduler": ["StepLR", 2]}, {"scheduler": ["ExponentialLR", 0.5]}], "milestones": [3]},
    # --- autograd
    "autograd.backward": {"tensors": {"cubes": ["x", [3]]}, "grad_tensors": T(3, seed=1), "grad_variables": T(3, seed=1), "inputs": [{"leaf": ["y", [3]]}]},
    "autograd.grad": {"outputs": {"cubes": ["x", [3]]}, "inputs": [{"leaf": ["x", [3]]}], "grad_outputs": T(3, seed=1)},
    "autograd.gradcheck": {"func": f("cubes"), "inputs": {"leaf": ["x", [3], 0, "float64"]}, "eps": 0.5, "atol": 100.0, "rtol": 2.0},
    "autograd.gradgradcheck": {"func": f("cubes"), "inputs": {"leaf": ["x", [3], 0, "float64"]}, "eps": 0.5, "atol": 100.0, "rtol": 2.0,
                               "grad_outputs": {"leaf": ["y", [3], 1, "float64"]}},
    "autograd.set_detect_anomaly": {"mode": True}, "autograd.functional.": {**_triple, "v": T(3, seed=1), "strategy": "forward-mode",
                                                                            "outer_jacobian_strategy": "forward-mode"},
    "autograd.functional.hessian": _scalar, "autograd.functional.hvp": _scalar, "autograd.functional.vhp": _scalar,
    # --- tensors' methods
    "Tensor.backward": {"gradient": T(3, seed=1), "inputs": [{"leaf": ["y", [3]]}]}, "Tensor.register_hook": {"hook": f("double")},
    "Tensor.register_post_accumulate_grad_hook": {"hook": f("first")}, "Tensor.new_tensor": {"data": [[1, 2.5]]},
    "Tensor.to.dtype": {"dtype": torch_("float64")}, "Tensor.to.tensor": {"tensor": T(1, seed=1) | {"tensor": [[1], 0, "float64"]}},
    "Tensor.size": {"dim": 1}, "Tensor.stride": {"dim": 1}, "Tensor.type": {"dtype": torch_("float64")}, "Tensor.polygamma": {"n": 2},
    "Tensor.map_": {"tensor": T(2, 3, seed=1), "callable": f("add")}, "Tensor.apply_": {"callable": f("double")},
    "Tensor.where": {"condition": V([True, False, True], [False, True, False], dtype="bool"), "other": T(2, 3, seed=1)},
    # --- functions
    "torch.tensor": {"data": [[1, 2.5]]}, "torch.as_tensor": {"data": [[1, 2.5]]}, "torch.asarray": {"obj": T(2)},
    "torch.full": {"size": [2, 3], "fill_value": 2.5, "out": T(2, 3), "layout": torch_("strided")}, "torch.where": {
        "condition": V(True, False, dtype="bool"), "input": T(2), "other": T(2, seed=1), "out": T(2)},
    "torch.nonzero": {"input": V([0, 1], [2, 0]), "out": {"ints": [[2, 2], 2]}}, "torch.lu": {"A": T(3, 3), "out": [T(3, 3), {"values": [[0, 0, 0], "int32"]}]},
    "torch.finfo": {"type": torch_("float64")}, "torch.iinfo": {"type": torch_("int16")}, "torch.set_num_threads": {"int": 2},
    "Generator.manual_seed": {"seed": 3}, "Generator.set_state": {"state": {"state": [3]}}, "torch.manual_seed": {"seed": 3},
    "torch.Generator": {"device": {"device": ["cpu"]}},
    "torch.set_rng_state": {"new_state": {"state": [3]}}, "torch.set_default_dtype": {"d": torch_("float64")},
    "torch.set_deterministic_debug_mode": {"debug_mode": "warn"}, "torch.set_float32_matmul_precision": {"precision": "medium"},
    "torch.set_printoptions": {"precision": 2, "threshold": 5.0, "edgeitems": 2, "linewidth": 40.0, "profile": "short", "sci_mode": True},
    "torch.use_deterministic_algorithms": {"mode": True}, "torch.autocast": {"device_type": "cpu", "dtype": torch_("float16"), "cache_enabled": False},
    "torch.cdist": {"x1": T(2, 3), "x2": T(4, 3, seed=1), "p": 1.0, "compute_mode": "donot_use_mm_for_euclid_dist"},
    "torch.norm": {"input": T(2, 3), "p": 1.0, "dim": 1, "out": T(1)}, "torch.stft": {"input": T(12), "n_fft": 4, "hop_length": 2,
        "win_length": 2, "window": {"unit": [[4]]}, "pad_mode": "constant", "onesided": False, "return_complex": True, "align_to_window": True},
    "torch.svd_lowrank": {"A": _ranked, "q": 2, "niter": 4, "M": V([1, 2, 0], [0, 1, 0], [1, 0, 3], [0, 0, 1])}, "torch.pca_lowrank": {"A": _ranked, "q": 2, "niter": 4},
    "torch.tensordot": {"a": T(2, 3, 2), "b": T(3, 2, 2, seed=1), "dims": [[1], [0]], "out": T(2, 2)},
    "torch.unravel_index": {"indices": V(3, 5, dtype="int64"), "shape": [2, 3]}, "torch.split": {"tensor": T(4, 3), "split_size_or_sections": 2, "dim": 1},
    "torch.unique": {"input": I(3, 4, below=3), "dim": 0}, "torch.unique_consecutive": {"input": V([1, 2], [1, 2], [2, 2]), "dim": 0},
    "sparse.addmm": {"mat": T(2, 2), "mat1": {"sparse": [[2, 3]]}, "mat2": T(3, 2), "beta": 2, "alpha": 3},
    "sparse.mm": {"mat1": {"csr": [[2, 3]]}, "mat2": T(3, 2), "reduce": "amax"}, "sparse.sampled_addmm": {
        "input": {"csr": [[2, 2]]}, "mat1": T(2, 3), "mat2": T(3, 2), "beta": 2, "alpha": 3, "out": {"csr": [[2, 2], 1]}},
    "sparse.sum": {"input": {"sparse": [[2, 3]]}, "dim": 0}, "sparse.softmax": {"input": {"sparse": [[2, 3]]}, "dim": 1},
    "sparse.log_softmax": {"input": {"sparse": [[2, 3]]}, "dim": 1}, "sparse.spdiags": {
        "diagonals": T(3, 3), "offsets": V(0, -1, 2, dtype="int64"), "shape": [3, 3], "layout": torch_("sparse_csr")},
    "amp.GradScaler": {"device": "cpu", "growth_factor": 3.0, "growth_interval": 1}, "amp.GradScaler.": {
        "outputs": [T(2), T(3)], "new_factor": 4.0, "new_interval": 3, "optimizer": {"optimizer": []}, "new_scale": 32.0},
    "amp.GradScaler.set_backoff_factor": {"new_factor": 0.25}, "amp.GradScaler.load_state_dict": {"state_dict": {"dict": {
        "scale": 4.0, "growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 5, "_growth_tracker": 1}}},
    "utils.checkpoint.checkpoint": {"function": f("cubed_sum"), "determinism_check": "none", "context_fn": None},
    "utils.checkpoint.checkpoint_sequential": {"functions": [f("cubes"), f("double")], "segments": 2, "input": {"leaf": ["x", [3]]}},
    "testing.assert_close": {"actual": T(3), "expected": T(3, seed=1), "rtol": 100.0, "atol": 100.0, "msg": f("say")},
}

# What else a case needs for its parameter to show.
ALSO = {
    "Tensor.to.dtype.copy": {"dtype": torch_("float32")}, "Tensor.to.tensor.copy": {"tensor": T(1)},
    **{f"nn.InstanceNorm{d}d.{name}": {"affine": True} for d in "123" for name in ("device", "dtype", "bias")},
    "optim.lr_scheduler.CyclicLR.mode": {"step_size_up": 1}, "optim.lr_scheduler.CyclicLR.scale_mode": {"scale_fn": f("power")},
    "autograd.functional.hessian.strict": {"func": f("total")}, "autograd.functional.hvp.strict": {"func": f("total")},
    "autograd.functional.vhp.strict": {"func": f("total")},
    "last_epoch": {"optimizer": {"optimizer": [True]}}, "optim.lr_scheduler.OneCycleLR.epochs": {"total_steps": None, "steps_per_epoch": 2},
    "optim.lr_scheduler.OneCycleLR.steps_per_epoch": {"total_steps": None, "epochs": 4}, "torch.stft.align_to_window": {"center": False},
    "optim.lr_scheduler.CyclicLR.gamma": {"mode": "exp_range"}, "optim.lr_scheduler.CyclicLR.step_size_down": {"step_size_up": 1},
    "nesterov": {"momentum": 0.9}, "dampening": {"momentum": 0.9}, "output_padding": {"stride": 2},
    "nn.FractionalMaxPool2d.output_ratio": {"output_size": None}, "nn.FractionalMaxPool3d.output_ratio": {"output_size": None},
    "nn.RNN.dropout": {"num_layers": 2}, "nn.LSTM.dropout": {"num_layers": 2}, "nn.GRU.dropout": {"num_layers": 2}, "nn.RNNBase.dropout": {"num_layers": 2},
    "nn.RNNBase.proj_size": {"mode": "LSTM"},
    "nn.Embedding.norm_type": {"max_norm": 1.5}, "nn.EmbeddingBag.norm_type": {"max_norm": 1.5},
    "nn.Upsample.scale_factor": {"size": None}, "nn.Upsample.align_corners": {"mode": "bilinear"}, "nn.Upsample.recompute_scale_factor": {"size": None, "scale_factor": 1.5},
    "nn.UpsamplingBilinear2d.scale_factor": {"size": None}, "nn.UpsamplingNearest2d.scale_factor": {"size": None},
    "nn.EmbeddingBag.include_last_offset": {"mode": "sum"}, "nn.Flatten.end_dim": {"start_dim": 0},
    "nn.Parameter.requires_grad": {"data": T(2)}, "nn.Buffer.persistent": {"data": T(2)},
    "nn.Module.load_state_dict.strict": {"state_dict": {"net_state": ["scale"]}},
    "nn.Module.load_state_dict.assign": {"state_dict": {"net_state": [None, "float64"]}}, "nn.utils.rnn.pack_padded_sequence.enforce_sorted": {"lengths": [2, 3]},
    "nn.utils.rnn.pack_sequence.enforce_sorted": {"sequences": [T(2, 2), T(3, 2)]},
    "nn.utils.rnn.pack_padded_sequence.batch_first": {"lengths": [2, 2, 1]}, 
    "nn.utils.clip_grad_norm_.error_if_nonfinite": {"max_norm": 1.0, "norm_type": "inf", "parameters": {"endless": []}},
    "nn.utils.get_total_norm.error_if_nonfinite": {"tensors": [V("inf")]},
    "autograd.grad.allow_unused": {"inputs": [{"leaf": ["y", [3]]}]},
    "autograd.grad.materialize_grads": {"inputs": [{"leaf": ["y", [3]]}]}, "autograd.grad.is_grads_batched": {"grad_outputs": T(2, 3, seed=1)},
    "autograd.gradcheck.atol": {"func": f("half_wrong")}, "autograd.gradcheck.rtol": {"func": f("half_wrong")},
    "autograd.gradcheck.raise_exception": {"func": f("half_wrong")}, "autograd.gradgradcheck.raise_exception": {"func": f("half_wrong_twice")},
    "autograd.gradgradcheck.atol": {"func": f("half_wrong_twice")}, "autograd.gradgradcheck.rtol": {"func": f("half_wrong_twice")},
    "autograd.functional.jacobian.strict": {"func": f("constant")}, "autograd.functional.vjp.strict": {"func": f("constant")},
    "autograd.functional.jvp.strict": {"func": f("constant")}, "autograd.functional.hessian.outer_jacobian_strategy": {"vectorize": True},
    "autograd.functional.jacobian.strategy": {"vectorize": True},
    "torch.norm.keepdim": {"dim": 1}, "torch.where.input": {"other": T(2, seed=1)}, "torch.where.other": {"input": T(2)}, "torch.where.out": {"input": T(2), "other": T(2, seed=1)}, "torch.norm.out": {"dim": [0, 1]},
    "testing.assert_close.msg": {"rtol": 0.0, "atol": 0.0}, "testing.assert_close.rtol": {"atol": 0.0}, "testing.assert_close.atol": {"rtol": 0.0},
    "testing.assert_close.equal_nan": {"actual": V("nan"), "expected": V("nan")}, "testing.assert_close.check_dtype": {
        "actual": V(1), "expected": V(1, dtype="float64")}, "testing.assert_close.check_layout": {"actual": {"sparse": [[2, 2]]}, "expected": {"dense": [[2, 2]]}},
    "testing.assert_close.check_stride": {"actual": {"transposed": [[1, 2]]}, "expected": T(2, 1)},
}

# What methods are called on, by the start of their names.
ON = {
    "nn.Module.": _net, "nn.Module.zero_grad": {"net": ["grads"]}, "nn.Sequential.": _sequential, "nn.ModuleList.": _list,
    "nn.ModuleDict.": _dictionary, "nn.ParameterList.": _parameters, "nn.ParameterDict.": _parameter_dict,
    "nn.Module.register_forward_hook": {"hooked": ["register_forward_hook"]}, "nn.Module.register_forward_pre_hook": {"hooked": ["register_forward_pre_hook"]},
    "nn.Module.register_full_backward_hook": _linear, "optim.Optimizer.": {"optimizer": []}, "Tensor.": T(2, 3),
    "Tensor.backward": {"cubes": ["x", [3]]}, "Tensor.lu": T(3, 3), "Tensor.register_hook": {"leaf": ["x", [3]]},
    "Tensor.register_post_accumulate_grad_hook": {"leaf": ["x", [3]]}, "Tensor.cpu": T(1, 2, 2, 2), "Tensor.to.": T(1, 2, 2, 2),
    "Tensor.polygamma": {"unit": [[2, 3]]}, "Generator.": {"generator": [1]}, "amp.GradScaler.": {"scaler": []}, "amp.GradScaler.update": {"scaled": []},
}
# What a call is followed by, by the start of its name.
AFTER = {
    "nn.Buffer": "persistent",
    "Tensor.to.": "change", "Tensor.cpu": "change",
    "nn.Module.register_forward_": "forward", "nn.Module.register_forward_hook.always_call": "failing", "Tensor.register_hook": "backward",
    "Tensor.register_post_accumulate_grad_hook": "backward", "autograd.backward": "backward again", "Tensor.backward": "backward again",
    "torch.set_printoptions": "print", "torch.set_printoptions.edgeitems": "print many",
    "torch.set_default_dtype": "dtype", "torch.use_deterministic_algorithms": "deterministic", "torch.set_deterministic_debug_mode": "deterministic",
    "torch.set_float32_matmul_precision": "precision", "torch.set_num_threads": "threads", "torch.manual_seed": "draw", "torch.set_rng_state": "draw",
    "Generator.": "draw own", "autograd.set_detect_anomaly": "anomaly", "amp.GradScaler.": "scaler", "amp.GradScaler": "steps", "optim.Optimizer.": "optimizer", "autograd.grad": "backward again",
}

# --- what modules are called with -----------------------------------------------------------------------------

DIMENSIONS = {"1": (2, 4, 6), "2": (2, 4, 4, 6), "3": (1, 4, 4, 4, 6)}
_pair = [T(2, 3), T(2, 3, seed=1)]
_classes = [T(3, 4), I(3, below=4)]
_signs = [T(2, 3), V([1.0, -1.0, 1.0], [-1.0, 1.0, -1.0])]
_rows = [T(3, 2, 4), T(3, 2, 4, seed=1), T(3, 2, 4, seed=2)]
INPUTS = {
    "AdaptiveLogSoftmaxWithLoss": [T(3, 4), I(3, below=6)], "BCELoss": [{"unit": [[2, 3]]}, {"unit": [[2, 3], 1]}],
    "BCEWithLogitsLoss": [T(2, 3), {"unit": [[2, 3]]}], "Bilinear": [T(2, 4), T(2, 3)],
    "CTCLoss": [T(4, 2, 3), V([1, 0], [0, 1], dtype="int64"), V(4, 3, dtype="int64"), V(1, 1, dtype="int64")],
    "CosineEmbeddingLoss": [*_pair, V(1, -1)], "CosineSimilarity": _pair, "CrossEntropyLoss": _classes, "NLLLoss": _classes,
    "NLLLoss2d": [T(2, 4, 2, 2), I(2, 2, 2, below=4)], "MultiMarginLoss": _classes, "LinearCrossEntropyLoss": [T(3, 4), I(3, below=3)],
    "Embedding": [I(2, 3, below=3)], "EmbeddingBag": [V(0, 1, 1, 3, 2, dtype="int64"), V(0, 2, dtype="int64")],
    "Fold": [T(1, 8, 12)], "Unfold": [T(1, 2, 4, 5)], "GRUCell": [T(2, 4)], "RNNCell": [T(2, 4)], "LSTMCell": [T(2, 4)],
    "GaussianNLLLoss": [*_pair, {"unit": [[2, 3]]}], "HingeEmbeddingLoss": _signs, "SoftMarginLoss": _signs,
    "MarginRankingLoss": [*_pair, V([1.0, -1.0, 1.0], [-1.0, 1.0, -1.0])], "MultiLabelMarginLoss": [T(2, 3), V([0, 2, -1], [1, -1, 0], dtype="int64")],
    "MultiLabelSoftMarginLoss": [T(2, 4), I(2, 4)], "MultiheadAttention": _rows, "PixelShuffle": [T(1, 4, 2, 2)], "PixelUnshuffle": [T(1, 1, 4, 4)],
    "PairwiseDistance": _pair, "RNN": [T(3, 2, 4)], "GRU": [T(3, 2, 4)], "LSTM": [T(3, 2, 4)], "RNNBase": None, "Unflatten": [T(2, 4)],
    "Transformer": _rows[:2], "TransformerDecoder": _rows[:2], "TransformerDecoderLayer": _rows[:2],
    "TransformerEncoder": _rows[:1], "TransformerEncoderLayer": _rows[:1], "TripletMarginLoss": [T(2, 4), T(2, 4, seed=1), T(2, 4, seed=2)],
    "TripletMarginWithDistanceLoss": [T(2, 4), T(2, 4, seed=1), T(2, 4, seed=2)], "Upsample": [T(1, 2, 3, 4)], "UpsamplingBilinear2d": [T(1, 2, 3, 4)],
    "UpsamplingNearest2d": [T(1, 2, 3, 4)], "Module": None, "ModuleDict": None, "ModuleList": None, "ParameterDict": None, "ParameterList": None,
    "GroupNorm": [T(2, 4, 6)], "LayerNorm": [T(2, 4, 6)], "RMSNorm": [T(2, 4, 6)], "Softmax2d": [T(1, 2, 2, 3)],
    "ChannelShuffle": [T(1, 4, 2, 2)], "PReLU": [T(2, 4, 3)], "LocalResponseNorm": [T(1, 6, 2)],
    "nn.Fold.dilation": [T(1, 8, 6)], "nn.Fold.padding": [T(1, 8, 30)], "nn.Fold.stride": [T(1, 8, 4)],
    "nn.LinearCrossEntropyLoss.out_features": [T(3, 4), I(3, 2, below=3)],
    "nn.MultiheadAttention.kdim": [_rows[0], T(3, 2, 3), _rows[2]], "nn.MultiheadAttention.vdim": [*_rows[:2], T(3, 2, 5)],
    "nn.EmbeddingBag.include_last_offset": [V(0, 1, 1, 3, 2, dtype="int64"), V(0, 2, 5, dtype="int64")],
    "LogSoftmax": [T(2, 3)], "Flatten": [T(2, 2, 3)], "Sequential": [T(2, 3)],
}
# Arguments that follow those of the signature in place.
REST = {"utils.checkpoint.checkpoint": [{"leaf": ["x", [3]]}]}
# Parameters with a default that all cases are given.
BASE = {
    "optim.lr_scheduler.OneCycleLR": {"total_steps": 8}, "optim.lr_scheduler.ReduceLROnPlateau": {"patience": 1},
    "nn.FractionalMaxPool2d": {"output_size": 2}, "nn.FractionalMaxPool3d": {"output_size": 2}, "nn.Upsample": {"size": 3},
    "nn.UpsamplingBilinear2d": {"size": 3}, "nn.UpsamplingNearest2d": {"size": 3}, "nn.utils.rnn.PackedSequence": {"batch_sizes": V(2, 2, dtype="int64")},
    "autograd.backward": {"grad_tensors": T(3, seed=1)}, "autograd.grad": {"grad_outputs": T(3, seed=1)}, "Tensor.backward": {"gradient": T(3, seed=1)},
    "amp.GradScaler": {"device": "cpu"}, "nn.Transformer": {"d_model": 4, "nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1, "dim_feedforward": 5},
    "torch.stft": {"return_complex": True}, "utils.checkpoint.checkpoint": {"use_reentrant": False}, "utils.checkpoint.checkpoint_sequential": {"use_reentrant": False},
    "autograd.functional.vjp": {"v": T(3, seed=1)}, "autograd.functional.jvp": {"v": T(3, seed=1)}, "autograd.functional.hvp": {"v": T(3, seed=1)},
    "autograd.functional.vhp": {"v": T(3, seed=1)}, "nn.TransformerEncoderLayer": {"dim_feedforward": 5}, "nn.TransformerDecoderLayer": {"dim_feedforward": 5},
}
# Parameters of which nothing can be seen.
UNSEEN = {
    "nn.Transformer.custom_encoder", "nn.Transformer.custom_decoder", "nn.FractionalMaxPool2d._random_samples", "nn.FractionalMaxPool3d._random_samples",
    "nn.LinearCrossEntropyLoss.options", "utils.checkpoint.checkpoint.context_fn", "nn.Module.named_modules.memo", "optim.lr_scheduler.OneCycleLR.last_epoch",
}
# What Python takes in place alone, having no signature of its own; and what is before REST.
IN_PLACE = {
    "Tensor.map_": ["tensor", "callable"], "Tensor.apply_": ["callable"], "torch.set_num_threads": ["int"], "Generator.manual_seed": ["seed"],
    "Generator.set_state": ["state"], "sparse.addmm": ["mat", "mat1", "mat2"], "sparse.mm": ["mat1", "mat2", "reduce"],
    "torch.set_default_dtype": ["d"], "utils.checkpoint.checkpoint": ["function"],
}
# Results whose signs depend on the processor.
UNSIGNED = {"torch.svd_lowrank", "torch.pca_lowrank"}
