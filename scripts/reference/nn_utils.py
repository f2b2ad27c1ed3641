"""torch.nn.utils: vectors, clipping, the older weight_norm and spectral_norm, fusion, functional_call."""

import warnings

import torch
from torch import nn
from torch.nn import utils

from fixtures import number, values, write

warnings.simplefilter("ignore")


def message(function):
    try:
        function()
    except Exception as error:
        return str(error)
    raise AssertionError("no error")


def state(module):
    return {name: values(tensor) for name, tensor in module.state_dict().items()}


def vectors():
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    vector = utils.parameters_to_vector(layer.parameters())
    (vector * torch.arange(8.0)).sum().backward()
    result = {"vector": values(vector), "gradient": values(layer.weight.grad)}
    given = torch.arange(10.0)
    utils.vector_to_parameters(given, layer.parameters())
    given[0] = 100
    return result | {"state": state(layer), "message": message(lambda: utils.vector_to_parameters([1], layer.parameters()))}


def clipping():
    cases = []
    for norm_type in [2, 1, 0.5, 3, float("inf"), float("-inf"), 0]:
        for max_norm in [0.5, 100]:
            torch.manual_seed(1)
            params = [torch.zeros(3, 2), torch.zeros(4, dtype=torch.float64), torch.zeros(2), torch.zeros(5)]
            for p in params[:3]:
                p.requires_grad_().grad = torch.randn_like(p)
            grads = [p.grad for p in params if p.grad is not None]
            total = utils.get_total_norm(grads, norm_type)
            utils.clip_grads_with_norm_(params, max_norm, total)
            cases.append({"norm_type": number(float(norm_type)), "max_norm": max_norm, "total": values(total),
                          "grads": [values(p.grad) for p in params[:3]]})
    nan = [torch.tensor([float("nan")])]
    return {"cases": cases, "empty": values(utils.get_total_norm([])),
            "messages": [message(lambda: utils.get_total_norm(nan, p, error_if_nonfinite=True)) for p in (2, 0.5)]}


def normed(apply, remove, module, x, **options):
    apply(module, **options)
    steps = [{"state": state(module), "weight": values(module.weight)}]
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        module(x).square().sum().backward()
        optimizer.step()
    steps.append({"gradients": {name: values(p.grad) for name, p in module.named_parameters()}})
    module.eval()
    module(x)
    steps.append({"state": state(module), "weight": values(module.weight)})
    remove(module)
    return steps + [{"state": state(module), "hooks": len(module._forward_pre_hooks)}]


def norms():
    cases = {}
    for name, apply, remove, options in [
        ("weight", utils.weight_norm, utils.remove_weight_norm, {}), ("weight", utils.weight_norm, utils.remove_weight_norm, {"dim": None}),
        ("weight", utils.weight_norm, utils.remove_weight_norm, {"dim": 1}),
        ("spectral", utils.spectral_norm, utils.remove_spectral_norm, {}),
        ("spectral", utils.spectral_norm, utils.remove_spectral_norm, {"dim": 1, "n_power_iterations": 3, "eps": 1e-6}),
    ]:
        torch.manual_seed(2)
        cases.setdefault(name, []).append(
            {"options": options, "steps": normed(apply, remove, nn.Linear(3, 2), torch.ones(4, 3), **options)})
    linear = lambda: nn.Linear(3, 2)
    weighted, spectral = utils.weight_norm(linear()), utils.spectral_norm(linear())
    return cases | {"messages": {
        "weight twice": message(lambda: utils.weight_norm(weighted)),
        "spectral twice": message(lambda: utils.spectral_norm(spectral)),
        "weight absent": message(lambda: utils.remove_weight_norm(linear())),
        "spectral absent": message(lambda: utils.remove_spectral_norm(linear())),
        "spectral iterations": message(lambda: utils.spectral_norm(linear(), n_power_iterations=0)),
    }}


def loaded():
    torch.manual_seed(6)
    older, newer = utils.weight_norm(nn.Linear(3, 2)), utils.parametrizations.weight_norm(nn.Linear(3, 2))
    older.weight_g.data.mul_(2)
    result = {"weight": str(newer.load_state_dict(older.state_dict())), "weights": values(newer.weight)}
    module, other = (utils.spectral_norm(nn.Sequential(nn.Linear(3, 2))[0]) for _ in range(2))
    module(torch.ones(1, 3))
    saved = module.state_dict()
    result["metadata"] = saved._metadata
    oldest = saved.copy()
    del oldest["weight_v"]
    oldest["weight"] = module.weight.detach()
    result |= {"spectral": str(other.load_state_dict(oldest)), "state": state(other)}
    del oldest["weight"]
    result["missing"] = list(other.load_state_dict(oldest, strict=False).missing_keys)
    result["messages"] = message(lambda: other.load_state_dict(oldest))
    for norm in (utils.spectral_norm, utils.parametrizations.spectral_norm):
        torch.manual_seed(7)
        transposed = norm(nn.ConvTranspose2d(2, 3, 2))
        transposed(torch.ones(1, 2, 2, 2))
        result[norm.__module__.split(".")[-1]] = state(transposed)
    return result


def formats():
    convolutions = [nn.Conv2d(2, 3, 2), nn.ConvTranspose2d(2, 3, 2), nn.Conv3d(2, 1, 2), nn.Conv2d(1, 1, 1)]
    net = nn.Sequential(*convolutions, nn.Linear(2, 2))
    utils.convert_conv2d_weight_memory_format(net, torch.channels_last)
    utils.convert_conv3d_weight_memory_format(net, torch.channels_last_3d)
    return [list(layer.weight.stride()) for layer in net]


