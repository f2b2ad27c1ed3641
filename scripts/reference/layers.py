"""Layers with parameters or buffers: their initial values under a seed, forward in training and evaluation, gradients of
inputs and parameters, buffers, and the errors of constructors and calls.

test/nn/layers.test.ts makes the same layers and calls. Inputs are drawn from the seeded generator, which both sides share,
and so are no part of the fixture. Initial values are float32's; all else is computed in float64.
"""

import json
import re
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
    """A layer, what it is made of, and the arguments of its calls; a call's keywords come last, as {"keywords": {...}}."""
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
        case(f"BatchNorm{dims}d", 3, call=[randn(3, 3, *(2, 2, 2)[:dims])], **options)
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
        case(f"InstanceNorm{dims}d", 3, call=[randn(*batch, 3, *(3, 2, 2)[:dims])], **options)
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


ROWS, BAGS = integers([1, 4, 2], [0, 3, 4]), integers(1, 4, 2, 0, 3, 4, 4)
MODES = ["zeros", "reflect", "replicate", "circular"]
CONVOLUTION = [
    *(
        case(f"Conv{dims}d", 2, 4, (3, 3, 2)[dims - 1], call=[randn(*batch, 2, *(5, 4, 3)[:dims])], **options)
        for dims in [1, 2, 3]
        for batch, options in [
            ([2], {}),
            ([], {"stride": 2, "padding": 1, "bias": False}),
            ([2], {"padding": "same", "dilation": 2}),
            ([1], {"padding": "valid", "groups": 2}),
            *(([2], {"padding": 1, "padding_mode": mode, "stride": 2}) for mode in MODES[1:]),
        ]
    ),
    case("Conv1d", 2, 4, [2], [2], [1], [1], 2, False, "zeros", call=[randn(2, 2, 5)]),
    case("Conv2d", 2, 4, [2, 3], [1, 2], [0, 1], [2, 1], call=[randn(2, 2, 5, 4)]),
    case("Conv2d", 2, 2, [2, 3], padding="same", padding_mode="circular", call=[randn(2, 2, 5, 4)]),
    case("Conv2d", 1, 2, 4, padding="same", dilation=[1, 2], padding_mode="replicate", call=[randn(1, 5, 6)]),
    case("Conv2d", 2, 2, 3, padding="valid", padding_mode="reflect", call=[randn(2, 2, 5, 4)]),
    case("Conv3d", 1, 2, [1, 2, 3], padding=[0, 2, 1], padding_mode="circular", call=[randn(1, 1, 2, 3, 4)]),
    *(
        case(f"ConvTranspose{dims}d", 2, 4, 2, call=[randn(*batch, 2, *(3, 2, 2)[:dims]), *size], **options)
        for dims in [1, 2, 3]
        for batch, size, options in [
            ([2], [], {}),
            ([], [], {"stride": 2, "padding": 1, "output_padding": 1, "bias": False}),
            ([2], [], {"groups": 2, "dilation": 2}),
            ([2], [[2, 4, *(7, 4, 5)[:dims]]], {"stride": 2}),
            ([], [{"keywords": {"output_size": [6, 5, 4][:dims]}}], {"stride": 2}),
        ]
    ),
    case("ConvTranspose2d", 2, 4, [2, 3], [1, 2], [0, 1], [0, 1], 2, False, [1, 2], "zeros", call=[randn(2, 2, 3, 2)]),
]
OTHER = [
    case("PReLU", call=[randn(2, 3)]),
    case("PReLU", 3, 0.1, call=[randn(2, 3, 2)]),
    case("Bilinear", 2, 3, 4, call=[randn(5, 2), randn(5, 3)]),
    case("Bilinear", 2, 3, 4, bias=False, call=[randn(2, 3, 2), randn(2, 3, 3)]),
    case("Linear", 3, 2, call=[randn(4, 3)]),
    case("Embedding", 5, 3, call=[ROWS]),
    case("Embedding", 5, 3, padding_idx=-1, max_norm=1.0, norm_type=1.0, call=[ROWS]),
    case("Embedding", 5, 3, padding_idx=2, scale_grad_by_freq=True, call=[ROWS]),
    case("Embedding", 5, 3, padding_idx=2, sparse=True, call=[ROWS]),
    *(case("EmbeddingBag", 5, 3, mode=mode, call=[ROWS]) for mode in ["sum", "mean", "max"]),
    *(case("EmbeddingBag", 5, 3, mode=mode, padding_idx=4, call=[BAGS, integers(0, 3, 3)]) for mode in ["sum", "mean", "max"]),
    case("EmbeddingBag", 5, 3, padding_idx=-2, max_norm=1.0, sparse=True, call=[BAGS, integers(0, 3, 3)]),
    case("EmbeddingBag", 5, 3, mode="sum", scale_grad_by_freq=True, call=[BAGS, integers(0, 2)]),
    case("EmbeddingBag", 5, 3, mode="sum", include_last_offset=True, call=[BAGS, {"keywords": {"offsets": integers(0, 3, 7)}}]),
    case("EmbeddingBag", 5, 3, mode="sum", call=[ROWS, None, randn(2, 3)]),
    case("EmbeddingBag", 5, 3, mode="sum", call=[BAGS, integers(0, 2), {"keywords": {"per_sample_weights": randn(7)}}]),
    *(
        case(kind, 3, 4, call=call, **options)
        for kind in ["RNNCell", "LSTMCell", "GRUCell"]
        for one in [lambda *shape: [randn(*shape), randn(*shape)] if kind == "LSTMCell" else randn(*shape)]
        for call, options in [
            ([randn(2, 3)], {}),
            ([randn(2, 3), one(2, 4)], {}),
            ([randn(3), one(4)], {"bias": False}),
            ([randn(3)], {}),
        ]
    ),
    case("RNNCell", 3, 4, nonlinearity="relu", call=[randn(2, 3), {"keywords": {"hx": randn(2, 4)}}]),
    case("RNNCell", 3, 4, False, "relu", call=[randn(3)]),
]
LAZY = [
    *(
        case(f"LazyConv{transpose}{dims}d", 4, 2, call=[randn(*batch, 2, *(3, 3, 2)[:dims])], **options)
        for transpose in ["", "Transpose"]
        for dims in [1, 2, 3]
        for batch, options in [([2], {}), ([], {"stride": 2, "groups": 2, "bias": False})]
    ),
    case("LazyConv2d", 4, [2, 3], padding="same", padding_mode="circular", call=[randn(2, 2, 4, 3)]),
    case("LazyConvTranspose2d", 4, 2, stride=2, dilation=[1, 2], call=[randn(2, 2, 4, 3), [8, 8]]),
    *(
        case(f"Lazy{kind}Norm{dims}d", call=[randn(2, 3, *(3, 2, 2)[:dims])], **options)
        for kind in ["Batch", "Instance"]
        for dims in [1, 2, 3]
        for options in [{}, {"affine": False, "momentum": None if kind == "Batch" else 0.3}, {"track_running_stats": False, "bias": False}]
    ),
    case("LazyBatchNorm1d", 0.001, 0.3, False, False, call=[randn(2, 3)]),
]


