"""The initial values of modules, hashed bit by bit, for every kind of kernels: these round what is drawn in other ways.

Of every class of torch.nn that has parameters, with many settings and seeds. test/nn/initial_values.test.ts makes the
same modules. What no kernel of the fixture draws is compared by a few values of each tensor, and by their sum.
"""

import hashlib
import inspect
import json
import os
import subprocess
import sys
import warnings

import torch
from torch import nn

from fixtures import write_compact

warnings.simplefilter("ignore")
KERNELS = ["avx512", "avx2", "default"]


def of(module, *args, call=None, **kwargs):
    """A constructor's arguments, and the shape of what a lazy module is called with."""
    return {"module": module, "args": list(args), "kwargs": kwargs, **({"call": call} if call else {})}


def given(module, *args, **kwargs):
    return {"module": module, "args": list(args), "kwargs": kwargs}


DOUBLE, HALF, BFLOAT = ({"dtype_named": name} for name in ["float64", "float16", "bfloat16"])
CELLS = [
    made for name in ["RNN", "LSTM", "GRU"] for made in [
        of(name, 3, 4), of(name, 5, 7, num_layers=2), of(name, 4, 3, bias=False), of(name, 2, 3, bidirectional=True, batch_first=True),
        of(name, 3, 5, num_layers=3, bidirectional=True, dropout=0.2), of(name, 6, 4, dtype=DOUBLE), of(name, 28, 64), of(name, 1, 1),
    ]
]
PROJECTED = [of("LSTM", 3, 6, proj_size=2), of("LSTM", 3, 6, num_layers=2, bidirectional=True, proj_size=4, bias=False)]
RELU = [of("RNN", 3, 4, nonlinearity="relu"), of("RNNBase", "GRU", 3, 4), of("RNNBase", "LSTM", 2, 5, bias=False), of("RNNCellBase", 3, 4, True, 4)]
SINGLE = [
    made for name in ["RNNCell", "LSTMCell", "GRUCell"] for made in [
        of(name, 3, 4), of(name, 10, 20), of(name, 5, 3, bias=False), of(name, 4, 6, dtype=DOUBLE),
    ]
]
LINEAR = [
    *(of("Linear", *sizes) for sizes in [(1, 1), (3, 4), (7, 16), (16, 7), (100, 30), (784, 128), (0, 3)]),
    of("Linear", 5, 6, bias=False), of("Linear", 5, 6, dtype=DOUBLE), of("Linear", 9, 11, dtype=HALF), of("Linear", 9, 11, dtype=BFLOAT),
    of("Linear", in_features=2, out_features=3, bias=True),
    of("Bilinear", 3, 4, 5), of("Bilinear", 2, 2, 6, bias=False), of("Bilinear", 5, 3, 2, dtype=DOUBLE), of("Bilinear", 16, 16, 4),
    of("LazyLinear", 5, call=[2, 3]), of("LazyLinear", 17, bias=False, call=[2, 9]), of("LazyLinear", 8, call=[1, 64]),
]
CONVOLUTIONS = [
    made for n in [1, 2, 3] for made in [
        of(f"Conv{n}d", 2, 3, 3), of(f"Conv{n}d", 4, 6, 2, groups=2, stride=2), of(f"Conv{n}d", 3, 5, 3, bias=False, padding=1),
        of(f"Conv{n}d", 4, 4, 3, groups=4, padding="same", padding_mode="reflect" if n < 3 else "circular"), of(f"Conv{n}d", 2, 3, 1, dtype=DOUBLE),
        of(f"Conv{n}d", 3, 8, [3, 2, 4][:n], dilation=2),
        of(f"ConvTranspose{n}d", 2, 3, 3), of(f"ConvTranspose{n}d", 4, 6, 2, groups=2, stride=2, output_padding=1),
        of(f"ConvTranspose{n}d", 3, 5, [2, 3, 1][:n], bias=False), of(f"ConvTranspose{n}d", 3, 2, 2, dtype=DOUBLE),
        of(f"LazyConv{n}d", 4, 2, call=[1, 3, 5, 5, 5][:n + 2]), of(f"LazyConv{n}d", 6, 3, bias=False, call=[2, 2, 4, 4, 4][:n + 2]),
        of(f"LazyConvTranspose{n}d", 4, 2, call=[1, 3, 4, 4, 4][:n + 2]), of(f"LazyConvTranspose{n}d", 6, 2, groups=2, call=[1, 4, 3, 3, 3][:n + 2]),
    ]
] + [of("Conv2d", 3, 64, 7, stride=2, padding=3, bias=False), of("Conv2d", 16, 32, 3, dtype=BFLOAT), of("Conv2d", 1, 6, 5, dtype=HALF)]
EMBEDDINGS = [
    made for name in ["Embedding", "EmbeddingBag"] for made in [
        of(name, 10, 3), of(name, 100, 16, padding_idx=1), of(name, 7, 5, padding_idx=-1), of(name, 3, 2, dtype=DOUBLE), of(name, 4, 4),
        of(name, 5, 3, max_norm=1.0), of(name, 33, 17, sparse=True), of(name, 9, 9, dtype=BFLOAT),
    ]
] + [of("EmbeddingBag", 6, 3, mode="sum", include_last_offset=True)]
NORMS = [
    made for n in [1, 2, 3] for made in [
        of(f"BatchNorm{n}d", 4), of(f"BatchNorm{n}d", 3, affine=False), of(f"BatchNorm{n}d", 5, track_running_stats=False, dtype=DOUBLE),
        of(f"InstanceNorm{n}d", 4), of(f"InstanceNorm{n}d", 3, affine=True, track_running_stats=True),
        of(f"LazyBatchNorm{n}d", call=[2, 3, 4, 4, 4][:n + 2]), of(f"LazyInstanceNorm{n}d", affine=True, track_running_stats=True, call=[2, 3, 4, 4, 4][:n + 2]),
    ]
] + [
    of("SyncBatchNorm", 4), of("GroupNorm", 2, 6), of("GroupNorm", 3, 3, affine=False), of("GroupNorm", 1, 5, dtype=DOUBLE),
    of("LayerNorm", 5), of("LayerNorm", [2, 3], bias=False), of("LayerNorm", 4, elementwise_affine=False), of("LayerNorm", 4, dtype=BFLOAT),
    of("RMSNorm", 4), of("RMSNorm", [3, 2], eps=1e-3), of("RMSNorm", 5, elementwise_affine=False),
    of("PReLU"), of("PReLU", 3), of("PReLU", 2, init=0.1, dtype=DOUBLE),
]
ATTENTION = [
    of("MultiheadAttention", 8, 2), of("MultiheadAttention", 6, 3, bias=False), of("MultiheadAttention", 4, 1, add_bias_kv=True),
    of("MultiheadAttention", 8, 4, kdim=3, vdim=5), of("MultiheadAttention", 8, 2, dropout=0.1, add_zero_attn=True, batch_first=True),
    of("MultiheadAttention", 4, 2, dtype=DOUBLE), of("MultiheadAttention", 32, 4, kdim=16, bias=False, add_bias_kv=True),
    of("TransformerEncoderLayer", 8, 2, 16), of("TransformerEncoderLayer", 4, 1, 8, bias=False, activation="gelu", norm_first=True),
    of("TransformerEncoderLayer", 4, 2, 6, dtype=DOUBLE), of("TransformerDecoderLayer", 8, 2, 16), of("TransformerDecoderLayer", 4, 1, 8, bias=False),
    of("TransformerDecoderLayer", 4, 2, 6, dropout=0, batch_first=True),
    of("TransformerEncoder", given("TransformerEncoderLayer", 4, 2, 6), 3), of("TransformerEncoder", given("TransformerEncoderLayer", 4, 2, 6), 2, given("LayerNorm", 4)),
    of("TransformerDecoder", given("TransformerDecoderLayer", 4, 2, 6), 2), of("Transformer", 8, 2, 1, 1, 16), of("Transformer", 4, 2, 2, 1, 8, bias=False),
    of("Transformer", 4, 1, 1, 2, 8, activation="gelu", norm_first=True, dtype=DOUBLE),
]
OTHERS = [
    of("AdaptiveLogSoftmaxWithLoss", 8, 20, [4, 10]), of("AdaptiveLogSoftmaxWithLoss", 16, 50, [5, 15, 30], div_value=2.0, head_bias=True),
    of("AdaptiveLogSoftmaxWithLoss", 4, 9, [3], dtype=DOUBLE),
    of("Sequential", given("Linear", 3, 4), given("ReLU"), given("Linear", 4, 2)), of("ModuleList", [given("Linear", 2, 2), given("LSTM", 2, 2)]),
    of("Sequential", given("Conv2d", 1, 4, 3), given("BatchNorm2d", 4), given("Flatten"), given("Linear", 16, 10)),
]
# Sizes around those at which kernels draw in other ways: 16 numbers at a time.
SIZES = [made for n in [1, 15, 16, 17, 31, 33] for made in [of("Linear", n, 1), of("Embedding", n, 1), of("Conv1d", 1, n, 1), of("Embedding", n, 3, dtype=DOUBLE)]]
CALLS = [*CELLS, *SIZES, *PROJECTED, *RELU, *SINGLE, *LINEAR, *CONVOLUTIONS, *EMBEDDINGS, *NORMS, *ATTENTION, *OTHERS]
# These hold what they are given.
HOLDERS = {"ParameterDict", "ParameterList"}


