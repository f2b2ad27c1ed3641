"""What torch.testing.assert_close says, and the limits of dtypes; test/testing.test.ts has the same cases."""

import math

import torch
from torch.testing import assert_close

from fixtures import number, values, write

T = torch.tensor
f64 = torch.float64

CASES = {
    "equal": lambda: assert_close(T([1.0, 2.0]), T([1.0, 2.0])),
    "within": lambda: assert_close(T([1.0, 2.0]), T([1.0 + 1e-6, 2.0])),
    "far": lambda: assert_close(T([1.0, 2.0, 3.0]), T([1.0, 2.5, 3.0])),
    "matrix": lambda: assert_close(T([[1.0, 2.0], [3.0, 4.0]]), T([[1.5, 2.0], [3.0, 4.25]])),
    "whole_difference": lambda: assert_close(T([1.0, 2.0]), T([3.0, 2.0])),
    "double": lambda: assert_close(T([1.0, 2.0], dtype=f64), T([1.0, 2.001], dtype=f64)),
    "half": lambda: assert_close(T([1.0, 2.0]).half(), T([1.0, 2.5]).half()),
    "integers": lambda: assert_close(T([1, 2, 3]), T([1, 5, 3])),
    "booleans": lambda: assert_close(T([True, False]), T([True, True])),
    "complex": lambda: assert_close(T([1 + 2j, 3j]), T([1 + 2j, 3.5j])),
    "zero_expected": lambda: assert_close(T([1.0, 0.5]), T([1.0, 0.0])),
    "nan": lambda: assert_close(T([1.0, math.nan]), T([1.0, math.nan])),
    "equal_nan": lambda: assert_close(T([1.0, math.nan]), T([1.0, math.nan]), equal_nan=True),
    "infinite": lambda: assert_close(T([1.0, math.inf]), T([1.0, -math.inf])),
    "scalar": lambda: assert_close(T(1.0), T(2.0)),
    "scalar_fraction": lambda: assert_close(T(0.5, dtype=f64), T(0.75, dtype=f64)),
    "scalar_integer": lambda: assert_close(T(3), T(5)),
    "shape": lambda: assert_close(T([1.0]), T([1.0, 2.0])),
    "dtype": lambda: assert_close(T([1.0]), T([1.0], dtype=f64)),
    "no_dtype": lambda: assert_close(T([1.0]), T([1.0], dtype=f64), check_dtype=False),
    "no_dtype_far": lambda: assert_close(T([1]), T([1.5], dtype=f64), check_dtype=False),
    "stride": lambda: assert_close(torch.ones(2, 3), torch.ones(3, 2).T, check_stride=True),
    "layout": lambda: assert_close(torch.ones(2, 2), torch.ones(2, 2).to_sparse()),
    "no_layout": lambda: assert_close(torch.ones(2, 2), torch.ones(2, 2).to_sparse(), check_layout=False),
    "device": lambda: assert_close(torch.ones(2), torch.ones(2, device="meta")),
    "tolerances": lambda: assert_close(T([1.0, 2.0]), T([1.05, 2.5]), rtol=0.01, atol=0.1),
    "tolerances_within": lambda: assert_close(T([1.0, 2.0]), T([1.05, 2.05]), rtol=0.01, atol=0.1),
    "exact": lambda: assert_close(T([1.0, 2.0]), T([1.0, 2.0000002]), rtol=0, atol=0),
    "one_tolerance": lambda: assert_close(T([1.0]), T([1.0]), rtol=0.1),
    "list": lambda: assert_close([T([1.0]), T([2.0])], [T([1.0]), T([3.0])]),
    "nested": lambda: assert_close({"a": [T([1.0])], "b": T([2.0])}, {"a": [T([1.5])], "b": T([2.0])}),
    "lengths": lambda: assert_close([T([1.0])], [T([1.0]), T([2.0])]),
    "keys": lambda: assert_close({"a": T([1.0]), "c": T([1.0])}, {"a": T([1.0]), "b": T([2.0])}),
    "numbers": lambda: assert_close(1.5, 2.25),
    "whole_numbers": lambda: assert_close(1, 2),
    "close_numbers": lambda: assert_close(1.5, 1.5 + 1e-9),
    "message": lambda: assert_close(T([1.0]), T([2.0]), msg="mine"),
    "message_function": lambda: assert_close(T([1.0]), T([2.0]), msg=lambda m: f"Header\n\n{m}"),
    "sparse": lambda: assert_close(T([[1.0, 0.0], [0.0, 2.0]]).to_sparse(), T([[1.0, 0.0], [0.0, 3.0]]).to_sparse()),
    "sparse_count": lambda: assert_close(T([[1.0, 0.0], [0.0, 2.0]]).to_sparse(), T([[1.0, 0.0], [0.0, 0.0]]).to_sparse()),
    "sparse_places": lambda: assert_close(T([[1.0, 0.0], [0.0, 0.0]]).to_sparse_csr(), T([[0.0, 1.0], [0.0, 0.0]]).to_sparse_csr()),
}


