"""Writes test/fixtures/checkpoints.json: checkpoints as torch.save writes them, each with what it holds in words of JSON.

    checkpoints.py           all of them, by the pinned torch
    checkpoints.py NAME      those that any torch since 2.0 can write, by whichever runs this, as checkpoints_NAME.json
    checkpoints.py compare FOLDER    reads FOLDER/*.pt with weights_only=True and prints what they hold
"""

import base64
import collections
import io
import json
import math
import pathlib
import sys
import unittest.mock
import warnings
import zipfile

import torch
from torch import nn, optim

warnings.simplefilter("ignore")
FIXTURES = pathlib.Path(__file__).parents[2] / "test" / "fixtures"


# --- what a value is, in words ----------------------------------------------------------------------------------

def bytes_of(x):
    x = x.detach()
    if x.is_quantized:
        x = x.int_repr()
    x = x.resolve_conj().resolve_neg().contiguous().flatten()
    return bytes(x.view(torch.uint8).tolist()).hex() if x.numel() > 0 else ""


class Words:
    """Lists, dicts and tensors that are met again are named by the number of their first time."""

    def __init__(self):
        self.seen, self.storages, self.kept = {}, {}, []

    def of(self, value):
        if value is None or isinstance(value, bool):
            return value
        if type(value).__module__ == "numpy":
            # JavaScript has tensors and numbers in their place.
            is_array = type(value).__name__ == "ndarray"
            return self.of(torch.from_numpy(value).contiguous() if is_array else value.item())
        if isinstance(value, int):
            return {"int": str(value)}
        if isinstance(value, float):
            return {"float": repr(value)}
        if isinstance(value, complex):
            return {"complex": [repr(value.real), repr(value.imag)]}
        if isinstance(value, str):
            return {"str": value}
        if isinstance(value, (bytes, bytearray)):
            return {"bytes": value.hex()}
        if isinstance(value, torch.Size):
            return {"size": list(value)}
        if isinstance(value, (torch.dtype, torch.layout, torch.device)):
            return {"constant": str(value)}
        if isinstance(value, tuple):
            return {"tuple": [self.of(item) for item in value]}
        if isinstance(value, set):
            return {"set": [self.of(item) for item in sorted(value, key=repr)]}
        if id(value) in self.seen:
            return {"same": self.seen[id(value)]}
        self.kept.append(value)
        self.seen[id(value)] = len(self.seen)
        if isinstance(value, list):
            return {"list": [self.of(item) for item in value]}
        if isinstance(value, dict):
            metadata = getattr(value, "_metadata", None)
            items = [[self.of(key), self.of(item)] for key, item in value.items()]
            return {"dict": items} if metadata is None else {"dict": items, "metadata": Words().of(metadata)}
        if isinstance(value, torch.Tensor):
            return {"tensor": self.of_tensor(value)}
        raise TypeError(type(value))

    def of_tensor(self, x):
        kind = "Parameter" if isinstance(x, nn.Parameter) else "Buffer" if getattr(x, "_is_buffer", False) else "Tensor"
        word = {"kind": kind, "dtype": str(x.dtype), "shape": list(x.shape), "requires_grad": x.requires_grad}
        if x.layout == torch.sparse_coo:
            parts = [x._indices(), x._values()]
            return {**word, "layout": str(x.layout), "coalesced": x.is_coalesced(), "parts": [bytes_of(part) for part in parts]}
        if x.layout != torch.strided:
            row = x.layout in (torch.sparse_csr, torch.sparse_bsr)
            indices = [x.crow_indices(), x.col_indices()] if row else [x.ccol_indices(), x.row_indices()]
            return {**word, "layout": str(x.layout), "parts": [bytes_of(part) for part in [*indices, x.values()]]}
        word["stride"] = list(x.stride())
        if x.is_meta:
            return {**word, "meta": True}
        if x.is_quantized:
            word["quantizer"] = (
                [repr(x.q_scale()), x.q_zero_point()] if x.qscheme() == torch.per_tensor_affine else
                [x.q_per_channel_scales().tolist(), x.q_per_channel_zero_points().tolist(), x.q_per_channel_axis()])
        storage = self.storages.setdefault(x.untyped_storage()._cdata, len(self.storages))
        return {**word, "offset": x.storage_offset(), "storage": storage, "conj": x.is_conj(), "neg": x.is_neg(),
                "bytes": bytes_of(x)}


