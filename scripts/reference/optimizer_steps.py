"""Twenty steps of every optimizer in the cases of scripts/bit_equal/optimizers.json: the parameters and the optimizer's
state then, and both after ten steps; and what optimizers refuse.

Run with the pinned torch: python3 scripts/reference/optimizer_steps.py
"""

import pathlib
import sys

import torch
from torch import optim

from fixtures import write, write_compact

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bit_equal"))

from optimizers import CASES, DTYPES, numbers, numbers_of, run, takes  # noqa: E402

DIGITS = {"float64": 17}
# Where a state is also seen halfway: to be loaded, and gone on with.
EXCHANGED = ("float32", "bfloat16", "tensor_lr")


def short(values, dtype):
    return [float(f"{value:.{DIGITS.get(dtype, 9)}g}") for value in values]


def seen(value, dtype):
    if not isinstance(value, torch.Tensor):
        return [seen(item, dtype) for item in value] if isinstance(value, (tuple, list)) else value
    dense = value.to_dense() if value.is_sparse else value
    return {"dtype": str(value.dtype), "shape": list(value.shape), "data": short(numbers(dense.detach()), dtype)}


def seen_state(optimizer, dtype):
    state = optimizer.state_dict()
    return {
        "state": {str(key): {name: seen(value, dtype) for name, value in own.items()} for key, own in state["state"].items()},
        "param_groups": [{name: seen(value, dtype) for name, value in group.items()} for group in state["param_groups"]],
    }


def case(name, options, dtype):
    halves = []

    def halfway(parameters, optimizer):
        halves.append({"numbers": short(numbers_of(parameters), dtype), "state_dict": seen_state(optimizer, dtype)})

    parameters, optimizer = run(name, options, dtype, halfway)
    result = {
        "optimizer": name, "dtype": dtype, "options": options, "numbers": short(numbers_of(parameters), dtype),
        "text": str(optimizer),
    }
    return result | ({"halfway": halves[0]} if dtype in EXCHANGED else {"state_dict": seen_state(optimizer, dtype)})


# What a constructor is given beside a parameter of 2 x 2.
BETAS = [{"betas": [1, 0.9]}, {"betas": [0.9, -1]}]
COMMON = [{"lr": -1}, {"eps": -1}, {"weight_decay": -1}]
FUSED = [{"fused": True, "differentiable": True}, {"fused": True, "foreach": True}]
REFUSED = {
    "Adadelta": [*COMMON, {"rho": 2}],
    "Adafactor": [{"lr": -1}, {"beta2_decay": 1}, {"eps": [-1, 1]}, {"eps": [None, -1]}, {"d": 0.5}, {"weight_decay": -1}],
    "Adagrad": [*COMMON, {"lr_decay": -1}, {"initial_accumulator_value": -1}, *FUSED],
    "Adam": [*COMMON, *BETAS, *FUSED],
    "AdamW": [*COMMON, *BETAS, *FUSED],
    "Adamax": [*COMMON, *BETAS],
    "ASGD": [{"lr": -1}, {"weight_decay": -1}],
    "Muon": [{"lr": -1}, {"momentum": -1}, {"weight_decay": -1}, {"adjust_lr_fn": "other"}],
    "NAdam": [*COMMON, *BETAS, {"momentum_decay": -1}],
    "RAdam": [*COMMON, *BETAS],
    "RMSprop": [*COMMON, {"momentum": -1}, {"alpha": -1}],
    "Rprop": [{"lr": -1}, {"etas": [1, 2]}, {"etas": [0.5, 0.9]}],
    "SGD": [{"lr": -1}, {"momentum": -1}, {"weight_decay": -1}, {"nesterov": True}, *FUSED],
    "SparseAdam": [{"lr": 0}, {"eps": 0}, *BETAS],
}


def refused():
    """The message of each constructor that refuses what it is given, and of steps with gradients that are not taken."""
    messages = []
    for name, cases in REFUSED.items():
        for options in [*cases, {"lr": [1, 1]}, None]:
            parameter = torch.ones(2, 2, requires_grad=True)
            parameter.grad = torch.ones(2, 2) if name == "SparseAdam" else torch.ones(2, 2).to_sparse()
            given = options or {}
            if given.get("lr") == [1, 1]:
                given = {"lr": torch.ones(2)}
            try:
                made = getattr(optim, name)([parameter], **given)
                if options is None:
                    made.step()
            except (ValueError, RuntimeError) as error:
                messages.append({"optimizer": name, "options": options, "message": str(error)})
    return messages


DIFFERENTIABLE = [
    ("Adadelta", {"weight_decay": 0.1}), ("Adagrad", {"lr": 0.1, "weight_decay": 0.1}), ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("Adam", {"lr": "leaf", "betas": "leaves", "weight_decay": 0.1}), ("AdamW", {"lr": "leaf"}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1}), ("ASGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1}), ("RAdam", {"lr": 0.1, "betas": [0.5, 0.6], "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.5, "centered": True, "weight_decay": 0.1}), ("Rprop", {"lr": 0.1}),
    ("SGD", {"lr": "leaf", "momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
]


def differentiated(name, options):
    """What autograd makes of the steps that it can go back through, at most three."""
    for steps in (3, 1):
        try:
            return differentiated_steps(name, options, steps)
        except RuntimeError as error:
            if "modified by an inplace operation" not in str(error):
                raise
    raise AssertionError(name)


def differentiated_steps(name, options, steps):
    """The gradients of what the steps began with and of settings that are tensors."""
    torch.manual_seed(3)
    begun = torch.randn(4, dtype=torch.float64).requires_grad_()

    def leaf(value):
        return torch.tensor(value, dtype=torch.float64).requires_grad_()

    given, leaves = dict(options), [begun]
    if given.get("lr") == "leaf":
        given["lr"] = leaf(0.1)
        leaves.append(given["lr"])
    if given.get("betas") == "leaves":
        given["betas"] = (leaf(0.8), leaf(0.9))
        leaves.extend(given["betas"])
    parameter = begun.clone()
    optimizer = getattr(optim, name)([parameter], differentiable=True, **given)
    for step in range(steps):
        parameter.grad = (begun * (step + 1)).sin()
        optimizer.step()
    parameter.pow(2).sum().backward()
    return {
        "optimizer": name, "options": options, "steps": steps, "parameter": parameter.tolist(),
        "gradients": [None if value.grad is None else value.grad.flatten().tolist() for value in leaves],
    }


def main():
    entries = {
        f"{name} {i} {dtype}": case(name, options, dtype)
        for name, all_options in CASES.items()
        for i, options in enumerate(all_options)
        for dtype in DTYPES
        if takes(name, options, dtype)
    }
    write("optimizer_refusals.json", {"refused": refused()})
    write("optimizer_gradients.json", {"cases": [differentiated(*case) for case in DIFFERENTIABLE]})
    write_compact("optimizer_steps.json", {"cases": entries}, "cases")


main()
