"""What learning rate schedulers refuse and warn of, and schedulers that users write: with Python's words and rates.

test/optim/scheduler_uses.test.ts does the same, from the same words.
"""

import copy
import warnings

import torch
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from fixtures import write_compact
from schedulers import make

WRONG = [
    # An optimizer of so many groups and of a kind, and the scheduler.
    [1, "SGD", ["StepLR", {"step_size": 2, "last_epoch": 0}]],
    [2, "SGD", ["ExponentialLR", {"gamma": 0.5, "last_epoch": 3}]],
    [2, "SGD", ["LambdaLR", {"lr_lambda": ["slow"]}]],
    [1, "SGD", ["MultiplicativeLR", {"lr_lambda": ["slow", "odd", "slow"]}]],
    *([1, "SGD", ["ConstantLR", {"factor": factor}]] for factor in [1.5, -0.5]),
    *([1, "SGD", ["LinearLR", {"start_factor": factor}]] for factor in [0, 1.5, -1]),
    *([1, "SGD", ["LinearLR", {"end_factor": factor}]] for factor in [1.5, -0.5]),
    *([1, "SGD", ["CosineAnnealingWarmRestarts", options]] for options in [{"T_0": 0}, {"T_0": 2.5}, {"T_0": -3}, {"T_0": 2, "T_mult": 0}, {"T_0": 2, "T_mult": 1.5}]),
    [1, "SGD", ["CyclicLR", {"base_lr": 0.1, "max_lr": 1, "mode": "square"}]],
    [2, "SGD", ["CyclicLR", {"base_lr": [0.1], "max_lr": 1}]],
    [1, "SGD", ["CyclicLR", {"base_lr": 0.1, "max_lr": [1, 2]}]],
    [2, "SGD", ["CyclicLR", {"base_lr": 0.1, "max_lr": 1, "base_momentum": [0.1, 0.2, 0.3]}]],
    [1, "Adagrad", ["CyclicLR", {"base_lr": 0.1, "max_lr": 1}]],
    *([1, "SGD", ["OneCycleLR", {"max_lr": 1, **options}]] for options in [
        {}, {"epochs": 3}, {"steps_per_epoch": 3}, {"total_steps": 0}, {"total_steps": -2}, {"epochs": 0, "steps_per_epoch": 3},
        {"epochs": 3, "steps_per_epoch": -1}, {"total_steps": 5, "pct_start": 1.5}, {"total_steps": 5, "pct_start": -0.1},
        {"total_steps": 5, "anneal_strategy": "square"}]),
    [2, "SGD", ["OneCycleLR", {"max_lr": [1], "total_steps": 5}]],
    [1, "Adagrad", ["OneCycleLR", {"max_lr": 1, "total_steps": 5}]],
    *([1, "SGD", ["ReduceLROnPlateau", options]] for options in [{"factor": 1.5}, {"factor": 1.0}, {"mode": "most"}, {"threshold_mode": "some"}, {"min_lr": [0.1, 0.2]}]),
    [1, "SGD", ["SequentialLR", {"schedulers": [], "milestones": []}]],
    [1, "SGD", ["SequentialLR", {"schedulers": [["StepLR", {"step_size": 2}]], "milestones": [3]}]],
    [1, "SGD", ["SequentialLR", {"schedulers": [["StepLR", {"step_size": 2}], ["ReduceLROnPlateau", {}]], "milestones": [3]}]],
    [1, "SGD", ["ChainedScheduler", {"schedulers": []}]],
    [1, "SGD", ["ChainedScheduler", {"schedulers": [["ReduceLROnPlateau", {}]]}]],
    *([1, "SGD", ["SWALR", {"swa_lr": 0.1, **options}]] for options in [{"anneal_strategy": "square"}, {"anneal_epochs": -1}, {"anneal_epochs": 2.5}]),
    [2, "SGD", ["SWALR", {"swa_lr": [0.1]}]],
]


def optimizer_of(groups=1, kind="SGD", **settings):
    params = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1.0 / (1 + i)} for i in range(groups)]
    return getattr(torch.optim, kind)(params, **({"momentum": 0.9} if kind == "SGD" else {}), **settings)


def said(do):
    """The class and the words of what is thrown."""
    try:
        do()
    except Exception as error:
        return [type(error).__name__, str(error.args[0]) if error.args else ""]
    raise AssertionError("nothing is thrown")


def too_many_steps():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.OneCycleLR(optimizer, 1, total_steps=3)
    for _ in range(4):
        optimizer.step()
        scheduler.step()


def more_groups():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1])
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    for _ in range(3):
        scheduler.step(1.0)


def other_optimizer(kind):
    first, second = optimizer_of(), optimizer_of()
    schedulers = [lr_scheduler.StepLR(first, 2), lr_scheduler.StepLR(second, 2)]
    if kind == "SequentialLR":
        lr_scheduler.SequentialLR(first, schedulers, [3])
    else:
        lr_scheduler.ChainedScheduler(schedulers)


class Short(LRScheduler):
    """Gives too few rates."""

    def get_lr(self):
        return [0.5]


CALLS = {
    "OneCycleLR: too many steps": too_many_steps,
    "ReduceLROnPlateau: more groups": more_groups,
    "SequentialLR: another optimizer": lambda: other_optimizer("SequentialLR"),
    "ChainedScheduler: another optimizer": lambda: other_optimizer("ChainedScheduler"),
    "CosineAnnealingWarmRestarts: an epoch before the first": lambda: lr_scheduler.CosineAnnealingWarmRestarts(optimizer_of(), 3).step(-1),
    "MultiplicativeLR: no function": lambda: lr_scheduler.MultiplicativeLR(optimizer_of(), [0.5]),
    "StepLR: no optimizer": lambda: lr_scheduler.StepLR([], 3),
    "SequentialLR: no scheduler": lambda: lr_scheduler.SequentialLR(optimizer_of(), [3], []),
    "a subclass that gives too few rates": lambda: Short(optimizer_of(2)),
}