# --- the cases --------------------------------------------------------------------------------------------------

def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def numbers(count=6):
    return torch.arange(count, dtype=torch.float64) * 1.25 - 2


def tensors():
    """Tensors of every dtype and shape, views and kinds; those that this torch has."""
    names = ["uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
             "complex128", "bool", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
             "float8_e5m2fnuz", "complex32"]
    for name in names:
        if hasattr(torch, name):
            yield name, numbers().to(getattr(torch, name)).reshape(2, 3)
    yield "0-d", torch.tensor(1.5)
    yield "empty", torch.empty(0)
    yield "sizes of zero", torch.empty(2, 0, 3)
    yield "transposed", numbers().reshape(2, 3).t()
    yield "every second", numbers()[1::2]
    yield "expanded", torch.tensor([1.0, 2.0]).expand(3, 2)
    yield "overlapping", numbers().as_strided((3, 2), (1, 2), 1)
    yield "channels last", torch.arange(16.0).reshape(1, 2, 2, 4).to(memory_format=torch.channels_last)
    yield "conjugated", torch.tensor([1 + 2j, 3 - 1j]).conj()
    yield "negated", torch.tensor([1 + 2j, 3 - 1j]).conj().imag
    yield "requires grad", torch.ones(2, requires_grad=True)
    yield "computed", torch.ones(2, requires_grad=True) * 3
    yield "parameter", nn.Parameter(torch.ones(2))
    yield "frozen parameter", nn.Parameter(torch.ones(2), requires_grad=False)
    yield "meta", torch.empty_strided((2, 3), (1, 2), device="meta")
    coo = torch.sparse_coo_tensor([[0, 1, 1], [2, 0, 0]], [3.0, 4.0, 5.0], (2, 3))
    yield "coo", coo
    yield "coalesced", coo.coalesce()
    yield "hybrid", torch.sparse_coo_tensor([[1, 0]], [[1.0, 2.0], [3.0, 4.0]], (3, 2))
    yield "coo without elements", torch.sparse_coo_tensor(torch.empty(2, 0, dtype=torch.int64), torch.empty(0), (2, 3))
    yield "csr", coo.coalesce().to_sparse_csr()
    yield "csc", coo.to_dense().to_sparse_csc()
    yield "bsr", torch.eye(4).to_sparse_bsr((2, 2))
    yield "bsc", torch.eye(4).to_sparse_bsc((2, 2))
    for name in ("quint8", "qint8", "qint32"):
        yield name, torch.quantize_per_tensor(torch.tensor([-1.0, 0.0, 2.5]), 0.5, 3, getattr(torch, name))
    scales, points = torch.tensor([0.1, 0.5], dtype=torch.float64), torch.tensor([1, 2])
    yield "per channel", torch.quantize_per_channel(numbers().float().reshape(2, 3), scales, points, 0, torch.qint8)
    yield "quantised view", torch.quantize_per_tensor(numbers().float().reshape(2, 3), 0.5, 3, torch.quint8).t()


