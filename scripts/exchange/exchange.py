"""Trains small problems with every optimizer and every scheduler, stops in the middle, and goes on: from its own state, or
from one that tstorch wrote. States travel as JSON, and as checkpoints: FOLDER/0.pt is the first case's.

    exchange.py make FILE [FOLDER]      writes the cases: the first parameters, the state in the middle, all losses
    exchange.py resume FILE [FOLDER]    goes on from the states in FILE, or in FOLDER, and prints the losses as JSON
"""

import json
import math
import pathlib
import sys
import warnings

import torch
from torch import optim

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "reference"))
import schedulers as words  # noqa: E402

warnings.simplefilter("ignore")
MIDDLE, STEPS = 5, 10

OPTIMIZERS = [
    ["ASGD", {}], ["ASGD", {"lr": 0.02, "t0": 2, "weight_decay": 0.01, "maximize": False}],
    ["Adadelta", {}], ["Adadelta", {"lr": 0.5, "rho": 0.8, "weight_decay": 0.01}],
    ["Adafactor", {}], ["Adafactor", {"lr": 0.05, "weight_decay": 0.01}],
    ["Adagrad", {}], ["Adagrad", {"lr": 0.05, "lr_decay": 0.1, "initial_accumulator_value": 0.1}],
    ["Adam", {}], ["Adam", {"lr": 0.02, "amsgrad": True, "weight_decay": 0.01}],
    ["AdamW", {}], ["AdamW", {"lr": 0.02, "amsgrad": True}],
    ["Adamax", {}], ["Adamax", {"lr": 0.02, "weight_decay": 0.01}],
    ["LBFGS", {"max_iter": 3}], ["LBFGS", {"lr": 0.5, "max_iter": 4, "history_size": 3}],
    ["LBFGS", {"max_iter": 4, "line_search_fn": "strong_wolfe"}],
    ["Muon", {}], ["Muon", {"lr": 0.02, "momentum": 0.9, "nesterov": False}],
    ["NAdam", {}], ["NAdam", {"lr": 0.02, "momentum_decay": 0.01, "decoupled_weight_decay": True, "weight_decay": 0.01}],
    ["RAdam", {}], ["RAdam", {"lr": 0.02, "weight_decay": 0.01}],
    ["RMSprop", {}], ["RMSprop", {"lr": 0.02, "momentum": 0.9, "centered": True}],
    ["Rprop", {}], ["Rprop", {"lr": 0.02, "etas": [0.6, 1.3]}],
    ["SGD", {"lr": 0.05}], ["SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}],
    ["SparseAdam", {}], ["SparseAdam", {"lr": 0.02}],
]


def cases():
    for name, options in OPTIMIZERS:
        yield {"optimizer": name, "options": options}
    for name, options in (("SGD", {}), ("Adam", {}), ("LBFGS", {"max_iter": 2})):
        yield {"optimizer": name, "options": {"lr": 0.05, **options}, "dtype": "float32"}
    for name, settings in words.BY_NAME.items():
        yield {"optimizer": "SGD", "options": {"lr": 0.05, "momentum": 0.9}, "scheduler": [name, settings[-1]]}
        yield {"optimizer": "Adam", "options": {"lr": 0.05}, "scheduler": [name, settings[0]]}
    for spec in words.COMPOSED:
        yield {"optimizer": "AdamW", "options": {"lr": 0.05}, "scheduler": spec}


def begin(case):
    """The parameters: for Muon matrices alone, for SparseAdam a table that is looked up."""
    dtype = getattr(torch, case.get("dtype", "float64"))
    sizes = {"Muon": [(3, 4), (4, 2)], "SparseAdam": [(6, 3)]}.get(case["optimizer"], [(3, 4), (4, 2), (2,)])
    return [torch.linspace(-1, 1.5 - i, math.prod(size), dtype=dtype).reshape(size) for i, size in enumerate(sizes)]


def loss_of(case, params, step):
    if case["optimizer"] == "SparseAdam":
        rows = torch.tensor([step % 6, (step * 2 + 1) % 6, 2])
        return (torch.nn.functional.embedding(rows, params[0], sparse=True) - 0.5).pow(2).sum()
    loss = (params[0].sin() @ params[1] - 0.3).pow(2).sum()
    return loss + (params[2] - 1).pow(2).sum() if len(params) > 2 else loss


def made(case, params):
    optimizer = getattr(optim, case["optimizer"])(params, **case["options"])
    return optimizer, words.make(optimizer, case["scheduler"]) if "scheduler" in case else None


def train(case, params, optimizer, scheduler, steps):
    losses = []
    for step in steps:

        def closure():
            optimizer.zero_grad()
            loss = loss_of(case, params, step)
            loss.backward()
            return loss

        loss = optimizer.step(closure).item()
        if isinstance(scheduler, optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step(loss)
        elif scheduler is not None:
            scheduler.step()
        losses.append(loss)
    return losses


def encoded(value):
    if isinstance(value, torch.Tensor):
        flat = value.detach().flatten()
        data = (torch.view_as_real(flat).flatten() if value.is_complex() else flat).tolist()
        return {"dtype": str(value.dtype), "shape": list(value.shape), "data": encoded(data)}
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encoded(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def decoded(value):
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"float"}:
        return float(value["float"])
    if set(value) == {"dtype", "shape", "data"}:
        dtype = getattr(torch, value["dtype"].removeprefix("torch."))
        data = decoded(value["data"])
        if not dtype.is_complex:
            return torch.tensor(data, dtype=dtype).reshape(value["shape"])
        part = torch.float32 if dtype == torch.complex64 else torch.float64
        return torch.view_as_complex(torch.tensor(data, dtype=part).reshape([*value["shape"], 2]))
    # JSON's keys are text; parameters and milestones have numbers.
    return {int(key) if key.lstrip("-").isdigit() else key: decoded(item) for key, item in value.items()}


def state_of(params, optimizer, scheduler):
    state = {"params": params, "optimizer": optimizer.state_dict()}
    if scheduler is not None:
        state["scheduler"] = scheduler.state_dict()
    return state


def make(case, checkpoint=None):
    params = [param.requires_grad_() for param in begin(case)]
    first = encoded(params)
    optimizer, scheduler = made(case, params)
    losses = train(case, params, optimizer, scheduler, range(MIDDLE))
    state = state_of(params, optimizer, scheduler)
    middle = encoded(state)
    if checkpoint is not None:
        torch.save(state, checkpoint)
    losses += train(case, params, optimizer, scheduler, range(MIDDLE, STEPS))
    result = {**case, "first": first, "middle": middle, "losses": losses}
    # NAdam's mu_product is of another dtype once it was loaded.
    resumed = resume(result)
    return result if resumed == losses[MIDDLE:] else {**result, "resumed": resumed}


def resume(case, checkpoint=None):
    state = decoded(case["middle"]) if checkpoint is None else torch.load(checkpoint, weights_only=True)
    params = [param.requires_grad_() for param in state["params"]]
    optimizer, scheduler = made(case, params)
    optimizer.load_state_dict(state["optimizer"])
    if scheduler is not None:
        scheduler.load_state_dict(state["scheduler"])
    return train(case, params, optimizer, scheduler, range(MIDDLE, STEPS))


if __name__ == "__main__":
    command, file, *folder = sys.argv[1:]

    def checkpoint(number):
        return f"{folder[0]}/{number}.pt" if folder else None

    if command == "make":
        rows = [json.dumps(make(case, checkpoint(i)), separators=(",", ":"), allow_nan=False) for i, case in enumerate(cases())]
        version = torch.__version__.split("+")[0]
        text = f'{{"torch":"{version}","middle":{MIDDLE},"cases":[\n' + ",\n".join(rows) + "\n]}\n"
        pathlib.Path(file).write_text(text)
        print(f"{len(rows)} cases, {len(text)} bytes")
    else:
        given = json.loads(pathlib.Path(file).read_text())
        print(json.dumps([resume(case, checkpoint(i)) for i, case in enumerate(given["cases"])]))
