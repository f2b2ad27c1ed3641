"""How tensors print: every dtype, shapes, special values, layouts, options."""

import itertools

import torch

from fixtures import write

FLOATS = ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]
COMPLEX = ["complex32", "complex64", "complex128"]
inf, nan = float("inf"), float("nan")

VALUES = {
    "whole": [1, 2, -3, 0],
    "fractions": [0.5, -1.25, 3.75, 0],
    "wide": [0.0001, 1, 100, 0.25],
    "wider": [1e-5, 2, -4, 8],
    "large": [1000, 20000, 3, 1],
    "huge": [2e8, 1, 2, 3],
    "astronomic": [1e30, 1e25, -1e28, 1e22],
    "thirds": [1 / 3, -2 / 3, 1 / 7, 22 / 7],
    "special": [1, nan, inf, -inf],
    "special_fractions": [1.5, nan, -inf, 0],
    "nothing_finite": [nan, inf, nan, -inf],
    "zeros": [0, -0.0, 0, 0],
    "ties": [0.03125, 0.09375, 0.15625, 2.5],
    "thousandfold": [1, 1000, 999, 1],
    "more_than_thousandfold": [1, 1001, 999, 1],
    "hundred_million": [1e8, 1, 1e8, 1e8],
    "ten_thousandth": [1e-4, 2e-4, 1e-4, 3e-4],
}
OPTIONS = [
    {}, {"precision": 2}, {"precision": 8}, {"precision": 0}, {"linewidth": 30}, {"linewidth": 120}, {"threshold": 5},
    {"threshold": 5, "edgeitems": 1}, {"threshold": 5, "edgeitems": 0}, {"sci_mode": True}, {"sci_mode": False},
    {"profile": "short"}, {"profile": "full"}, {"profile": "short", "precision": 6},
]
SHAPES = [[], [1], [4], [2, 2], [1, 4], [4, 1], [2, 1, 2], [1, 1, 2, 2], [0], [0, 3], [2, 0], [1, 0, 2]]


def numbers(values):
    return [str(v) if v != v or v in (inf, -inf) else ("-0" if v == 0 and str(v)[0] == "-" else v) for v in values]


def build(spec):
    """The tensor that a description stands for; test/printing.test.ts has the same."""
    dtype = getattr(torch, spec["dtype"])
    values = [float(v) if isinstance(v, str) else v for v in spec["values"]]
    count = 1
    for size in spec["shape"]:
        count *= size
    values = [values[i % len(values)] + spec.get("step", 0) * i for i in range(count)]
    if dtype.is_complex:
        values = [complex(v, values[-1 - i]) for i, v in enumerate(values)]
        tensor = torch.tensor(values, dtype=torch.complex128).to(dtype)
    elif dtype.is_floating_point:
        tensor = torch.tensor(values, dtype=torch.float64).to(dtype)
    else:
        tensor = torch.tensor(values, dtype=torch.float64).to(torch.int64).to(dtype)
    tensor = tensor.reshape(spec["shape"])
    for change in spec.get("then", []):
        tensor = CHANGES[change](tensor)
    return tensor


CHANGES = {
    "requires_grad": lambda t: t.requires_grad_(),
    "graph": lambda t: t * 2,
    "view": lambda t: t.view(-1),
    "conj": lambda t: t.conj(),
    "neg": lambda t: t.conj().imag,
    "transposed": lambda t: t.T,
    "meta": lambda t: t.to("meta"),
    "coo": lambda t: t.to_sparse(),
    "csr": lambda t: t.to_sparse_csr(),
    "csc": lambda t: t.to_sparse_csc(),
    "bsr": lambda t: t.to_sparse_bsr((1, 1)),
    "bsc": lambda t: t.to_sparse_bsc((1, 1)),
    "zero_tensor": lambda t: torch._efficientzerotensor(t.shape, dtype=t.dtype),
}


def case(dtype, values, shape, **more):
    return {"dtype": dtype, "values": numbers(values), "shape": shape, **more}


cases = []
for dtype, (name, values) in itertools.product(FLOATS + COMPLEX, VALUES.items()):
    if dtype.startswith("float8") and name in ("astronomic", "huge", "hundred_million"):
        continue
    cases.append(case(dtype, values, [4]))
for dtype in INTEGERS:
    cases.append(case(dtype, [0, 1, 20, 100], [2, 2]))
    cases.append(case(dtype, [7], []))
cases += [case("int64", [2**53 - 1, -(2**53) + 1], [2]), case("int16", [-300, 20], [2]), case("bool", [0, 1, 1], [3]), case("bool", [1], [])]
for dtype, shape in itertools.product(["float32", "float64", "int64", "int32", "bool", "complex64", "float16"], SHAPES):
    cases.append(case(dtype, [1, 0, 3, 2], shape))
for options, dtype in itertools.product(OPTIONS, ["float32", "int64", "complex64"]):
    for shape in ([3], [4, 6], [2, 3, 2], [7, 1]):
        cases.append(case(dtype, [0.123456789, 1.5, -20.25], shape, step=1, options=options))
for shape in ([1001], [1000], [40, 40], [2, 1000], [11, 11, 11], [3, 3, 3, 50], [7, 200]):
    for dtype in ("float32", "int64", "bool"):
        cases.append(case(dtype, [0], shape, step=1))
    cases.append(case("float32", [0.25], shape, step=1, options={"edgeitems": 2}))
for change in ("requires_grad", "graph", "view", "meta", "transposed", "coo", "csr", "csc", "bsr", "bsc", "zero_tensor"):
    then = [change] if change not in ("graph", "view") else ["requires_grad", change]
    cases.append(case("float32", [1, 0, 2.5, 0], [2, 2], then=then))
    cases.append(case("float64", [1, 0, 2.5, 0], [4, 5], then=then))
for change in ("coo", "csr", "csc"):
    cases.append(case("int32", [1, 0, 2, 0, 5], [9, 4], then=[change]))
    cases.append(case("float32", [0], [2, 2], then=[change]))
    cases.append(case("float32", [1, 0, 2], [50, 40], step=1, then=[change]))
cases += [
    case("float32", [1, 0, 3], [3], then=["coo"]),
    case("float32", [1, 0], [2, 2, 2], then=["coo"]),
    case("float32", [1, 0], [2, 2], then=["requires_grad", "coo"]),
    case("complex64", [1, 2.5], [2], then=["conj"]),
    case("complex64", [1, 2.5], [2], then=["neg"]),
    case("float32", [1.5], [30], step=1, then=["requires_grad", "graph"]),
]

for spec in cases:
    torch.set_printoptions(profile="default")
    tensor = build(spec)
    torch.set_printoptions(**spec.get("options", {}))
    spec["printed"] = str(tensor)
torch.set_printoptions(profile="default")
write("printing_table.json", {"cases": cases})
print(len(cases))
