"""What set_submodule, get_submodule, get_parameter and get_buffer find, put and refuse."""

import torch
from torch import nn

from fixtures import write_compact


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.block = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("mean", torch.zeros(2))
        self.number = 3


TARGETS = ["", "conv", "block.0", "block.1", "block.2", "block.name", "other", "other.0", "conv.weight", "conv.weight.0", "conv.inner", "scale", "mean", "number", "block.0.bias", "block..0", "number.1"]


def said(do):
    try:
        return {"result": do()}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error.args[0])}


def put(target, strict):
    net = Net()
    net.set_submodule(target, nn.Tanh(), strict)
    return str(net)


cases = []
for target in TARGETS:
    for strict in [False, True]:
        cases.append({"method": "set_submodule", "target": target, "strict": strict, **said(lambda: put(target, strict))})
    for method in ["get_submodule", "get_parameter", "get_buffer"]:
        show = str if method == "get_submodule" else lambda tensor: list(tensor.shape)
        cases.append({"method": method, "target": target, **said(lambda: show(getattr(Net(), method)(target)))})
write_compact("submodules.json", {"cases": cases}, "cases")