def early():
    scheduler = lr_scheduler.StepLR(optimizer_of(), 2)
    scheduler.step()


def overridden():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    optimizer.step = lambda closure=None: None
    optimizer.step()
    scheduler.step()


def with_epoch():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    scheduler.step(3)


def asked():
    lr_scheduler.StepLR(optimizer_of(), 2).get_lr()


def in_order():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 2)
    optimizer.step()
    scheduler.step()
    scheduler.step()


def plateau_with_epoch():
    lr_scheduler.ReduceLROnPlateau(optimizer_of()).step(1.0, 3)


WARNINGS = {"in order": in_order, "early": early, "overridden": overridden, "asked": asked, "with an epoch": with_epoch, "plateau with an epoch": plateau_with_epoch}


def warned(do):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        do()
    return [str(warning.message) for warning in caught]


class Halving(LRScheduler):
    """Its field is set before the constructor of LRScheduler, as Python's own do it."""

    def __init__(self, optimizer, every, last_epoch=-1):
        self.every = every
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        if self.last_epoch == 0 or self.last_epoch % self.every != 0:
            return [group["lr"] for group in self.optimizer.param_groups]
        return [group["lr"] * 0.5 for group in self.optimizer.param_groups]


class Warmup(LRScheduler):
    """From the first step on: a part of the rates that the groups began with."""

    def __init__(self, optimizer, steps, last_epoch=-1):
        self.steps = steps
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [base * min(1.0, (self.last_epoch + 1) / self.steps) for base in self.base_lrs]


class Closed(LRScheduler):
    """Has a closed form, for step(epoch)."""

    def get_lr(self):
        return [group["lr"] * 0.75 for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self):
        return [base / (1 + self.last_epoch) for base in self.base_lrs]


class Floor(lr_scheduler.ExponentialLR):
    """A subclass of a scheduler of Python's."""

    def __init__(self, optimizer, gamma, least):
        self.least = least
        super().__init__(optimizer, gamma)

    def get_lr(self):
        return [max(lr, self.least) for lr in super().get_lr()]


class Counting(LRScheduler):
    """Overrides step."""

    def __init__(self, optimizer):
        self.steps = 0
        super().__init__(optimizer)

    def step(self, epoch=None):
        self.steps += 1
        super().step(epoch)

    def get_lr(self):
        return [base / self.steps for base in self.base_lrs]


STEPS = 8
OWN = {
    "halving": lambda o: [Halving(o, 3)],
    "warmup": lambda o: [Warmup(o, 5)],
    "closed": lambda o: [Closed(o)],
    "floor": lambda o: [Floor(o, 0.5, 0.2)],
    "counting": lambda o: [Counting(o)],
    "two": lambda o: [Halving(o, 2), Warmup(o, 4)],
    "two, the other way": lambda o: [Warmup(o, 4), Halving(o, 2)],
    "before Python's": lambda o: [Warmup(o, 4), lr_scheduler.ExponentialLR(o, 0.5)],
    "behind Python's": lambda o: [lr_scheduler.ConstantLR(o, 0.5, 3), Halving(o, 2)],
    "in a row": lambda o: [lr_scheduler.SequentialLR(o, [Warmup(o, 3), Halving(o, 2)], [4])],
    "in a row behind Python's": lambda o: [lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o, 0.5, total_iters=3), Warmup(o, 3)], [3])],
    "chained": lambda o: [lr_scheduler.ChainedScheduler([Warmup(o, 4), Halving(o, 2)], o)],
}


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def plain(state):
    return {name: [plain(each) for each in value] if name == "_schedulers" else value for name, value in state.items()}


def own(make_all, epochs=None, reload=None):
    """The rates of each step; at a step the states go into other ones."""
    optimizer = optimizer_of(2)
    schedulers = make_all(optimizer)
    seen = [rates(optimizer)]
    for step in range(STEPS):
        if step == reload:
            states = copy.deepcopy([optimizer.state_dict(), *(scheduler.state_dict() for scheduler in schedulers)])
            optimizer = optimizer_of(2)
            schedulers = make_all(optimizer)
            for target, state in zip([optimizer, *schedulers], states):
                target.load_state_dict(state)
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step(*([] if epochs is None else [epochs[step]]))
        seen.append(rates(optimizer))
    return {"rates": seen, "last": [scheduler.get_last_lr() for scheduler in schedulers], "states": [plain(scheduler.state_dict()) for scheduler in schedulers]}


def main():
    refused = [{"groups": groups, "kind": kind, "scheduler": spec, "said": said(lambda: make(optimizer_of(groups, kind), spec))} for groups, kind, spec in WRONG]
    calls = {name: said(do) for name, do in CALLS.items()}
    found = {name: warned(do) for name, do in WARNINGS.items()}
    warnings.simplefilter("ignore")
    subclasses = {name: {"straight": own(make_all), "reloaded": own(make_all, reload=3)} for name, make_all in OWN.items()}
    subclasses["closed"]["epochs"] = own(OWN["closed"], epochs=[1, 2, 5, 3, 0, 8, 9, 2])
    write_compact("scheduler_uses.json", {"uses": {"refused": refused, "calls": calls, "warnings": found, "subclasses": subclasses}}, "uses")


main()