def made(module, *args, **options):
    return case(module, *args, call=None, **options)


ERRORS = [
    case("LayerNorm", 5, call=[randn(2, 4)]),
    case("LayerNorm", [3, 5], call=[randn(5)]),
    case("RMSNorm", 5, call=[randn(2, 4)]),
    made("GroupNorm", 2, 5),
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
    made("Conv1d", 3, 4, 3, groups=0),
    made("Conv2d", 3, 4, 3, groups=-1),
    made("Conv2d", 3, 4, 3, groups=2),
    made("Conv3d", 4, 3, 3, groups=2),
    made("Conv2d", 3, 4, 3, padding="full"),
    made("Conv2d", 3, 4, 3, padding="same", stride=[1, 2]),
    made("Conv2d", 3, 4, 3, padding_mode="mirror"),
    case("Conv2d", 3, 4, 3, call=[randn(2, 4, 5, 5)]),
    case("Conv2d", 3, 4, 3, call=[randn(3, 5)]),
    case("Conv1d", 3, 4, 3, call=[randn(2, 3, 2)]),
    made("ConvTranspose1d", 3, 4, 3, padding_mode="reflect"),
    made("ConvTranspose2d", 3, 4, 3, groups=2),
    case("ConvTranspose2d", 3, 4, 3, stride=2, call=[randn(2, 3, 5, 5), [9, 9]]),
    case("ConvTranspose2d", 3, 4, 3, stride=2, call=[randn(3, 5, 5), [11, 13]]),
    case("ConvTranspose2d", 3, 4, 3, call=[randn(2, 3, 5, 5), [2, 2, 2]]),
    case("ConvTranspose3d", 3, 4, 3, call=[randn(3, 5, 5, 5), [2, 2]]),
    case("ConvTranspose1d", 3, 4, 3, output_padding=1, call=[randn(2, 3, 5)]),
    case("PReLU", 2, call=[randn(2, 3)]),
    made("Bilinear", 0, 3, 4),
    case("Bilinear", 2, 3, 4, call=[randn(5, 2), randn(4, 3)]),
    case("Bilinear", 2, 3, 4, call=[randn(5, 3), randn(5, 3)]),
    made("Embedding", -1, 3),
    made("EmbeddingBag", 2, -3),
    made("BatchNorm1d", -1),
    made("Conv1d", -2, 3, 1),
    made("GRUCell", -1, 3),
    made("PReLU", -1),
    made("LayerNorm", -1),
    made("Embedding", 5, 3, padding_idx=5),
    made("Embedding", 5, 3, padding_idx=-6),
    case("Embedding", 5, 3, call=[integers(5)]),
    made("EmbeddingBag", 5, 3, padding_idx=5),
    made("EmbeddingBag", 5, 3, padding_idx=-6),
    case("EmbeddingBag", 5, 3, mode="prod", call=[ROWS]),
    case("EmbeddingBag", 5, 3, mode="max", sparse=True, call=[ROWS]),
    case("EmbeddingBag", 5, 3, mode="max", scale_grad_by_freq=True, call=[ROWS]),
    case("EmbeddingBag", 5, 3, call=[BAGS]),
    case("EmbeddingBag", 5, 3, call=[ROWS, integers(0)]),
    case("EmbeddingBag", 5, 3, call=[BAGS, integers([0])]),
    case("EmbeddingBag", 5, 3, call=[BAGS, integers(1)]),
    case("EmbeddingBag", 5, 3, call=[integers([[1]])]),
    case("EmbeddingBag", 5, 3, call=[ROWS, None, randn(2, 3)]),
    case("EmbeddingBag", 5, 3, mode="sum", call=[ROWS, None, randn(2, 2)]),
    *(case(kind, 3, 4, call=[randn(1, 2, 3)]) for kind in ["RNNCell", "LSTMCell", "GRUCell"]),
    *(case(kind, 3, 4, call=[randn(2, 2)]) for kind in ["RNNCell", "LSTMCell", "GRUCell"]),
    *(case(kind, 3, 4, call=[randn(2, 3), randn(3, 4)]) for kind in ["RNNCell", "GRUCell"]),
    *(case(kind, 3, 4, call=[randn(2, 3), randn(1, 2, 4)]) for kind in ["RNNCell", "GRUCell"]),
    case("LSTMCell", 3, 4, call=[randn(2, 3), [randn(2, 4), randn(1, 2, 4)]]),
    case("LSTMCell", 3, 4, call=[randn(2, 3), [randn(2, 4), randn(3, 4)]]),
    *(case(kind, 3, 4, call=[randn(2, 3), randn(2, 3)]) for kind in ["RNNCell", "GRUCell"]),
    case("LSTMCell", 3, 4, call=[randn(2, 3), [randn(2, 4), randn(2, 5)]]),
    case("LazyConv2d", 4, 3, call=[randn(2, 3)]),
    case("LazyConvTranspose1d", 4, 3, call=[randn(2, 3, 4, 5)]),
    case("LazyConv2d", 4, 3, groups=2, call=[randn(2, 3, 4, 5)]),
    case("LazyBatchNorm2d", call=[randn(2, 3, 4)]),
    case("LazyInstanceNorm1d", call=[randn(3, 4)]),
]

