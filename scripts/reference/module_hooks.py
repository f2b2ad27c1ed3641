"""Hooks of modules: in which order they run, what they see and what they change."""

import torch
from torch import nn
from torch.nn.modules import module as all_modules

from fixtures import write


class Inner(nn.Module):
    def forward(self, x, *, scale=1.0):
        return x * scale


def calls():
    """Every kind of hook, global ones too, on one call and one backward."""
    seen = []
    m = nn.Linear(2, 1)
    with torch.no_grad():
        m.weight.copy_(torch.tensor([[1.0, 2.0]]))
        m.bias.fill_(0.5)
    say = lambda name, result=lambda *args: None: (lambda module, *args: (seen.append([name, *map(plain, args)]), result(*args))[1])
    handles = [
        all_modules.register_module_forward_pre_hook(say("global pre")),
        all_modules.register_module_forward_hook(say("global forward")),
        all_modules.register_module_full_backward_pre_hook(say("global backward pre")),
        all_modules.register_module_full_backward_hook(say("global backward")),
        m.register_forward_pre_hook(say("pre", lambda args: (args[0] * 2,))),
        m.register_forward_pre_hook(say("first pre"), prepend=True),
        m.register_forward_hook(say("forward", lambda args, output: output + 1)),
        m.register_forward_hook(say("first forward"), prepend=True),
        m.register_full_backward_pre_hook(say("backward pre", lambda grads: (grads[0] * 3,))),
        m.register_full_backward_hook(say("backward", lambda grad_input, grad_output: (grad_input[0] * 5,))),
        m.register_full_backward_hook(say("first backward"), prepend=True),
    ]
    x = torch.tensor([[1.0, -1.0]], requires_grad=True)
    y = m(x)
    y.sum().backward()
    for handle in handles:
        handle.remove()
    m(x)
    return {"seen": seen, "output": y.tolist(), "grad": x.grad.tolist(), "weight": m.weight.grad.tolist()}


def plain(value):
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def keywords():
    seen = []
    m = Inner()
    m.register_forward_pre_hook(lambda module, args: (seen.append(["pre", plain(args)]), (args[0] + 1,))[1])
    m.register_forward_pre_hook(lambda module, args, kwargs: (seen.append(["kwargs", plain(args), plain(kwargs)]), (args, {"scale": 3.0}))[1],
                                with_kwargs=True)
    m.register_forward_hook(lambda module, args, kwargs, output: seen.append(["after", plain(args), plain(kwargs), plain(output)]), with_kwargs=True)
    return {"seen": seen, "output": m(torch.ones(1), scale=2.0).tolist()}


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(1, 1)
        self.count = 3

    def get_extra_state(self):
        return {"count": self.count}

    def set_extra_state(self, state):
        self.count = state["count"]


def states():
    seen = []
    m = nn.Sequential(Counted(), nn.Linear(1, 1))
    m.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append(["save pre", type(module).__name__, prefix, keep_vars]))
    m[0].inner.register_state_dict_post_hook(
        lambda module, state, prefix, metadata: (seen.append(["save", prefix, sorted(state), metadata]), state.update({prefix + "more": torch.ones(1)}))[0])
    m[0].inner.register_load_state_dict_pre_hook(
        lambda module, state, prefix, metadata, strict, missing, unexpected, errors:
        (seen.append(["load pre", type(module).__name__, prefix, sorted(state), strict, metadata]), state.pop(prefix + "more", None))[0])
    m[0].register_load_state_dict_post_hook(
        lambda module, keys: (seen.append(["load post", type(module).__name__, list(keys.missing_keys), list(keys.unexpected_keys)]), keys.missing_keys.clear())[0])
    state = m.state_dict()
    names = list(state)
    state["0._extra_state"] = {"count": 7}
    del state["0.inner.bias"]
    result = m.load_state_dict(state)
    return {"seen": seen, "names": names, "count": m[0].count, "missing": result.missing_keys}


write("module_hooks.json", {"calls": calls(), "keywords": keywords(), "states": states()})