def fusion():
    torch.manual_seed(3)
    draw = lambda *size: torch.randn(*size, dtype=torch.float64)
    weight, bias, mean, variance, scale, shift = draw(4, 3, 2, 2), draw(4), draw(4), draw(4).exp(), draw(4), draw(4)
    linear = draw(4, 3)
    fuse = lambda *args, **options: [values(part) for part in utils.fuse_conv_bn_weights(*args, **options)]
    return {
        "given": [values(t) for t in (weight, bias, mean, variance, scale, shift, linear)],
        "conv": fuse(weight, bias, mean, variance, 1e-5, scale, shift),
        "without": fuse(weight, None, mean, variance, 1e-5, None, None),
        "transposed": fuse(weight.transpose(0, 1), bias, mean, variance, 1e-3, scale, shift, transpose=True),
        "linear": [values(part) for part in utils.fuse_linear_bn_weights(linear, bias, mean, variance, 1e-5, scale, shift)],
    }


LAYERS = [
    ["Conv1d", [2, 3, 2], {"stride": 2, "padding": 1}, "BatchNorm1d", [2, 2, 5], {}, {}],
    ["Conv2d", [2, 4, 3], {"padding": "same", "groups": 2, "bias": False}, "BatchNorm2d", [2, 2, 4, 4], {}, {}],
    ["Conv2d", [2, 4, 3], {"padding": 1, "padding_mode": "circular"}, "BatchNorm2d", [2, 2, 4, 4], {"affine": False}, {}],
    ["Conv3d", [1, 2, 2], {"dilation": 2}, "BatchNorm3d", [1, 1, 4, 4, 4], {"eps": 0.1}, {}],
    ["ConvTranspose2d", [2, 3, 2], {"stride": 2, "output_padding": 1}, "BatchNorm2d", [1, 2, 3, 3], {}, {"transpose": True}],
    ["Linear", [3, 4], {}, "BatchNorm1d", [5, 3], {}, {}], ["Linear", [3, 4], {"bias": False}, "BatchNorm1d", [5, 3], {}, {}],
]


def fused():
    cases = []
    for case in LAYERS:
        name, args, options, norm, size, settings, fusing = case
        torch.manual_seed(8)
        layer, bn = getattr(nn, name)(*args, **options), getattr(nn, norm)(args[1], **settings)
        x = torch.randn(size)
        for _ in range(2):
            bn(layer(x)).square().sum().backward()
        layer.eval(), bn.eval()
        fuse = utils.fuse_linear_bn_eval if name == "Linear" else utils.fuse_conv_bn_eval
        made = fuse(layer, bn, **fusing)
        cases.append({"case": case, "text": str(made), "state": state(made), "output": values(made(x)),
                      "requires": [p.requires_grad for p in made.parameters()], "training": made.training, "next": torch.rand(1).item()})
    conv, bn = nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)
    return {"cases": cases, "messages": {
        "training": message(lambda: utils.fuse_conv_bn_eval(conv, bn)),
        "statistics": message(lambda: utils.fuse_conv_bn_eval(conv.eval(), nn.BatchNorm2d(2, track_running_stats=False).eval())),
        "features": message(lambda: utils.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), bn.eval())),
    }}


class Counting(nn.Module):
    """With a part that it has twice, and a buffer that it replaces."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x, scale=1.0):
        self.count = self.count + 1
        return self.second(self.first(x)) * scale + self.count


def calls():
    torch.manual_seed(4)
    module = Counting()
    before = state(module)
    call = torch.func.functional_call
    x, weight, bias = torch.randn(3, 2), torch.randn(2, 2, requires_grad=True), torch.randn(2)
    given = {"first.weight": weight, "count": torch.ones(())}
    output = call(module, given, x)
    output.sum().backward()
    return {
        "before": before, "after": state(module), "output": values(output), "count": values(given["count"]),
        "gradient": values(weight.grad), "requires": module.first.weight.grad is None,
        "dicts": values(call(module, ({"first.bias": bias}, {"second.weight": weight}), (x,), {"scale": 2.0})),
        "untied": values(call(module, {"first.weight": weight}, x, tie_weights=False)),
        "messages": {
            "tied": message(lambda: call(module, {"first.weight": weight, "second.weight": bias}, x)),
            "strict": message(lambda: call(module, {"first.weight": weight, "wait": bias}, x, strict=True)),
            "repeated": message(lambda: call(module, [{"first.bias": bias}, {"first.bias": bias}], x)),
            "no module": message(lambda: call(module, {"third.weight": weight}, x)),
            "a module": message(lambda: call(module, {"first": weight}, x)),
        },
    }


def stacked():
    torch.manual_seed(5)
    parameters, buffers = torch.func.stack_module_state([Counting() for _ in range(3)])
    return {"parameters": {name: values(t) for name, t in parameters.items()}, "buffers": {name: values(t) for name, t in buffers.items()},
            "leaf": [[t.is_leaf, t.requires_grad] for t in parameters.values()]}


write("nn_utils.json", {"vectors": vectors(), "clipping": clipping(), "norms": norms(), "loaded": loaded(), "formats": formats(), "fusion": fusion(), "fused": fused(), "calls": calls(),
                        "stacked": stacked()})
