"""What is seen of a value, as JSON: of tensors their dtype, shape and some elements, of modules what they print and hold.
test/parameter_seen.ts is the same in TypeScript."""

import math
from collections.abc import ItemsView, KeysView, ValuesView

import torch
from torch import nn

MANY = 8  # the number of a module's tensors up to which the elements of each are looked at


def number(value):
    """Six digits: what is left of float32 after a short sum."""
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)


def describe(value):
    text = f"{str(value.dtype)[6:]}{list(value.shape)}"
    if value.layout != torch.strided:
        text += f" {str(value.layout)[6:]}"
    elif not value.is_contiguous():
        text += f" by {list(value.stride())}"
    if value.device.type != "cpu":
        text += f" on {value.device.type}"
    return text + (" grad" if value.requires_grad else "")


def elements(value):
    """Of few all; of many the first, one amid, the last, and the root mean square."""
    flat = (value.to_dense() if value.layout != torch.strided else value).detach()
    flat = torch.view_as_real(flat.resolve_conj()) if flat.is_complex() else flat
    flat = flat.flatten().double()
    count = flat.numel()
    if count > 6:
        flat = torch.stack([flat[0], flat[count // 2], flat[-1], flat.square().mean().sqrt()])
    return [number(item) for item in flat.tolist()]


def state(module):
    named = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    kept = module.state_dict()
    brief = len(named) > MANY
    return {name if name in kept else f"{name}, not kept": seen(value)[0] if brief else seen(value) for name, value in named}


def grads_of(module):
    """The gradients; of many parameters, the root of the sum of their squares."""
    found = {name: value.grad for name, value in module.named_parameters()}
    if len(found) <= MANY:
        return {name: seen(grad) for name, grad in found.items()}
    return {"all": number(math.sqrt(sum(grad.double().square().sum().item() for grad in found.values() if grad is not None)))}


def seen(value):
    """A value as JSON."""
    if isinstance(value, torch.Tensor):
        if isinstance(value, nn.parameter.UninitializedTensorMixin):
            return [f"uninitialized {str(value.dtype)[6:]} on {value.device.type}"]
        if value.device.type == "meta":
            return [describe(value)]
        return [describe(value), *elements(value)]
    if isinstance(value, nn.Module):
        grads = [seen(parameter.grad) for parameter in value.parameters()]
        return {"repr": repr(value), "training": value.training, "state": state(value)} | (
            {"grads": grads} if any(grads) else {})
    if isinstance(value, (torch.finfo, torch.iinfo)):
        return [value.bits, str(value.max)]
    if isinstance(value, (torch.dtype, torch.device, torch.layout)):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "missing_keys"):
        value = value._asdict()
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): seen(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, KeysView, ValuesView, ItemsView)) or hasattr(value, "__next__"):
        return [repr(item) if isinstance(item, nn.Module) else seen(item) for item in value]
    return None
