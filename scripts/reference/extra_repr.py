"""How modules print their settings, with every option: str(module) and module.extra_repr()."""

from collections import OrderedDict

import torch
from torch import nn

from fixtures import write_compact


def module(name, *args, **options):
    """A module by its class and what it is made of; test/nn/extra_repr.test.ts makes the same."""
    return {"module": name, "args": list(args), "options": options}


def each(names, *args, **options):
    return [module(name, *args, **options) for name in names.split()]


# What prints nothing of its settings, or only inplace, or inplace behind the rest.
NOTHING = "Sigmoid Tanh LogSigmoid Softsign Tanhshrink Softmax2d Hardsigmoid Hardswish PairwiseDistance CosineSimilarity"
INPLACE = "ReLU ReLU6 SiLU Mish SELU RReLU Hardtanh ELU CELU LeakyReLU"
DROPOUTS = "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout"


def dimensions(name, count=3):
    """The class's name in each number of dimensions."""
    return [(f"{name}{dims}d", dims) for dims in range(4 - count, 4)]


def windows(name, count=3, **options):
    """Sizes as numbers, as tuples, and with a stride of their own."""
    return [
        made
        for name, dims in dimensions(name, count)
        for made in [
            module(name, 3),
            module(name, 3, 2),
            module(name, tuple(range(2, 2 + dims)), padding=1),
            module(name, (4,) * dims, stride=(2,) * dims, padding=(1,) * dims, **options),
        ]
    ]


PADDINGS = [
    made
    for kind in ["Circular", "Constant", "Reflection", "Replication", "Zero"]
    for name, dims in dimensions(f"{kind}Pad")
    for value in [[3.5] if kind == "Constant" else []]
    for made in [module(name, 2, *value), module(name, tuple(range(2 * dims)), *value), module(name, (1,), *value)]
]
POOLINGS = [
    *windows("MaxPool", dilation=2, return_indices=True, ceil_mode=True),
    *windows("MaxUnpool"),
    *windows("AvgPool", ceil_mode=True, count_include_pad=False),
    *(made for name, dims in dimensions("LPPool") for made in [
        module(name, 2, 3), module(name, 1.5, (3,) * dims, stride=2, ceil_mode=True)]),
    *(made for kind in ["Avg", "Max"] for name, dims in dimensions(f"Adaptive{kind}Pool") for made in [
        module(name, 5), module(name, (4,) * dims), *([module(name, (None,) * (dims - 1) + (7,)), module(name, None)])]),
    *(module(name, 2, **options) for name, dims in dimensions("FractionalMaxPool", 2) for options in [
        {"output_size": 4}, {"output_ratio": (0.5,) * dims, "return_indices": True}]),
]
ACTIVATIONS = [
    *each(NOTHING),
    *each("Hardsigmoid Hardswish", inplace=True),
    *each(INPLACE),
    *each(INPLACE, inplace=True),
    module("Threshold", 0.1, 20),
    module("Threshold", 1, 2.5, inplace=True),
    module("Hardtanh", -2, 2.5),
    module("Hardtanh", min_value=-3, max_value=0.5),
    *(made for name in ["ELU", "CELU", "LeakyReLU"] for made in [module(name, 2), module(name, 0.25, inplace=True)]),
    module("RReLU", 0.2, 0.4),
    module("GELU"),
    module("GELU", "tanh"),
    module("GLU"),
    module("GLU", dim=1),
    *(made for name in ["Hardshrink", "Softshrink"] for made in [module(name), module(name, 1), module(name, lambd=1e-5)]),
    module("Softplus"),
    module("Softplus", 2, threshold=10.5),
    *(made for name in ["Softmax", "LogSoftmax", "Softmin"] for made in [
        module(name), module(name, dim=1), module(name, dim=-1)]),
]
SHAPES = [
    module("Flatten"),
    module("Flatten", 0, 2),
    module("Unflatten", 1, (2, 3)),
    module("Unflatten", -1, (4,)),
    module("Fold", (4, 5), 2),
    module("Fold", 4, (2, 3), dilation=2, padding=(1, 0), stride=(2, 2)),
    module("Unfold", 2),
    module("Unfold", (2, 3), dilation=(1, 2), padding=1, stride=2),
    module("PixelShuffle", 3),
    module("PixelUnshuffle", 2),
    module("ChannelShuffle", 2),
    module("Upsample", size=4),
    module("Upsample", (4, 5), mode="bilinear", align_corners=True),
    module("Upsample", scale_factor=2),
    module("Upsample", scale_factor=(2, 1.5), mode="bicubic"),
    module("Upsample", scale_factor=(2,), mode="linear"),
    module("Upsample", scale_factor=0),
    *(made for name in ["UpsamplingNearest2d", "UpsamplingBilinear2d"] for made in [
        module(name, 3), module(name, (3, 4)), module(name, scale_factor=2.5)]),
]

