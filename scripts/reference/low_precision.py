"""torch.nn.functional: products in groups, and of scaled matrices of float8."""

import torch
from torch.nn import functional as F

from fixtures import values, write


def groups():
    torch.manual_seed(0)
    offs = torch.tensor([2, 5, 8], dtype=torch.int32)
    flat, several, weights = torch.randn(8, 4), torch.randn(3, 2, 4), torch.randn(3, 4, 8)
    given = {"flat": flat, "several": several, "weights": weights}
    cases = {"flat by weights": (flat, weights, offs), "several by weights": (several, weights, None), "flat by flat": (flat.t(), flat, offs),
             "several by flat": (several, torch.randn(4, 8), offs)}
    results = {}
    for name, (a, b, offsets) in cases.items():
        a, b = (t.detach().clone(memory_format=torch.contiguous_format).requires_grad_() for t in (a, b))
        output = F.grouped_mm(a, b, offs=offsets)
        output.square().sum().backward()
        results[name] = [values(t) for t in (a, b, output, a.grad, b.grad)]
    wide, heavy = torch.randn(8, 16), torch.randn(3, 16, 8)
    half = F.grouped_mm(wide.bfloat16(), heavy.bfloat16(), offs=offs)
    return results | {"half": [values(wide), values(heavy), values(half)]}


def scaled():
    torch.manual_seed(1)
    a, b = torch.randn(16, 32), torch.randn(32, 16)
    scales = [torch.tensor(0.5), torch.tensor(2.0)]
    low, other = a.to(torch.float8_e4m3fn), b.t().contiguous().to(torch.float8_e4m3fn).t()
    whole = F.ScalingType.TensorWise
    return {"a": values(a), "b": values(b), "whole": values(F.scaled_mm(low, other, scales[0], whole, scales[1], whole)),
            "float": values(F.scaled_mm(low, other, [scales[0]], [whole], [scales[1]], [whole], output_dtype=torch.float32)),
            "types": {name: kind.value for name, kind in F.ScalingType.__members__.items()},
            "swizzles": {name: kind.value for name, kind in F.SwizzleType.__members__.items()}}


def message():
    low = torch.ones(16, 16).to(torch.float8_e4m3fn)
    try:
        F.scaled_mm(low, low.t(), torch.ones(3), F.ScalingType.TensorWise, torch.ones(1), F.ScalingType.TensorWise)
    except Exception as error:
        return str(error).split("\n")[0]


write("low_precision.json", {"groups": groups(), "scaled": scaled(), "message": message()})
