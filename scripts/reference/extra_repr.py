"""How modules print their settings, with every option: str(module) and module.extra_repr()."""

from collections import OrderedDict

import torch
from torch import nn

from fixtures import write


def module(name, *args, **options):
    """A module by its class and what it is made of; test/nn/extra_repr.test.ts makes the same."""
    return {"module": name, "args": list(args), "options": options}


LINEAR, TANH = module("Linear", 2, 3), module("Tanh")
MODULES = [
    LINEAR,
    module("Linear", 2, 3, bias=False),
    module("LazyLinear", 3),
    module("LazyLinear", 3, bias=False),
    module("Identity"),
    TANH,
    module("Sigmoid"),
    module("ReLU"),
    module("ReLU", inplace=True),
    module("CELU"),
    module("CELU", 2, inplace=True),
    module("Softmax", dim=1),
    module("Softmax", dim=-1),
    module("LogSoftmax", dim=0),
    module("Dropout"),
    module("Dropout", 0.25, inplace=True),
    module("Dropout", 1e-5),
    module("Dropout", 0),
    module("Dropout", 1),
    module("Embedding", 5, 3),
    module("Embedding", 5, 3, padding_idx=0),
    module("Embedding", 5, 3, padding_idx=-1),
    module("Embedding", 5, 3, max_norm=1.5, norm_type=2.5, scale_grad_by_freq=True, sparse=True),
    module("Embedding", 5, 3, max_norm=1e-5),
    module("MSELoss"),
    module("L1Loss", reduction="sum"),
    module("NLLLoss", ignore_index=2),
    module("CrossEntropyLoss", label_smoothing=0.1),
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
    module("Sequential", module("ParameterList", {"list": [{"zeros": [4]}]}), TANH),
]


def build(spec):
    if not isinstance(spec, dict):
        return spec
    if "module" in spec:
        return getattr(nn, spec["module"])(*map(build, spec["args"]), **spec["options"])
    if "named" in spec:
        return OrderedDict((name, build(part)) for name, part in spec["named"].items())
    if "list" in spec:
        return [build(part) for part in spec["list"]]
    return torch.zeros(spec["zeros"], dtype=getattr(torch, spec.get("dtype", "float32")))


def printed(spec):
    made = build(spec)
    return {**spec, "text": str(made), "extra": made.extra_repr()}


write("extra_repr.json", {"modules": [printed(spec) for spec in MODULES]})
