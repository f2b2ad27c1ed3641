"""What torch.optim.lr_scheduler and SWALR set, step by step: every scheduler with several settings, by itself and with
others, at given epochs, with rates that are tensors, and what it leaves in its state_dict.

A case: the optimizer and its groups, a list of schedulers (all of which step), and how many steps. test/optim/lr_scheduler
builds the same from the same words.
"""

import json
import math
import warnings

import torch
from torch.optim import lr_scheduler, swa_utils

from fixtures import FOLDER

warnings.simplefilter("ignore")
STEPS = 40
LAMBDAS = {
    "slow": lambda epoch: 1 / (1 + 0.05 * epoch),
    "inverse": lambda epoch: 1 / (epoch + 1),
    "odd": lambda epoch: 0.9 if epoch % 2 else 1.05,
}


class Decay:
    """A function that has a state."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, x):
        return 1 / (1 + (1 - self.rate) * x)


def function(text):
    return Decay(float(text[5:])) if text.startswith("Decay") else LAMBDAS[text]


def options_of(options):
    options = dict(options)
    for name in ("lr_lambda", "scale_fn"):
        value = options.get(name)
        if isinstance(value, list):
            options[name] = [function(text) for text in value]
        elif value is not None:
            options[name] = function(value)
    return options


def make(optimizer, spec):
    kind, options = spec
    if kind == "SequentialLR":
        return lr_scheduler.SequentialLR(optimizer, [make(optimizer, s) for s in options["schedulers"]], options["milestones"])
    if kind == "ChainedScheduler":
        return lr_scheduler.ChainedScheduler([make(optimizer, s) for s in options["schedulers"]], optimizer)
    cls = swa_utils.SWALR if kind == "SWALR" else getattr(lr_scheduler, kind)
    return cls(optimizer, **options_of(options))


def optimizer_of(case):
    tensor = case.get("tensor")
    lrs = case.get("lrs", [0.1])
    rate = (lambda lr: torch.tensor(lr, dtype=getattr(torch, tensor))) if tensor else (lambda lr: lr)
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate(lr)} for lr in lrs]
    name = case.get("optimizer", "SGD")
    return getattr(torch.optim, name)(groups, **({"momentum": 0.9} if name == "SGD" else {}))


def metric(step):
    """Falls, stays, rises and falls again."""
    return 1 + math.floor(10 * abs(step - 13) / (1 + step)) / 10


def number(value):
    value = value.item() if isinstance(value, torch.Tensor) else value
    return value if math.isfinite(value) else str(value)


def plain(value):
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, torch.Tensor) or (isinstance(value, float) and not math.isfinite(value)):
        return number(value)
    return value


def momentum(group):
    return group["betas"][0] if "betas" in group else group["momentum"]


def run(case):
    optimizer = optimizer_of(case)
    schedulers = [make(optimizer, spec) for spec in case["schedulers"]]
    rates, momenta = [], []

    def note():
        rates.append([number(group["lr"]) for group in optimizer.param_groups])
        momenta.append([momentum(group) for group in optimizer.param_groups])

    note()
    for step in range(case.get("steps", STEPS)):
        optimizer.step()
        for scheduler in schedulers:
            if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
                scheduler.step(metric(step))
            elif "epochs" in case:
                scheduler.step(case["epochs"][step])
            else:
                scheduler.step()
        note()
    result = {**case, "rates": [list(column) for column in zip(*rates)]}
    if any(row != momenta[0] for row in momenta):
        result["momenta"] = [list(column) for column in zip(*momenta)]
    result["states"] = [plain(scheduler.state_dict()) for scheduler in schedulers]
    result["groups"] = [
        {k: plain(v) for k, v in group.items() if k in KEPT} for group in optimizer.state_dict()["param_groups"]
    ]
    return result


KEPT = {"lr", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr"}

BY_NAME = {
    "LambdaLR": [
        {"lr_lambda": "slow"}, {"lr_lambda": "inverse"}, {"lr_lambda": "Decay0.9"},
    ],
    "MultiplicativeLR": [{"lr_lambda": "odd"}, {"lr_lambda": "Decay0.99"}],
    "StepLR": [{"step_size": 7}, {"step_size": 3, "gamma": 0.7}, {"step_size": 1, "gamma": 0.97}],
    "MultiStepLR": [{"milestones": [5, 11, 30]}, {"milestones": [4, 4, 9], "gamma": 0.3}, {"milestones": [20, 3], "gamma": 0.9}],
    "ConstantLR": [{}, {"factor": 0.3, "total_iters": 10}, {"factor": 0.7, "total_iters": 1}],
    "LinearLR": [{}, {"start_factor": 0.1, "end_factor": 0.9, "total_iters": 17}, {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 30}],
    "ExponentialLR": [{"gamma": 0.9}, {"gamma": 0.995}, {"gamma": 1.01}],
    "PolynomialLR": [{}, {"total_iters": 33, "power": 2.0}, {"total_iters": 20, "power": 0.9}],
    "CosineAnnealingLR": [{"T_max": 10}, {"T_max": 40, "eta_min": 0.001}, {"T_max": 7, "eta_min": 0.02}],
    "CosineAnnealingWarmRestarts": [{"T_0": 10}, {"T_0": 3, "T_mult": 2}, {"T_0": 5, "T_mult": 3, "eta_min": 0.003}],
    "CyclicLR": [
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 7},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5, "step_size_down": 3, "mode": "triangular2"},
        {"base_lr": 0.001, "max_lr": 0.2, "step_size_up": 6, "mode": "exp_range", "gamma": 0.99},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "scale_fn": "Decay0.8", "scale_mode": "cycle"},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "scale_fn": "slow", "scale_mode": "iterations"},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "cycle_momentum": False},
        {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "base_momentum": 0.7, "max_momentum": 0.95},
    ],
    "OneCycleLR": [
        {"max_lr": 0.3, "total_steps": 41},
        {"max_lr": 0.3, "epochs": 9, "steps_per_epoch": 5, "anneal_strategy": "linear"},
        {"max_lr": 0.2, "total_steps": 50, "three_phase": True, "pct_start": 0.25},
        {"max_lr": 0.2, "total_steps": 41, "pct_start": 0.5, "div_factor": 10, "final_div_factor": 100, "cycle_momentum": False},
        {"max_lr": 0.2, "total_steps": 41, "three_phase": True, "anneal_strategy": "linear", "base_momentum": 0.8, "max_momentum": 0.99},
    ],
    "ReduceLROnPlateau": [
        {"patience": 2}, {"mode": "max", "patience": 3, "factor": 0.5},
        {"patience": 1, "threshold": 0.05, "threshold_mode": "abs", "cooldown": 3},
        {"mode": "max", "patience": 0, "threshold": 0.2, "threshold_mode": "abs", "factor": 0.8, "min_lr": 0.02},
        {"patience": 1, "factor": 0.3, "eps": 0.01}, {"mode": "max", "patience": 1, "threshold": 0.1},
    ],
    "SWALR": [{"swa_lr": 0.05}, {"swa_lr": 0.2, "anneal_epochs": 20, "anneal_strategy": "linear"}, {"swa_lr": 0.05, "anneal_epochs": 0}],
}
warmup = ["LinearLR", {"start_factor": 0.1, "total_iters": 5}]
COMPOSED = [
    ["SequentialLR", {"schedulers": [warmup, ["CosineAnnealingLR", {"T_max": 30}]], "milestones": [5]}],
    ["SequentialLR", {"schedulers": [["ConstantLR", {}], ["ExponentialLR", {"gamma": 0.9}], ["StepLR", {"step_size": 4}]], "milestones": [3, 19]}],
    ["SequentialLR", {"schedulers": [
        ["ChainedScheduler", {"schedulers": [warmup, ["ExponentialLR", {"gamma": 0.98}]]}], ["PolynomialLR", {"total_iters": 20}],
    ], "milestones": [10]}],
    ["SequentialLR", {"schedulers": [
        ["SequentialLR", {"schedulers": [["ConstantLR", {}], warmup], "milestones": [4]}], ["MultiStepLR", {"milestones": [3, 8]}],
    ], "milestones": [12]}],
    ["ChainedScheduler", {"schedulers": [["ConstantLR", {}], ["ExponentialLR", {"gamma": 0.9}]]}],
    ["ChainedScheduler", {"schedulers": [["StepLR", {"step_size": 3, "gamma": 0.5}], ["CosineAnnealingLR", {"T_max": 9}], ["MultiplicativeLR", {"lr_lambda": "odd"}]]}],
    ["SequentialLR", {"schedulers": [["CosineAnnealingWarmRestarts", {"T_0": 4}], ["OneCycleLR", {"max_lr": 0.2, "total_steps": 40}]], "milestones": [10]}],
]
EPOCHS = [*range(0, 40, 2), *range(20)]


def cases():
    for name, settings in BY_NAME.items():
        for options in settings:
            yield {"schedulers": [[name, options]]}
    for spec in COMPOSED:
        yield {"schedulers": [spec]}
    # One after the other on one optimizer, all of which step.
    yield {"schedulers": [warmup, ["ExponentialLR", {"gamma": 0.95}]]}
    yield {"schedulers": [["StepLR", {"step_size": 5}], ["ReduceLROnPlateau", {"patience": 2}]]}
    yield {"schedulers": [["CosineAnnealingLR", {"T_max": 12}], ["MultiStepLR", {"milestones": [6, 9], "gamma": 0.5}], warmup]}
    yield {"schedulers": [["ExponentialLR", {"gamma": 0.9}], ["SWALR", {"swa_lr": 0.03, "anneal_epochs": 8}]]}
    # Groups.
    for spec in [["LambdaLR", {"lr_lambda": ["slow", "Decay0.8"]}], ["StepLR", {"step_size": 4, "gamma": 0.3}],
                 ["CosineAnnealingLR", {"T_max": 11}], ["OneCycleLR", {"max_lr": [0.1, 0.4], "total_steps": 41}],
                 ["CyclicLR", {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 5, "base_momentum": [0.7, 0.8], "max_momentum": [0.9, 0.95]}],
                 ["ReduceLROnPlateau", {"patience": 1, "min_lr": [0.001, 0.3]}], ["MultiplicativeLR", {"lr_lambda": ["odd", "Decay0.99"]}],
                 ["SWALR", {"swa_lr": [0.05, 0.5]}], COMPOSED[0], COMPOSED[5]]:
        yield {"schedulers": [spec], "lrs": [0.1, 0.7]}
    # The first of betas in momentum's place.
    for spec in [["CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 5}], ["OneCycleLR", {"max_lr": 0.1, "total_steps": 41}]]:
        yield {"schedulers": [spec], "optimizer": "Adam", "lrs": [0.1, 0.2]}
    # Closed forms.
    for name in ["LambdaLR", "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
                 "CosineAnnealingLR", "CosineAnnealingWarmRestarts"]:
        for options in BY_NAME[name][:2]:
            yield {"schedulers": [[name, options]], "epochs": EPOCHS}
    yield {"schedulers": [["CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}]], "epochs": [i / 4 for i in range(40)]}
    yield {"schedulers": [["MultiStepLR", {"milestones": [4, 4, 9], "gamma": 0.3}]], "epochs": EPOCHS}
    # Rates that are tensors.
    for dtype in ("float32", "float64"):
        for name, settings in BY_NAME.items():
            yield {"schedulers": [[name, settings[-1]]], "tensor": dtype, "lrs": [0.1, 0.03]}
        for spec in (COMPOSED[0], COMPOSED[5], COMPOSED[2]):
            yield {"schedulers": [spec], "tensor": dtype}


if __name__ == "__main__":
    rows = [json.dumps(run(case), separators=(",", ":"), allow_nan=False) for case in cases()]
    target = FOLDER / "lr_schedulers.json"
    target.write_text(f'{{"torch": "{torch.__version__.split("+")[0]}", "cases": [\n' + ",\n".join(rows) + "\n]}\n")
    print(f"{target.name}: {len(rows)} cases, {target.stat().st_size} bytes")
