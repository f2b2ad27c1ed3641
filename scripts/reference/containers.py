"""What the methods of containers leave: names in order, and printing."""

from collections import OrderedDict

import torch
from torch import nn

from fixtures import write

relu, tanh, linear = nn.ReLU(), nn.Tanh(), nn.Linear(1, 2)
named = lambda: nn.Sequential(OrderedDict(b=relu, a=linear))
row = lambda: nn.Sequential(relu, tanh, linear)


def after(made, *changes):
    for change in changes:
        change(made)
    return str(made)


write("containers.json", {
    "append to names": after(named(), lambda s: s.append(tanh)),
    "assign the last": after(named(), lambda s: s.__setitem__(-1, tanh)),
    "pop a name": after(named(), lambda s: s.pop(0)),
    "insert": after(row(), lambda s: s.insert(1, nn.Sigmoid()), lambda s: s.insert(-1, relu), lambda s: s.insert(5, relu)),
    "pop": after(row(), lambda s: s.pop(1), lambda s: s.pop(-1)),
    "extend": after(row(), lambda s: s.extend(named())),
    "slice": str(row()[1:]), "slice back": str(row()[::-2]), "slice of names": str(named()[:1]),
    "add": str(row() + named()), "mul": str(named() * 2),
    "list": after(nn.ModuleList([relu, tanh]), lambda m: m.insert(1, linear), lambda m: m.extend([relu]), lambda m: m.pop(0)),
    "list slice": str(nn.ModuleList([relu, tanh, linear])[:-1]), "list add": str(nn.ModuleList([relu]) + [tanh]),
    "dict": after(nn.ModuleDict({"x": relu, "y": tanh}), lambda m: m.update([("z", linear), ("x", tanh)]), lambda m: m.pop("y")),
    "parameters": after(nn.ParameterList([torch.zeros(2), 5, "text"]), lambda p: p.__setitem__(0, torch.zeros(3)), lambda p: p.append(torch.zeros(1))),
    "parameters slice": str(nn.ParameterList([torch.zeros(2), torch.zeros(1)])[1:]),
    "parameter dict": after(nn.ParameterDict({"b": torch.zeros(1), "a": torch.zeros(2, 3)}), lambda p: p.update({"d": 1, "c": torch.zeros(1)}),
                            lambda p: p.setdefault("e", torch.zeros(4)), lambda p: p.pop("b"), lambda p: p.popitem()),
    "ordered": str(nn.ParameterDict(OrderedDict(b=torch.zeros(1), a=torch.zeros(2)))),
    "or": str(nn.ParameterDict({"a": torch.zeros(1)}) | nn.ParameterDict({"a": torch.zeros(2), "b": torch.zeros(3)})),
    "fromkeys": str(nn.ParameterDict().fromkeys(["x", "y"], torch.zeros(2))),
})