def values():
    base = torch.arange(10.0)
    yield "shared views", {"all": base, "part": base[3:6], "turned": base[:6].view(2, 3).t(), "again": base}
    tied = nn.Parameter(torch.ones(2, 2))
    yield "tied", {"encoder": tied, "decoder": tied}
    yield "one list twice", (lambda inner: [inner, inner, {"inner": inner}])([1, 2])
    circle = {"name": "circle"}
    circle["self"] = circle
    circle["list"] = [circle]
    yield "circle", circle
    yield "numbers", [0, 1, -1, 255, 256, 65536, 2**31 - 1, 2**31, -(2**31), 2**53, -(2**53) - 1, 2**63, -(2**64), 2**2000]
    yield "floats", [0.0, -0.0, 1.0, 0.1, 1e300, 5e-324, math.inf, -math.inf, math.nan]
    yield "strings", ["", "é", "字😀", "\ud83d half", "a\0b", "x" * 300]
    yield "plain", [None, True, False, 1 + 2j, "text"]
    yield "bytes", [b"\x00\xff\x80abc", bytearray(b"\x01\x02")]
    yield "tuples", (1, (), (2,), (3, 4), (5, 6, 7), (8, 9, 10, 11), [(12, [13])])
    yield "sets", {1, "a", (2, 3)}
    yield "torch's own", [torch.Size([2, 3]), torch.Size([]), torch.float16, torch.bool, torch.device("cpu"),
                          torch.device("cuda", 1), torch.sparse_coo, torch.strided]
    yield "names", {"__proto__": 1, "constructor": {"__proto__": None}, "": 2, "a.b": 3, "字": 4}
    yield "names in order", {"b": 1, "a": 2, "c": 3}
    yield "names that JavaScript sorts", {"b": 1, "10": 2, "9": 3}
    yield "numbered names", {"0": 1, "1": 2, "x": 3}
    yield "keys of all kinds", {1: "int", "1": "str", 2.5: "float", None: "none", (1, 2): "tuple", True + 1: "two"}
    yield "empty containers", [{}, [], (), set(), collections.OrderedDict()]
    yield "ordered", collections.OrderedDict([("z", 1), ("y", [2, 3])])
    yield "counter", collections.Counter({3: 2, 7: 1})
    yield "many items", {str(i): i for i in range(2500)} | {"list": list(range(1500))}
    yield "deep", (lambda f: f(f, 60))(lambda f, n: [f(f, n - 1)] if n else "end")


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.lstm = nn.LSTM(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.out = nn.Linear(3, 5)
        self.register_buffer("table", torch.arange(3))


def states():
    torch.manual_seed(0)
    model = Tiny()
    yield "model", model.state_dict()
    yield "attention", nn.MultiheadAttention(4, 2).state_dict()
    yield "lists and dicts of modules", nn.ModuleDict(
        {"a": nn.ModuleList([nn.Linear(1, 2), nn.PReLU()]), "b": nn.ParameterList([torch.ones(2), torch.zeros(1)])}).state_dict()
    for name in ("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "RAdam",
                 "RMSprop", "Rprop", "SGD", "SparseAdam"):
        if hasattr(optim, name):
            yield f"optimizer {name}", trained(getattr(optim, name))[0].state_dict()
    optimizer, params = trained(optim.AdamW)
    schedulers = {
        "StepLR": lambda: optim.lr_scheduler.StepLR(optimizer, 2),
        "MultiStepLR": lambda: optim.lr_scheduler.MultiStepLR(optimizer, [1, 4, 4]),
        "OneCycleLR": lambda: optim.lr_scheduler.OneCycleLR(optimizer, 0.5, 10),
        "CosineAnnealingLR": lambda: optim.lr_scheduler.CosineAnnealingLR(optimizer, 10),
        "ReduceLROnPlateau": lambda: optim.lr_scheduler.ReduceLROnPlateau(optimizer),
        "SequentialLR": lambda: optim.lr_scheduler.SequentialLR(
            optimizer, [optim.lr_scheduler.ConstantLR(optimizer), optim.lr_scheduler.ExponentialLR(optimizer, 0.9)], [2]),
    }
    for name, make in schedulers.items():
        scheduler = make()
        for _ in range(3):
            optimizer.step()
            scheduler.step(*([1.0] if name == "ReduceLROnPlateau" else []))
        yield f"scheduler {name}", scheduler.state_dict()
    yield "whole training", {"epoch": 3, "loss": 0.25, "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                             "best": None, "args": {"lr": 0.1, "layers": [1, 2], "betas": (0.9, 0.99)}}


def trained(kind):
    torch.manual_seed(1)
    sparse = kind is optim.SparseAdam
    table = nn.Parameter(torch.randn(4, 3))
    params = [table] if sparse or kind.__name__ == "Muon" else [table, nn.Parameter(torch.randn(3))]
    optimizer = kind(params, **({"momentum": 0.9, "lr": 0.1} if kind is optim.SGD else {}))
    for _ in range(3):

        def closure():
            optimizer.zero_grad()
            loss = nn.functional.embedding(torch.tensor([0, 2]), table, sparse=sparse).pow(2).sum()
            loss = loss + sum(param.pow(2).sum() for param in params[1:])
            loss.backward()
            return loss

        optimizer.step(closure)
    return optimizer, params


def formats(all_of_them):
    """Files that torch.save writes otherwise: older ones, and those of other machines."""
    value = {"x": numbers(), "half": numbers()[2:4].half(), "flags": torch.tensor([True, False]), "n": [1, 2.5, "a"]}
    value["view"] = value["x"][1:3]
    yield "the legacy format", value, saved(value, _use_new_zipfile_serialization=False), {}
    sparse = [torch.eye(2).to_sparse(), torch.quantize_per_tensor(torch.ones(2), 0.5, 3, torch.quint8), nn.Parameter(torch.ones(1))]
    yield "the legacy format with all kinds", sparse, saved(sparse, _use_new_zipfile_serialization=False), {}
    state = Tiny().state_dict()
    yield "the legacy format of a model", state, saved(state, _use_new_zipfile_serialization=False), {}
    if not all_of_them:
        return
    yield "without an order of bytes", value, saved(value, _disable_byteorder_record=True), {}
    swapped = {"x": torch.tensor([1, -2]), "c": torch.tensor([1 + 2j]), "b": torch.tensor([7], dtype=torch.uint8)}
    turned = {"x": swapped["x"].numpy().byteswap(), "c": swapped["c"].numpy().byteswap(), "b": swapped["b"].numpy()}
    with unittest.mock.patch("sys.byteorder", "big"):
        yield "the other order of bytes", swapped, saved({name: torch.from_numpy(x) for name, x in turned.items()}), {}
    with unittest.mock.patch("torch.serialization.location_tag", lambda storage: "cuda:0"):
        yield "from a GPU", value, saved(value), {"map_location": "cpu"}
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(value))) as before, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            after.writestr(name, before.read(name))
    yield "compressed", value, packed.getvalue(), {}
    path = pathlib.Path("/tmp/checkpoint of mine.tar")
    torch.save(value, path)
    yield "an archive of another name", value, path.read_bytes(), {}
    path.unlink()