def outcome(run):
    try:
        run()
        return None
    except Exception as error:
        return {"type": type(error).__name__, "message": str(error)}


DTYPES = ["float16", "bfloat16", "float32", "float64", "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2",
          "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]


def info(f):
    return {key: getattr(f, key) for key in ("dtype", "bits", "eps", "max", "min", "smallest_normal", "tiny", "resolution")}


VALUES = [0.0, 1.0, -1.0, 0.1, 2.5, 3.3, 100.0, 0.001]


def cast(name):
    """Numbers in a dtype and back, and what comes of arithmetic."""
    dtype = getattr(torch, name)
    whole = not (dtype.is_floating_point or dtype.is_complex)
    tensor = T([abs(v) for v in VALUES] if whole else VALUES, dtype=f64).to(torch.int64 if whole else f64).to(dtype)
    back = tensor.to(torch.complex128 if dtype.is_complex else f64)
    return {"itemsize": dtype.itemsize, "values": [number(v) for v in back.real.tolist()],
            "item": number(float(tensor[4].to(torch.complex64).real if dtype.is_complex else tensor[4].item()))}


BIG = {"int64": [2**53 - 1, 2**53, 2**63 - 1, -(2**63)], "uint64": [2**53, 2**64 - 1], "uint32": [2**32 - 1]}
ALL = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128", "bool", "bfloat16"]
S = T([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]).to_sparse()
M = torch.arange(6.0).view(3, 2)
SPARSE = {
    "addmm": torch.sparse.addmm(torch.ones(2, 2), S, M, beta=2, alpha=3),
    "mm": torch.sparse.mm(S, M),
    "sum": torch.sparse.sum(S),
    "sum_dim": torch.sparse.sum(S, 0).to_dense(),
    "sum_dtype": torch.sparse.sum(S, dtype=f64),
    "softmax": torch.sparse.softmax(S, 1).to_dense(),
    "log_softmax": torch.sparse.log_softmax(S, 1, dtype=f64).to_dense(),
    "spdiags": torch.sparse.spdiags(torch.arange(9.0).view(3, 3), T([0, -1, 2]), (3, 3)).to_dense(),
}
write("testing.json", {
    "sparse": {name: values(tensor) for name, tensor in SPARSE.items()},
    "dtypes": {name: cast(name) for name in DTYPES + INTEGERS + ["bool"]},
    "big": {name: [str(v) for v in torch.tensor(values, dtype=getattr(torch, name)).tolist()] for name, values in BIG.items()},
    "cases": {name: outcome(run) for name, run in CASES.items()},
    "finfo": {name: info(torch.finfo(getattr(torch, name))) for name in DTYPES},
    "iinfo": {name: {"bits": i.bits, "max": str(i.max), "min": str(i.min), "dtype": i.dtype}
              for name in INTEGERS for i in [torch.iinfo(getattr(torch, name))]},
    "promote": {f"{a} {b}": str(torch.promote_types(getattr(torch, a), getattr(torch, b))) for a in ALL for b in ALL},
    "can_cast": {f"{a} {b}": torch.can_cast(getattr(torch, a), getattr(torch, b)) for a in ALL for b in ALL},
})
