"""What the cases of parameters.py are made of and what is seen of them: sample values, small networks and functions, and
observations. test/parameter_world.ts is the same in TypeScript."""

import math
import operator
from collections.abc import ItemsView, KeysView, ValuesView

import torch
from torch import nn

LEAVES = {}  # the leaves that a case made, by name: their gradients are seen at its end
EVENTS = []  # what hooks and other functions said while a case ran
MADE = []  # the case's optimizer
MANY = 8  # the number of parameters up to which each is looked at
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
        EVENTS.append([name, *[str(type(arg).__name__) if isinstance(arg, nn.Module) else seen(arg) for arg in args]])
        return result
    return run


FUNCTIONS = {
    "cubes": lambda x: x ** 3,
    "cubed_sum": lambda x: (x ** 3).sum(),
    "two": lambda x, y: (x * x * y).sum(),
    "constant": lambda x: torch.ones(3),
    "total": lambda x: x.sum(),
    "half_wrong": lambda x: x * x.detach(),
    "half_wrong_twice": lambda x: x ** 2 * x.detach(),
    "double": lambda x: 2 * x,
    "add": lambda a, b: a + 10 * b,
    "distance": lambda a, b: (a - b).abs().sum(1),
    "halve": lambda scale: scale / 2,
    "first": event("first"), "second": event("second"),
    "thrown": event("thrown"),
    "power": lambda epoch: 0.5 ** epoch,
    "freeze": lambda module: module.requires_grad_(False) if isinstance(module, nn.Linear) else None,
    "loss": lambda: event("closure", 1.5)(),
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


# --- observations -------------------------------------------------------------------------------------------------


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


def watch_call(call, on, after, out):
    """What a call gives, what it leaves of what it was called on, the leaves' gradients, and what was said meanwhile."""
    torch.manual_seed(0)
    value = call()
    result = seen(value)
    if after is not None:
        AFTER[after](value if on is None else on, value)
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
