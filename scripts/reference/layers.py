"""Layers with parameters or buffers: their initial values under a seed, forward in training and evaluation, gradients of
inputs and parameters, buffers, and the errors of constructors and calls.

test/nn/layers.test.ts makes the same layers and calls. Inputs are drawn from the seeded generator, which both sides share,
and so are no part of the fixture. Initial values are float32's, compared bit for bit; all else is computed in float64.
"""

import json
import sys
import warnings

import torch
from torch import nn

from fixtures import FOLDER, digest, values

DOUBLE = torch.float64


def randn(*shape):
    return {"randn": list(shape)}


def integers(*data):
    return {"integers": list(data)}


def case(module, *args, call, **options):
    """A layer by its class and what it is made of, and the arguments of its calls; keywords of a call come last, as {"keywords": {...}}."""
    return {"module": module, "args": list(args), "options": options, "call": call}


IMAGE, VOLUME = randn(2, 3, 4, 5), randn(2, 3, 2, 3, 4)
NORMALIZATION = [
    case("LayerNorm", 5, call=[randn(2, 3, 5)]),
    case("LayerNorm", [4, 5], eps=0.001, bias=False, call=[IMAGE]),
    case("LayerNorm", [3, 4, 5], elementwise_affine=False, call=[IMAGE]),
    case("RMSNorm", 5, call=[randn(2, 3, 5)]),
    case("RMSNorm", [4, 5], eps=0.001, call=[IMAGE]),
    case("RMSNorm", 5, elementwise_affine=False, call=[IMAGE]),
    case("GroupNorm", 2, 6, call=[randn(2, 6, 5)]),
    case("GroupNorm", 6, 6, 0.001, bias=False, call=[randn(2, 6, 3, 2)]),
    case("GroupNorm", 1, 6, affine=False, call=[randn(2, 6)]),
    case("LocalResponseNorm", 2, call=[randn(2, 5, 4)]),
    case("LocalResponseNorm", 3, 0.5, 0.6, 2.0, call=[randn(2, 5, 2, 3)]),
    case("LocalResponseNorm", 4, alpha=0.3, call=[randn(1, 5, 2, 2, 2)]),
    case("CrossMapLRN2d", 3, 0.5, 0.6, 2.0, call=[randn(2, 6, 2, 3)]),
    case("CrossMapLRN2d", 4, alpha=0.5, call=[randn(2, 9, 2, 2)]),
    case("CrossMapLRN2d", 5, call=[randn(1, 2, 2, 3)]),
    *(
        case(f"BatchNorm{dims}d", 3, call=[randn(4, 3, *(2, 3, 2)[:dims])], **options)
        for dims in [1, 2, 3]
        for options in [
            {},
            {"momentum": None},
            {"affine": False, "eps": 0.001, "momentum": 0.3},
            {"track_running_stats": False},
            {"bias": False, "momentum": 0.0},
        ]
    ),
    case("BatchNorm1d", 3, call=[randn(4, 3)]),
    case("SyncBatchNorm", 3, call=[randn(4, 3, 2)]),
    *(
        case(f"InstanceNorm{dims}d", 3, call=[randn(*batch, 3, *(4, 3, 2)[:dims])], **options)
        for dims in [1, 2, 3]
        for batch, options in [
            ([2], {}),
            ([], {"affine": True}),
            ([2], {"affine": True, "bias": False, "eps": 0.001}),
            ([2], {"affine": True, "track_running_stats": True, "momentum": 0.3}),
            ([], {"track_running_stats": True}),
        ]
    ),
]


def made(spec):
    return case(spec["module"], *spec["args"], call=None, **spec["options"])


