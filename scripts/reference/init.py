"""torch.nn.init: the same numbers for the same seed."""

import warnings

import torch
from torch.nn import init

from fixtures import values, write

warnings.simplefilter("ignore")

# Functions with what they are called with; a tensor is a shape and a dtype, or nothing for float32.
CASES = [
    ["uniform_", [3, 4], {"a": -1, "b": 2}], ["uniform_", [3, 4], {}, "float64"], ["normal_", [3, 4], {"mean": 1, "std": 0.5}],
    ["normal_", [20], {}, "float16"], ["constant_", [2, 2], {"val": 0.3}], ["ones_", [2], {}], ["zeros_", [2], {}],
    ["eye_", [3, 4], {}, "float64"], ["eye_", [4, 2], {}],
    ["dirac_", [3, 4, 5], {}], ["dirac_", [6, 2, 3, 3], {"groups": 3}], ["dirac_", [4, 4, 2, 3, 1], {"groups": 2}, "bfloat16"],
    ["xavier_uniform_", [3, 4, 2], {"gain": 2}], ["xavier_normal_", [3, 4], {}],
    ["kaiming_uniform_", [3, 4, 2], {"a": 0.5, "mode": "fan_out"}], ["kaiming_uniform_", [3, 4], {"nonlinearity": "relu"}],
    ["kaiming_normal_", [3, 4], {"nonlinearity": "tanh"}], ["orthogonal_", [3, 5], {"gain": 2}], ["orthogonal_", [5, 2, 2], {}],
    ["sparse_", [10, 4], {"sparsity": 0.25}], ["sparse_", [7, 3], {"sparsity": 0.1, "std": 2}, "float64"],
    ["sparse_", [4, 3], {"sparsity": 1}],
    *(
        ["trunc_normal_", [24], options, dtype]
        for dtype in ("float32", "float64", "bfloat16")
        for options in (
            {}, {"std": 0.02}, {"mean": 1, "std": 2, "a": -1, "b": 1.5}, {"a": 2, "b": 3}, {"a": -0.1, "b": 0.1},
            {"mean": 5, "std": 1, "a": -1, "b": 1}, {"a": 0.5, "b": 8}, {"std": 3, "a": -9, "b": -4},
        )
    ),
]


def case(name, shape, options, dtype="float32"):
    results = []
    for generator in (None, torch.Generator().manual_seed(7)):
        torch.manual_seed(6)
        tensor = torch.empty(shape, dtype=getattr(torch, dtype))
        drawing = {"generator": generator} if generator is not None and name not in PLAIN else {}
        given = getattr(init, name)(tensor, **options, **drawing)
        assert given is tensor
        results.append(values(tensor))
        results.append(torch.rand(1).item())
    return {"name": name, "shape": shape, "options": options, "dtype": dtype, "results": results}


PLAIN = {"constant_", "ones_", "zeros_", "eye_", "dirac_"}


def message(name, *args, **options):
    try:
        getattr(init, name)(*args, **options)
    except Exception as error:
        return str(error)
    raise AssertionError("no error")


MESSAGES = {
    "dirac dimensions": message("dirac_", torch.empty(2, 2)), "dirac groups": message("dirac_", torch.empty(3, 2, 2), 2),
    "sparse dimensions": message("sparse_", torch.empty(2, 2, 2), 0.1), "eye dimensions": message("eye_", torch.empty(2)),
    "orthogonal dimensions": message("orthogonal_", torch.empty(2)), "fan": message("xavier_normal_", torch.empty(2)),
    "mode": message("kaiming_normal_", torch.empty(2, 2), mode="fan"),
    "nonlinearity": message("kaiming_normal_", torch.empty(2, 2), nonlinearity="gelu"),
}

write("init.json", {"cases": [case(*each) for each in CASES], "plain": sorted(PLAIN), "messages": MESSAGES})
