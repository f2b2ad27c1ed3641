"""torch.nn.utils.parametrize and parametrizations: values, gradients, state_dicts, printing and messages."""

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from fixtures import values, write


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)


class Doubled(nn.Module):
    def forward(self, X):
        return 2 * X

    def right_inverse(self, A):
        return A / 2


class Split(nn.Module):
    """A tensor as its absolute values and its signs."""

    def forward(self, size, sign):
        return size * sign

    def right_inverse(self, X):
        return X.abs(), X.sign()


class Returns(nn.Module):
    """Its forward and its right_inverse change what is said."""

    def __init__(self, forward=lambda X: X, inverse=None):
        super().__init__()
        self.change = forward
        if inverse is not None:
            self.right_inverse = inverse

    def forward(self, *args):
        return self.change(*args)


class Weighted(nn.Module):
    """A module with a weight of any shape, and a buffer."""

    def __init__(self, *shape, dtype=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(*shape, dtype=dtype))
        self.register_buffer("scale", torch.arange(3.0))


def state(module):
    return [[name, list(tensor.shape)] for name, tensor in module.state_dict().items()]


def report(module):
    return {"text": str(module), "state": state(module)}


def gradients(module):
    """Of the sum of the weight's elements times 0, 1, 2, ..., with regard to each parameter."""
    module.zero_grad()
    weight = module.weight
    scale = torch.arange(weight.numel(), dtype=weight.dtype).view_as(weight)
    (weight * scale).sum().abs().backward()
    return {name: values(parameter.grad) for name, parameter in module.named_parameters() if parameter.grad is not None}


def message(function):
    try:
        function()
    except Exception as error:
        return str(error)
    raise AssertionError("no error")


def symmetric():
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    steps = [report(layer) | {"weight": values(layer.weight), "gradients": gradients(layer)}]
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer(torch.ones(2, 3)).square().sum().backward()
    optimizer.step()
    steps.append({"weight": values(layer.weight)})
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.register_parametrization(layer, "bias", Doubled())
    steps.append(report(layer) | {"weight": values(layer.weight), "bias": values(layer.bias)})
    layer.bias = torch.ones(3)
    steps.append({"original": values(layer.parametrizations.bias.original), "bias": values(layer.bias)})
    parametrize.remove_parametrizations(layer, "weight")
    steps.append(report(layer) | {"weight": values(layer.weight)})
    parametrize.remove_parametrizations(layer, "bias", leave_parametrized=False)
    steps.append(report(layer) | {"bias": values(layer.bias)})
    return steps


def several():
    torch.manual_seed(1)
    module = Weighted(2, 3)
    parametrize.register_parametrization(module, "weight", Split())
    parametrize.register_parametrization(module, "scale", Doubled())
    steps = [report(module) | {"weight": values(module.weight), "scale": values(module.scale), "gradients": gradients(module)}]
    module.weight = torch.tensor([[-1.0, 2.0, 0.0], [4.0, -5.0, 6.0]])
    steps.append({name: values(getattr(module.parametrizations.weight, name)) for name in ("original0", "original1")})
    other = nn.Linear(3, 2)
    parametrize.transfer_parametrizations_and_params(module, other, "weight")
    steps.append(report(other) | {"weight": values(other.weight)})
    parametrize.remove_parametrizations(module, "weight")
    parametrize.remove_parametrizations(module, "scale")
    steps.append(report(module) | {"weight": values(module.weight), "scale": values(module.scale)})
    return steps


