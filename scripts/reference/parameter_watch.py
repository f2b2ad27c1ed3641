"""Calls, and what is seen of them. test/parameter_watch.ts is the same in TypeScript."""

import math

import torch
from torch import nn

from parameter_seen import grads_of, number, seen
from parameter_world import AGAIN, EVENTS, LEAVES, MADE, made, optimizer, tensor


def grads():
    return {name: seen(value.grad) for name, value in LEAVES.items()}


def is_setting(value):
    if isinstance(value, (list, tuple)):
        return all(isinstance(item, (bool, int, float, str)) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def weighted(outputs):
    """A loss in which each element has a weight of its own."""
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    tensors = [part for output in outputs for part in (output if isinstance(output, (list, tuple)) else [output])]
    tensors = [part for part in tensors if isinstance(part, torch.Tensor) and part.requires_grad]
    return sum((part.to_dense() * tensor(list(part.shape), 11, "float64")).sum() for part in tensors)


def watch_module(make, inputs):
    """How a module prints, its settings, its state, and what it computes, with the gradients."""
    torch.manual_seed(0)
    module = make()
    result = seen(module) | {"settings": {name: seen(value) for name, value in vars(module).items()
                                          if not name.startswith("_") and name != "training" and is_setting(value)}}
    if inputs is None or any(value.device.type == "meta" for value in module.parameters()):
        return result
    floating = [value.dtype for value in module.parameters() if value.is_floating_point()]
    given = [value.to(floating[0]) if floating and isinstance(value, torch.Tensor) and value.is_floating_point() else value
             for value in map(made, inputs)]
    before = given[0].clone() if isinstance(given[0], torch.Tensor) else None
    torch.manual_seed(1)
    output = module(*given)
    result["output"] = seen(output)
    result["changes_input"] = before is not None and not torch.equal(before, given[0])
    result["repr"] = repr(module)
    loss = weighted(output)
    if isinstance(loss, torch.Tensor):
        loss.backward()
        result["grads"] = grads_of(module)
    return result


def watch_optimizer(make, _):
    """The settings, and the parameters after two steps."""
    made_by = make()
    parameters = [value for group in made_by.param_groups for value in group["params"]]

    def closure():
        made_by.zero_grad()
        if type(made_by).__name__ == "SparseAdam":
            loss = nn.functional.embedding(torch.tensor([0, 1, 0]), parameters[0], sparse=True).square().sum()
        else:
            loss = sum((value * tensor(list(value.shape), 3) + value ** 4 / 4).sum() for value in parameters)
        loss.backward()
        return loss

    with torch.no_grad():
        settings = {name: seen(value) for name, value in made_by.param_groups[0].items() if name != "params"}
    # On parameters that are leaves, on the CPU, differentiable and capturable have no step.
    if type(made_by) is not torch.optim.Optimizer and not settings.get("differentiable") and not settings.get("capturable"):
        for _ in range(2):
            made_by.step(closure)
    return {"settings": settings, "params": seen(parameters)}


def watch_scheduler(make, _):
    """The learning rates and momenta of seven steps."""
    scheduler = make()
    rates = []
    for i in range(7):
        rates.append([number(value) for group in MADE[0].param_groups for value in (group["lr"], group["momentum"])])
        MADE[0].step()
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            scheduler.step([1, 0.99995, 0.9999, 2, 1, 3, 1][i])
        else:
            scheduler.step()
    return {"rates": rates}


def call_hooked(self, _):
    EVENTS.append(seen(self(tensor([1, 2]))))


def call_failing(self, _):
    try:
        self(tensor([1, 5]))
    except RuntimeError:
        EVENTS.append("failed")


def backward_again(*_):
    try:
        AGAIN[-1].sum().backward()
        EVENTS.append("again")
    except RuntimeError:
        EVENTS.append("freed")


def after_steps(scaler):
    """The scale after three steps, the second of which overflows."""
    scales = []
    made_by = optimizer()
    for value in [1.0, math.inf, 1.0]:
        scaler.scale(tensor([1]))
        LEAVES["a"].grad = torch.tensor([value, 2.0])
        scaler.step(made_by)
        scaler.update()
        scales.append(scaler.get_scale())
    return [scales, *LEAVES.values()]


def after_step(made_by):
    made_by.step()
    return [parameter for group in made_by.param_groups for parameter in group["params"]]


# What is done after a call, with what it was called on, to see what it changed.
AFTER = {
    "forward": call_hooked,
    "failing": call_failing,
    "backward": lambda self, _: self.sum().backward(),
    "backward again": backward_again,
    "print": lambda *_: EVENTS.append(str(torch.linspace(0, 1234.5678, 7).reshape(1, 7))),
    "print many": lambda *_: EVENTS.append(str(torch.arange(1500.0))),
    "dtype": lambda *_: EVENTS.append(str(torch.tensor([1.5]).dtype)),
    "deterministic": lambda *_: EVENTS.append([torch.are_deterministic_algorithms_enabled(),
                                             torch.is_deterministic_algorithms_warn_only_enabled(),
                                             torch.get_deterministic_debug_mode()]),
    "precision": lambda *_: EVENTS.append(torch.get_float32_matmul_precision()),
    "change": lambda _, value: value.add_(1),
    "persistent": lambda _, value: EVENTS.append(value.persistent),
    "threads": lambda *_: EVENTS.append(torch.get_num_threads()),
    "draw": lambda *_: EVENTS.append(seen(torch.rand(2))),
    "draw own": lambda self, _: EVENTS.append(seen(torch.rand(2, generator=self))),
    "anomaly": lambda *_: EVENTS.append([torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]),
    "scaler": lambda self, _: EVENTS.append(seen([self.is_enabled(), self.get_growth_factor(), self.get_backoff_factor(),
                                              self.get_growth_interval(), self.state_dict()])),
    "steps": lambda self, _: EVENTS.append(seen(after_steps(self))),
    "optimizer": lambda self, _: EVENTS.append(seen([self.state_dict(), after_step(self)])),
}


def watch_call(call, on, out, entry):
    """What a call gives, without signs where those are free, what it leaves of what it was called on, the leaves' gradients, and what was said meanwhile."""
    torch.manual_seed(0)
    value = call()
    result = seen([part.abs() for part in value] if entry.get("unsigned") else value)
    if "after" in entry:
        AFTER[entry["after"]](value if on is None else on, value)
    observed = {"result": "self" if on is not None and value is on else result}
    if out is not None:
        observed["out"] = seen(out)
    if isinstance(on, (torch.Tensor, nn.Module)):
        observed["self"] = seen(on)
    if LEAVES:
        observed["grads"] = grads()
    if EVENTS:
        observed["events"] = [*EVENTS]
    return observed


def watch_context(call, _):
    """What is true inside a context manager."""
    with call():
        inside = [torch.is_autocast_enabled("cpu"), str(torch.get_autocast_dtype("cpu")), torch.is_autocast_cache_enabled(),
                  torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()]
        product = seen(tensor([2, 2]) @ tensor([2, 2], 1))
    return {"inside": inside, "product": product}


def fresh():
    """Forgets what an earlier case left."""
    LEAVES.clear()
    EVENTS.clear()
    MADE.clear()
    AGAIN.clear()
    torch.set_default_dtype(torch.float32)
    torch.set_deterministic_debug_mode("default")
    torch.set_float32_matmul_precision("highest")
    torch.set_printoptions(profile="default")
    torch.autograd.set_detect_anomaly(False)
    torch.set_num_threads(1)