def check_complete():
    """Every class of torch.nn that makes parameters of its own is called."""
    made = set()
    for name, cls in vars(nn).items():
        if isinstance(cls, type) and issubclass(cls, nn.Module):
            sources = [inspect.getsource(base) for base in cls.__mro__ if base not in (nn.Module, object) and base.__module__.startswith("torch")]
            if any("Parameter(" in source for source in sources):
                made.add(name)
    missing = made - HOLDERS - {call["module"] for call in CALLS}
    assert not missing, missing
    assert len(CALLS) >= 200, len(CALLS)


def value(record):
    if isinstance(record, dict):
        return getattr(torch, record["dtype_named"]) if "dtype_named" in record else made_of(record)
    return [value(each) for each in record] if isinstance(record, list) else record


def made_of(record):
    return getattr(nn, record["module"])(*map(value, record["args"]), **{key: value(each) for key, each in record["kwargs"].items()})


def digest(tensor):
    return hashlib.sha256(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()[:12]


def shown(tensor):
    """The sum of the sizes, the largest, and elements from the beginning to the end."""
    data = tensor.detach().double().reshape(-1)
    size = data.abs()
    if len(data) == 0:
        return []
    return [size.sum().item(), size.max().item(), *(data[i].item() for i in sorted({0, len(data) // 2, len(data) - 1}))]


def rows_of(seed, call):
    torch.manual_seed(seed)
    module = made_of(call)
    if "call" in call:
        module(torch.zeros(call["call"]))
    return [[name, str(tensor.dtype), list(tensor.shape), digest(tensor), shown(tensor)] for name, tensor in module.state_dict().items()]


def probe():
    """What tells kernels apart: numbers that they draw."""
    torch.manual_seed(0)
    drawn = [torch.empty(1000, dtype=dtype) for dtype in [torch.float32, torch.float64]]
    return [each for tensor in drawn for each in [digest(tensor.uniform_(-0.3, 0.3)), digest(tensor.normal_())]]


def here():
    return {"probe": probe(), "rows": [rows_of(seed, call) for seed, call in enumerate(CALLS)]}


def main():
    if sys.argv[1:] == ["--here"]:
        print(json.dumps(here()))
        return
    check_complete()
    found = []
    for kernels in KERNELS:
        environment = {**os.environ, "ATEN_CPU_CAPABILITY": kernels, "OMP_NUM_THREADS": "1"}
        output = subprocess.run([sys.executable, __file__, "--here"], env=environment, stdout=subprocess.PIPE, check=True).stdout
        each = json.loads(output)
        alike = next((other for other in found if other["probe"] == each["probe"]), None)
        assert alike is None or [[row[3] for row in rows] for rows in alike["rows"]] == [[row[3] for row in rows] for rows in each["rows"]]
        if alike is None:
            found.append(each)
    entries = []
    for seed, call in enumerate(CALLS):
        rows = []
        for by_kernels in zip(*(each["rows"][seed] for each in found), strict=True):
            hashes = [row[3] for row in by_kernels]
            rows.append([*by_kernels[0][:3], " ".join(hashes) if len(set(hashes)) > 1 else hashes[0], by_kernels[0][4]])
        entries.append({"seed": seed, **call, "state": rows})
    # The probes are an entry as the calls are: the first.
    write_compact("initial_values.json", {"calls": [[each["probe"] for each in found], *entries]}, "calls")


main()
