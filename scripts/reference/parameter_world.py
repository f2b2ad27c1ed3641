"""What the cases of parameters.py are made of: tensors, small networks, functions. test/parameter_world.ts is the same in
TypeScript."""

import math
import operator

import torch
from torch import nn

from parameter_seen import seen

LEAVES = {}  # the leaves that a case made, by name: their gradients are seen at its end
EVENTS = []  # what hooks and other functions said while a case ran
MADE = []  # the case's optimizer
AGAIN = []  # what backward was called on


# --- tensors without random numbers ---------------------------------------------------------------------------


def places(shape, seed):
    return torch.arange(math.prod(shape)) * 13 + seed * 7


def tensor(shape, seed=0, dtype="float32"):
    """From -2.25 to 2.25, all of them exact."""
    return ((places(shape, seed) % 37 - 18) / 8).reshape(shape).to(getattr(torch, dtype))


def unit(shape, seed=0):
    """Between 0 and 1."""
    return ((places(shape, seed) % 37 + 1) / 64).reshape(shape)


def ints(shape, below, seed=0):
    return (places(shape, seed) % below).reshape(shape)


def gaps(shape, seed=0):
    """With zeros for a sparse tensor to leave out."""
    full = tensor(shape, seed)
    return full.masked_fill(full < -1.5, 0)


def leaf(name, shape, seed=0, dtype="float32"):
    if name not in LEAVES:
        LEAVES[name] = tensor(shape, seed, dtype).requires_grad_()
    return LEAVES[name]


def filled(module):
    """A module with parameters that do not depend on the generator."""
    with torch.no_grad():
        for i, parameter in enumerate(module.parameters()):
            parameter.copy_(tensor(list(parameter.shape), i) / 4)
    return module


def trained():
    """Two leaves with gradients."""
    for i, shape in enumerate([[2, 2], [3]]):
        leaf(f"p{i}", shape, i).grad = tensor(shape, i + 2)
    return list(LEAVES.values())


class Net(nn.Module):
    """A network with a shared layer, a shared parameter, and buffers of both kinds."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(tensor([2], 1))
        self.tied = self.scale
        self.first = nn.Linear(2, 2)
        self.again = self.first
        self.block = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
        self.block.register_buffer("deep", tensor([1], 4))
        self.kept = nn.Buffer(tensor([2], 2))
        self.passing = nn.Buffer(tensor([1], 3), persistent=False)
        self.same = self.kept

    def forward(self, x):
        return self.block(self.again(self.first(x))) * self.scale


def net(mode="train"):
    made = filled(Net())
    if mode == "grads":
        made(tensor([3, 2])).sum().backward()
    return made


def optimizer(resumed=False):
    """The case's optimizer, over two groups."""
    if MADE:
        return MADE[0]
    groups = [{"params": [leaf("a", [2])]}, {"params": [leaf("b", [3], 1)], "lr": 0.5}]
    made = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    for group in made.param_groups if resumed else []:
        group["initial_lr"] = group["lr"]
    for value in LEAVES.values():
        value.grad = tensor(list(value.shape), 5)
    MADE.append(made)
    return made


def scaler():
    """A scaler in use."""
    made = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
    made.scale(tensor([2]))
    return made


def scaled():
    """A scaler that looked at an optimizer's gradients."""
    made = scaler()
    made.unscale_(optimizer())
    return made


def hooked(register):
    """A layer with a hook."""
    layer = filled(nn.Linear(2, 2))
    getattr(layer, register)(FUNCTIONS["first"])
    return layer


def endless():
    """A leaf whose gradient is infinite."""
    leaf("p", [2]).grad = torch.tensor([math.inf, 1.0])
    return [LEAVES["p"]]


def cubes(name, shape):
    AGAIN.append(leaf(name, shape) ** 3)
    return AGAIN[-1]


def net_state(without=None, dtype="float32"):
    """Other values for Net."""
    return {name: tensor(list(value.shape), 9, dtype) for name, value in Net().state_dict().items() if name != without}


def event(name, result=None):
    def run(*args):
        EVENTS.append([name, *[type(arg).__name__ if isinstance(arg, nn.Module) else seen(arg) for arg in args]])
        return result
    return run


FUNCTIONS = {
    "cubes": lambda x: x ** 3,
    "cubed_sum": lambda x: (x ** 3).sum(),
    "constant": lambda x: torch.ones(3),
    "total": lambda x: x.sum(),
    "half_wrong": lambda x: x * x.detach(),
    "half_wrong_twice": lambda x: x ** 2 * x.detach(),
    "double": lambda x: 2 * x,
    "add": lambda a, b: a + 10 * b,
    "distance": lambda a, b: (a - b).abs().sum(1),
    "halve": lambda scale: scale / 2,
    "first": event("first"), "second": event("second"),
    "power": lambda epoch: 0.5 ** epoch,
    "freeze": lambda module: module.requires_grad_(False) if isinstance(module, nn.Linear) else None,
    "loss": event("closure", 1.5),
    "say": lambda message: f"mine: {message.splitlines()[0]}",
}

MAKERS = {
    "tensor": tensor, "unit": unit, "ints": ints, "leaf": leaf, "net": net, "optimizer": optimizer,
    "scaler": scaler, "scaled": scaled, "trained": trained, "hooked": hooked, "endless": endless, "cubes": cubes,
    "net_state": net_state, "device": torch.device,
    "values": lambda data, dtype="float32": torch.tensor(data, dtype=getattr(torch, dtype)),
    "parameter": lambda shape, seed=0: nn.Parameter(tensor(shape, seed)),
    "torch": lambda name: operator.attrgetter(name)(torch),
    "generator": lambda seed: torch.Generator().manual_seed(seed),
    "state": lambda seed: torch.Generator().manual_seed(seed).get_state(),
    "function": lambda name: FUNCTIONS[name],
    "module": lambda name, *args: filled(getattr(nn, name)(*args)),
    "packed": lambda lengths: nn.utils.rnn.pack_padded_sequence(tensor([3, len(lengths), 2]), lengths, enforce_sorted=False),
    "sparse": lambda shape, seed=0: gaps(shape, seed).to_sparse(),
    "csr": lambda shape, seed=0: gaps(shape, seed).to_sparse_csr(),
    "transposed": lambda shape, seed=0: tensor(shape, seed).t(),
    "dense": lambda shape, seed=0: gaps(shape, seed),
    "eval": lambda module: module.eval(),
    "optimizer_state": lambda: stepped().state_dict(),
    "scheduler": lambda name, *args: getattr(torch.optim.lr_scheduler, name)(optimizer(), *args),
}


def stepped():
    """Another optimizer of the same form, after a step."""
    groups = [{"params": [tensor([2], 4).requires_grad_()]}, {"params": [tensor([3], 6).requires_grad_()]}]
    made = torch.optim.SGD(groups, lr=0.25, momentum=0.5)
    for group in made.param_groups:
        for parameter in group["params"]:
            parameter.grad = tensor(list(parameter.shape), 7)
    made.step()
    return made


def made(value):
    """A value of its description: {"tensor": [[2, 3]]} is what the maker of that name makes."""
    if isinstance(value, list):
        return [made(item) for item in value]
    if not isinstance(value, dict):
        return float(value) if value in ("inf", "nan") else value
    (name, args), = value.items()
    if name == "dict":
        return {key: made(item) for key, item in args.items()}
    return MAKERS[name](*map(made, args))