def with_numpy():
    import numpy

    names = ["numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray"]
    given = {"safe": names}
    scalars = [numpy.float64(1.5), numpy.float32(0.25), numpy.int64(-3), numpy.uint8(200), numpy.bool_(True), numpy.complex128(1 + 2j)]
    yield "numpy's scalars", scalars, saved(scalars), given
    array = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
    arrays = [array, numpy.asfortranarray(array), array.astype(">i4"), numpy.array(2.5)]
    told = [array.copy() for array in [array, array, array.astype("i4"), *arrays[3:]]]
    yield "numpy's arrays", told, saved(arrays), given


def newest():
    buffer = nn.Buffer(torch.ones(2))
    yield "buffers", {"kept": buffer, "other": nn.Buffer(torch.zeros(1), persistent=False), "again": buffer}


def cases(all_of_them):
    for name, value in [*tensors(), *values(), *states()]:
        try:
            yield name, value, saved(value), {}
        except (KeyError, NotImplementedError) as error:
            # What older ones have, but do not write.
            if all_of_them:
                raise
            print(f"{name}: {error}")
    yield from formats(all_of_them)
    if all_of_them:
        for name, value in newest():
            yield name, value, saved(value), {}
        yield from with_numpy()


def write(file, all_of_them):
    rows = []
    for name, value, data, given in cases(all_of_them):
        if not given and all_of_them:
            # What Python itself does not read is no checkpoint of ours either.
            torch.load(io.BytesIO(data), weights_only=True)
        if not all_of_them:
            # Some older files lack what the value has.
            value = torch.load(io.BytesIO(data))
        try:
            words = Words().of(value)
        except TypeError as error:
            # Some older states have functions, which no reader of weights takes.
            if all_of_them:
                raise
            print(f"{name}: {error}")
            continue
        row = {"name": name, "value": words, **given, "file": base64.b64encode(data).decode()}
        rows.append(json.dumps(row, separators=(",", ":"), allow_nan=False))
    text = f'{{"torch":"{torch.__version__.split("+")[0]}","cases":[\n' + ",\n".join(rows) + "\n]}\n"
    (FIXTURES / file).write_text(text)
    print(f"{len(rows)} checkpoints, {len(text)} bytes")


if __name__ == "__main__":
    if sys.argv[1:2] == ["compare"]:
        files = sorted(pathlib.Path(sys.argv[2]).glob("*.pt"))
        print(json.dumps({file.stem: Words().of(torch.load(file, weights_only=True)) for file in files}))
    elif len(sys.argv) > 1:
        write(f"checkpoints_{sys.argv[1]}.json", False)
    else:
        write("checkpoints.json", True)