FAMILIES = {"normalization": NORMALIZATION, "convolution": CONVOLUTION, "other layers": OTHER, "lazy layers": LAZY}


def build(spec):
    return getattr(nn, spec["module"])(*spec["args"], **spec["options"])


def argument(spec, leaves):
    """An argument of a call; tensors that have a gradient are added to `leaves`."""
    if not isinstance(spec, dict):
        states = isinstance(spec, list) and isinstance(spec[0], dict)
        return tuple(argument(item, leaves) for item in spec) if states else spec
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
    initial = {name: None if nn.parameter.is_lazy(tensor) else values(tensor) for name, tensor in module.state_dict().items()}
    module.double()
    call(module, spec["call"])
    becomes = type(module).__name__
    outputs, leaves = call(module, spec["call"])
    torch.autograd.backward(outputs, [torch.randn_like(output) for output in outputs])
    result = {
        "initial": initial,
        "becomes": becomes,
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
        # Sets are in no order; lines after the first name libtorch's types, which have several names.
        message = re.sub(r"\{('[^}]*')\}", lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", str(error).split("\n")[0])
        return {**spec, "error": type(error).__name__, "message": message}
    sys.exit(f"{spec} raises nothing")


def loading(module, *changes, version=2, **options):
    """What loading a state says that lacks or has what another version of the class had: names with values, or None."""
    layer = getattr(nn, module)(2, **options)
    state = layer.state_dict()
    if version is None:
        del state._metadata
    else:
        state._metadata[""]["version"] = version
    for name, value in changes:
        if value is None:
            del state[name]
        else:
            state[name] = torch.tensor(value)
    try:
        layer.load_state_dict(state)
        message = None
    except RuntimeError as error:
        message = str(error)
    return {"module": module, "options": options, "changes": dict(changes), "version": version, "message": message}


TRACKED, MEAN, VAR = ("num_batches_tracked", None), ("running_mean", [1.0, 2.0]), ("running_var", [3.0, 4.0])
STATES = [
    *(loading("BatchNorm1d", TRACKED, version=version) for version in [None, 1, 2, 3]),
    loading("BatchNorm1d", TRACKED, MEAN, version=None),
    loading("BatchNorm1d", MEAN, version=None, track_running_stats=False),
    loading("InstanceNorm1d", TRACKED, version=1, track_running_stats=True),
    loading("InstanceNorm1d", TRACKED, version=2, track_running_stats=True),
    loading("InstanceNorm1d", MEAN, VAR, version=None),
    loading("InstanceNorm1d", VAR, version=None, affine=True),
    loading("InstanceNorm1d", MEAN, VAR, version=1),
]

warnings.simplefilter("ignore")
rows = [f'"{family}": [\n' + ",\n".join(json.dumps(run(spec), separators=(",", ":")) for spec in specs) + "\n]"
        for family, specs in FAMILIES.items()]
errors = ",\n".join(json.dumps(failure(spec), separators=(",", ":")) for spec in ERRORS)
states = ",\n".join(json.dumps(state, separators=(",", ":")) for state in STATES)
version = torch.__version__.split("+")[0]
torch.manual_seed(0)
# Whether kernels round the product in u * (to - from) + from is the processor's.
uniform = json.dumps(digest(torch.empty(1000).uniform_(-0.3, 0.3)))
(FOLDER / "layers.json").write_text(f'{{"torch": "{version}",\n"uniform": {uniform},\n"families": {{\n' + ",\n".join(rows) + f'\n}},\n"errors": [\n{errors}\n],\n"states": [\n{states}\n]}}\n')
print(f"layers.json: {(FOLDER / 'layers.json').stat().st_size} bytes")