LINEAR, TANH = module("Linear", 2, 3), module("Tanh")
MODULES = [
    LINEAR,
    module("Linear", 2, 3, bias=False),
    module("LazyLinear", 3),
    module("LazyLinear", 3, bias=False),
    module("Identity"),
    *ACTIVATIONS,
    *PADDINGS,
    *POOLINGS,
    *SHAPES,
    *each(DROPOUTS),
    *each(DROPOUTS, 0.25, inplace=True),
    module("Dropout", 1e-5),
    module("Dropout", 0),
    module("Dropout", 1),
    module("Embedding", 5, 3),
    module("Embedding", 5, 3, padding_idx=0),
    module("Embedding", 5, 3, padding_idx=-1),
    module("Embedding", 5, 3, max_norm=1.5, norm_type=2.5, scale_grad_by_freq=True, sparse=True),
    module("Embedding", 5, 3, max_norm=1e-5),
    module("LayerNorm", 5),
    module("LayerNorm", {"list": [3, 5]}, eps=1e-3, bias=False),
    module("LayerNorm", 5, elementwise_affine=False),
    module("RMSNorm", 5),
    module("RMSNorm", {"list": [3, 5]}, 1e-6, elementwise_affine=False),
    module("GroupNorm", 2, 4),
    module("GroupNorm", 2, 4, 0.5, affine=False, bias=False),
    module("LocalResponseNorm", 3),
    module("LocalResponseNorm", 3, 0.5, 2, 3),
    module("CrossMapLRN2d", 3),
    module("CrossMapLRN2d", 3, 0.5, 2, 2.5),
    module("SyncBatchNorm", 3),
    *(
        module(f"{kind}{dims}d", 3, **options)
        for kind in ["BatchNorm", "InstanceNorm"]
        for dims in [1, 2, 3]
        for options in [{}, {"eps": 1e-3, "momentum": None, "affine": True, "bias": False}, {"affine": False, "track_running_stats": True}]
    ),
    *(
        module(f"{kind}{dims}d", 4, 6, 3, **options)
        for kind in ["Conv", "ConvTranspose"]
        for dims in [1, 2, 3]
        for options in [
            {},
            {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False},
            {"padding": "same"} if kind == "Conv" else {"stride": 2, "output_padding": 1},
        ]
    ),
    module("Conv2d", 4, 6, {"list": [2, 3]}, padding_mode="circular", padding="valid"),
    *(module(f"LazyConv{transpose}{dims}d", 4, 3, bias=False) for transpose in ["", "Transpose"] for dims in [1, 2, 3]),
    module("LazyConv2d", 4, (2, 3), 2, padding="valid", groups=2),
    *(module(f"Lazy{kind}Norm{dims}d", eps=1e-3, **options) for kind in ["Batch", "Instance"] for dims in [1, 2, 3]
      for options in [{}, {"affine": False, "bias": False}]),
    module("PReLU"),
    module("PReLU", 3, 0.5),
    module("Bilinear", 2, 3, 4),
    module("Bilinear", 2, 3, 4, bias=False),
    module("EmbeddingBag", 5, 3),
    module("EmbeddingBag", 5, 3, max_norm=1.5, norm_type=2.5, scale_grad_by_freq=True, mode="sum", sparse=True, padding_idx=-1),
    module("RNNCell", 2, 3),
    module("RNNCell", 2, 3, bias=False, nonlinearity="relu"),
    module("LSTMCell", 2, 3, bias=False),
    module("GRUCell", 2, 3),
    module("MSELoss"),
    module("L1Loss", reduction="sum"),
    module("NLLLoss", ignore_index=2),
    module("CrossEntropyLoss", label_smoothing=0.1),
    *(
        module(name)
        for name in [
            "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss", "GaussianNLLLoss", "KLDivLoss", "BCELoss", "BCEWithLogitsLoss",
            "SoftMarginLoss", "NLLLoss2d", "MultiMarginLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "CTCLoss",
            "HingeEmbeddingLoss", "CosineEmbeddingLoss", "MarginRankingLoss", "TripletMarginLoss",
            "TripletMarginWithDistanceLoss",
        ]
    ),
    module("AdaptiveLogSoftmaxWithLoss", 8, 20, [5, 10], head_bias=True),
    module("LinearCrossEntropyLoss", 2, 3),
    module("LinearCrossEntropyLoss", 2, 3, out_features=[4], bias=True, reduction="sum", ignore_index=1, label_smoothing=0.1),
    module("LinearCrossEntropyLoss", 2, 3, out_features=[4, 5], options=module("LinearCrossEntropyOptions")),
    module(
        "LinearCrossEntropyLoss", 2, 3, label_smoothing=1.0,
        options=module("LinearCrossEntropyOptions", True, 4, None, "compact"),
    ),
    *(
        module(name, 3, 4, **options)
        for name in ["RNN", "LSTM", "GRU"]
        for options in [
            {},
            {"num_layers": 2},
            {"bias": False},
            {"batch_first": True},
            {"num_layers": 2, "dropout": 0.5},
            {"num_layers": 2, "dropout": 1},
            {"num_layers": 2, "dropout": 1e-5},
            {"bidirectional": True},
            {"num_layers": 3, "bias": False, "batch_first": True, "dropout": 0.25, "bidirectional": True},
        ]
    ),
    module("RNN", 3, 4, nonlinearity="relu"),
    module("LSTM", 3, 4, proj_size=2),
    module("LSTM", 3, 4, num_layers=2, bias=False, dropout=0.5, proj_size=2),
    module("MultiheadAttention", 8, 2),
    module("MultiheadAttention", 8, 2, kdim=4, vdim=6, add_bias_kv=True, bias=False),
    module("TransformerEncoderLayer", 8, 2, 16),
    module("TransformerEncoderLayer", 8, 2, 16, activation="gelu", norm_first=True, bias=False),
    module("TransformerDecoderLayer", 8, 2, 16, layer_norm_eps=1e-3),
    module("TransformerEncoder", module("TransformerEncoderLayer", 8, 2, 16, batch_first=True), 2),
    module("TransformerDecoder", module("TransformerDecoderLayer", 8, 2, 16), 2, module("LayerNorm", 8)),
    module("Transformer", 8, 2, 1, 2, 16),
    module("Sequential"),
    module("Sequential", LINEAR, module("Sequential", TANH, module("ReLU", inplace=True))),
    module("Sequential", {"named": {"first": LINEAR, "second": TANH}}),
    module("ModuleList"),
    module("ModuleList", {"list": [TANH, TANH, LINEAR, LINEAR, module("Linear", 2, 3, bias=False)]}),
    module("ModuleList", {"list": [module("ModuleList", {"list": [TANH, TANH]}), module("ModuleList", {"list": [TANH, TANH]})]}),
    module("ModuleDict", {"named": {}}),
    module("ModuleDict", {"named": {"left": LINEAR, "right": module("ModuleDict", {"named": {"inner": TANH}})}}),
    module("ParameterList"),
    module("ParameterList", {"list": [{"zeros": [2, 3]}, {"zeros": []}, {"zeros": [0], "dtype": "float64"}]}),
    module("ParameterDict", {"named": {"a": {"zeros": [2, 3]}, "b": {"zeros": [1], "dtype": "float64"}}}),
    module("Sequential", module("ParameterList", {"list": [{"zeros": [4]}]}), TANH),
]


def option_of(value):
    """Sizes are tuples in Python, which prints them so."""
    return tuple(value) if isinstance(value, list) else build(value)


def build(spec):
    if not isinstance(spec, dict):
        return spec
    if "module" in spec:
        return getattr(nn, spec["module"])(*map(build, spec["args"]), **{name: option_of(option) for name, option in spec["options"].items()})
    if "named" in spec:
        return OrderedDict((name, build(part)) for name, part in spec["named"].items())
    if "list" in spec:
        return [build(part) for part in spec["list"]]
    return torch.zeros(spec["zeros"], dtype=getattr(torch, spec.get("dtype", "float32")))


def printed(spec):
    made = build(spec)
    return {**spec, "text": str(made), "extra": made.extra_repr()}


write_compact("extra_repr.json", {"modules": [printed(spec) for spec in MODULES]}, "modules")