def messages():
    def registering(parametrization, module=None, name="weight", **options):
        layer = nn.Linear(2, 3) if module is None else module
        return message(lambda: parametrize.register_parametrization(layer, name, parametrization, **options))

    def again(parametrization):
        return registering(parametrization, parametrize.register_parametrization(nn.Linear(2, 3), "weight", Doubled()))

    split = parametrize.register_parametrization(nn.Linear(2, 3), "weight", Split())
    symmetric = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    half = lambda X: X.half()
    row = lambda X: X[0]
    return {
        "no such tensor": registering(Doubled(), name="wait"),
        "dtype": registering(Returns(half)),
        "shape": registering(Returns(row)),
        "inverse's dtype": registering(Returns(inverse=half)),
        "second's dtype": again(Returns(half)),
        "second's shape": again(Returns(row)),
        "second inverse's dtype": again(Returns(inverse=half)),
        "second inverse's shape": again(Returns(inverse=row)),
        "no inverse": message(lambda: setattr(symmetric, "weight", torch.ones(3, 3))),
        "several, left": message(lambda: parametrize.remove_parametrizations(split, "weight", leave_parametrized=False)),
        "not parametrized": message(lambda: parametrize.remove_parametrizations(nn.Linear(2, 3), "weight")),
        "orthogonal vector": message(lambda: parametrizations.orthogonal(nn.Linear(2, 3), "bias")),
        "orthogonal name": message(lambda: parametrizations.orthogonal(nn.Linear(2, 3), "wait")),
        "orthogonal map": message(lambda: parametrizations.orthogonal(nn.Linear(2, 3), "weight", "Cayley")),
        "orthogonal complex": message(lambda: parametrizations.orthogonal(Weighted(2, 2, dtype=torch.complex64), "weight", "householder")),
        "orthogonal shape": message(lambda: setattr(parametrizations.orthogonal(nn.Linear(2, 3)), "weight", torch.ones(2, 2))),
        "spectral dim": message(lambda: parametrizations.spectral_norm(nn.Linear(2, 3), dim=2)),
        "spectral iterations": message(lambda: parametrizations.spectral_norm(nn.Linear(2, 3), n_power_iterations=0)),
        "spectral name": message(lambda: parametrizations.spectral_norm(nn.Linear(2, 3), "wait")),
    }


def orthogonal():
    cases = []
    for shape in [[3, 3], [4, 2], [2, 4], [2, 3, 2]]:
        for orthogonal_map in [None, "matrix_exp", "cayley", "householder"]:
            for use_trivialization in [True, False]:
                torch.manual_seed(2)
                module = Weighted(*shape, dtype=torch.float64)
                parametrizations.orthogonal(module, "weight", orthogonal_map, use_trivialization=use_trivialization)
                case = {"shape": shape, "map": orthogonal_map, "trivialization": use_trivialization} | report(module)
                case |= {"weight": values(module.weight), "gradients": gradients(module)}
                try:
                    module.weight = torch.eye(max(shape), dtype=torch.float64)[: shape[-2], : shape[-1]].expand(shape)
                    case["assigned"] = values(module.weight)
                except NotImplementedError as error:
                    case["message"] = str(error)
                cases.append(case)
    torch.manual_seed(3)
    unitary = parametrizations.orthogonal(Weighted(3, 3, dtype=torch.complex128))
    return {"cases": cases, "unitary": values(torch.view_as_real(unitary.weight))}


def spectral():
    cases = []
    for shape, options in [
        ([4, 3], {}), ([4, 3], {"n_power_iterations": 3}), ([2, 3, 2], {"dim": 1}), ([5], {}), ([3, 4], {"dim": -1, "eps": 1e-3}),
    ]:
        torch.manual_seed(4)
        module = parametrizations.spectral_norm(Weighted(*shape), **options)
        case = {"shape": shape, "options": options} | report(module)
        case |= {"weight": values(module.weight), "gradients": gradients(module)}
        module.eval()
        case["evaluated"] = [values(module.weight), values(module.weight)]
        cases.append(case)
    return cases


def weight_norm():
    cases = []
    for dim in [0, 1, -1, None]:
        torch.manual_seed(5)
        module = parametrizations.weight_norm(nn.Linear(3, 2), dim=dim)
        with torch.no_grad():
            module.parametrizations.weight.original0.mul_(2)
        cases.append({"dim": dim} | report(module) | {"weight": values(module.weight), "gradients": gradients(module)})
    return cases


def recurrent():
    torch.manual_seed(6)
    module = nn.LSTM(3, 4)
    parametrizations.orthogonal(module, "weight_hh_l0")
    parametrizations.weight_norm(module, "weight_ih_l0")
    x = torch.randn(5, 2, 3)
    with parametrize.cached():
        output, _ = module(x)
    output.sum().backward()
    return report(module) | {
        "output": values(output),
        "gradients": {name: values(parameter.grad) for name, parameter in module.named_parameters()},
    }


write("parametrize.json", {
    "symmetric": symmetric(), "several": several(), "messages": messages(), "orthogonal": orthogonal(),
    "spectral": spectral(), "weight_norm": weight_norm(), "recurrent": recurrent(),
})