ERRORS = [
    case("LayerNorm", 5, call=[randn(2, 4)]),
    case("LayerNorm", [3, 5], call=[randn(5)]),
    case("RMSNorm", 5, call=[randn(2, 4)]),
    made(case("GroupNorm", 2, 5, call=None)),
    case("GroupNorm", 2, 4, call=[randn(4)]),
    case("GroupNorm", 2, 4, call=[randn(2, 6, 2)]),
    case("GroupNorm", 2, 2, call=[randn(1, 2, 1)]),
    case("LocalResponseNorm", 2, call=[randn(2, 3)]),
    case("CrossMapLRN2d", 2, call=[randn(2, 3, 4)]),
    *(
        case(f"{kind}{dims}d", 3, call=[randn(*[3] * count)], **options)
        for kind, options in [("BatchNorm", {}), ("InstanceNorm", {"affine": True})]
        for dims in [1, 2, 3]
        for count in range(1, 7)
        if count not in ({1: [2, 3], 2: [4], 3: [5]}[dims] if kind == "BatchNorm" else [dims + 1, dims + 2])
    ),
    case("BatchNorm1d", 3, call=[randn(1, 3)]),
    case("BatchNorm2d", 3, call=[randn(1, 3, 1, 1)]),
    case("BatchNorm2d", 3, call=[randn(2, 4, 2, 2)]),
    case("BatchNorm2d", 3, eps=-0.5, call=[randn(2, 3, 2, 2)]),
    case("SyncBatchNorm", 3, call=[randn(3)]),
    case("SyncBatchNorm", 0, call=[randn(2, 0, 3)]),
    case("InstanceNorm1d", 3, call=[randn(2, 3, 1)]),
    case("InstanceNorm2d", 3, affine=True, call=[randn(2, 4, 2, 2)]),
    case("InstanceNorm2d", 3, affine=True, call=[randn(4, 2, 2)]),
]

FAMILIES = {"normalization": NORMALIZATION}


def build(spec):
    return getattr(nn, spec["module"])(*spec["args"], **spec["options"])


def argument(spec, leaves):
    """An argument of a call; tensors that have a gradient are added to `leaves`."""
    if not isinstance(spec, dict):
        return tuple(argument(item, leaves) for item in spec) if isinstance(spec, list) else spec
    if "integers" in spec:
        return torch.tensor(spec["integers"], dtype=torch.int64)
    leaves.append(torch.randn(spec["randn"], dtype=DOUBLE, requires_grad=True))
    return leaves[-1]


def call(module, spec):
    leaves, args, keywords = [], [], {}
    for item in spec:
        if isinstance(item, dict) and "keywords" in item:
            keywords = {name: argument(value, leaves) for name, value in item["keywords"].items()}
        else:
            args.append(argument(item, leaves))
    output = module(*args, **keywords)
    return (list(output) if isinstance(output, tuple) else [output]), leaves


def run(spec):
    torch.manual_seed(0)
    module = build(spec)
    initial = {name: digest(tensor) for name, tensor in module.state_dict().items()}
    module.double()
    call(module, spec["call"])
    outputs, leaves = call(module, spec["call"])
    torch.autograd.backward(outputs, [torch.randn_like(output) for output in outputs])
    result = {
        "initial": initial,
        "outputs": [values(output) for output in outputs],
        "input_grads": [values(leaf.grad) for leaf in leaves],
        "grads": {name: dense(parameter.grad) for name, parameter in module.named_parameters()},
        "buffers": {name: values(buffer) for name, buffer in module.named_buffers()},
    }
    outputs, _ = call(module.eval(), spec["call"])
    return {**spec, **result, "evaluated": [values(output) for output in outputs]}


def dense(grad):
    return None if grad is None else values(grad.to_dense())


def failure(spec):
    torch.manual_seed(0)
    try:
        module = build(spec)
        if spec["call"] is not None:
            call(module.double(), spec["call"])
    except Exception as error:
        return {**spec, "error": type(error).__name__, "message": str(error)}
    sys.exit(f"{spec} raises nothing")


warnings.simplefilter("ignore")
rows = [f'"{family}": [\n' + ",\n".join(json.dumps(run(spec), separators=(",", ":")) for spec in specs) + "\n]"
        for family, specs in FAMILIES.items()]
errors = ",\n".join(json.dumps(failure(spec), separators=(",", ":")) for spec in ERRORS)
version = torch.__version__.split("+")[0]
(FOLDER / "layers.json").write_text(f'{{"torch": "{version}",\n"families": {{\n' + ",\n".join(rows) + f'\n}},\n"errors": [\n{errors}\n]}}\n')
print(f"layers.json: {(FOLDER / 'layers.json').stat().st_size} bytes")
