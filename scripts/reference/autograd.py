"""Custom functions, Jacobians and Hessians, hooks and checkpoints: what test/autograd/ ports line by line."""

import torch
from torch import nn
from torch.autograd import functional
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from fixtures import values, write


class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y


class ScaledProduct(torch.autograd.Function):
    """factor * (a @ b), with an argument that is no tensor, and gradients only where they are needed."""

    @staticmethod
    def forward(a, b, factor):
        return factor * (a @ b)

    @staticmethod
    def setup_context(ctx, inputs, output):
        a, b, factor = inputs
        ctx.save_for_backward(a, b)
        ctx.factor = factor

    @staticmethod
    def backward(ctx, grad):
        a, b = ctx.saved_tensors
        grad_a = ctx.factor * grad @ b.T if ctx.needs_input_grad[0] else None
        grad_b = ctx.factor * a.T @ grad if ctx.needs_input_grad[1] else None
        return grad_a, grad_b, None


class SortedWithPlaces(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y, places = x.sort()
        ctx.mark_non_differentiable(places)
        ctx.save_for_backward(places)
        return y, places

    @staticmethod
    def backward(ctx, grad, _grad_places):
        (places,) = ctx.saved_tensors
        return torch.zeros_like(grad).scatter(0, places, grad)


class DoubleInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


class TwoResults(torch.autograd.Function):
    """Tells which of its results got a gradient."""

    seen = []

    @staticmethod
    def forward(ctx, x, materialize):
        ctx.set_materialize_grads(materialize)
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, first, second):
        TwoResults.seen.append([first is None, second is None])
        total = 0
        for factor, grad in ((2, first), (3, second)):
            if grad is not None:
                total = total + factor * grad
        return total, None


def leaf(*data, dtype=torch.float64):
    return torch.tensor(data, dtype=dtype, requires_grad=True)


out = {}

x = leaf(0.5, -1.5)
y = Exp.apply(x)
(first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
(second,) = torch.autograd.grad(first.pow(2).sum(), x)
out["exp"] = {"grad_fn": y.grad_fn.name(), "y": values(y), "first": values(first), "second": values(second)}

a, b = torch.arange(6.0).view(2, 3).requires_grad_(), torch.arange(12.0).view(3, 4)
ScaledProduct.apply(a, b, 0.5).pow(2).sum().backward()
out["scaled_product"] = values(a.grad)

x = leaf(3.0, 1.0, 2.0)
y, places = SortedWithPlaces.apply(x)
(y * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
out["sorted"] = {"y": values(y), "places": values(places), "differentiable": places.requires_grad, "grad": values(x.grad)}

x = leaf(1.0, 2.0)
base = x * 1
result = DoubleInPlace.apply(base)
result.sum().backward()
out["in_place"] = {"same": result is base, "version": base._version, "grad_fn": base.grad_fn.name(), "grad": values(x.grad)}

for materialize in (True, False):
    x = leaf(1.0)
    TwoResults.apply(x, materialize)[1].backward()
    out[f"materialize_{materialize}"] = values(x.grad)
out["materialize_seen"] = TwoResults.seen

# --- torch.autograd.functional ---
x, u = leaf(0.5, 1.0, 2.0), leaf(1.5, -0.5, 3.0)
vector = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)


def one(x):
    return x.exp().cumsum(0)


def two(x, u):
    return x * u.sum(), (x * u).sum()


def number(x):
    return (x.pow(3) * x.sum()).sum()


def number_of_two(x, u):
    return (x.pow(2) * u.exp()).sum()


def nested(value):
    if isinstance(value, torch.Tensor):
        return values(value)
    return [nested(item) for item in value]


out["functional"] = {
    "jacobian_one": nested(functional.jacobian(one, x)),
    "jacobian_two": nested(functional.jacobian(two, (x, u))),
    "hessian_one": nested(functional.hessian(number, x)),
    "hessian_two": nested(functional.hessian(number_of_two, (x, u))),
    "vjp": nested(functional.vjp(one, x, vector)),
    "vjp_two": nested(functional.vjp(two, (x, u), (vector, torch.tensor(2.0, dtype=torch.float64)))),
    "jvp": nested(functional.jvp(one, x, vector)),
    "jvp_two": nested(functional.jvp(two, (x, u), (vector, 2 * vector))),
    "vhp": nested(functional.vhp(number, x, vector)),
    "hvp": nested(functional.hvp(number, x, vector)),
}

# --- hooks ---
log = []
x = leaf(1.0, 2.0)
y = x * 3
z = y.sin()
x.register_hook(lambda grad: log.append(["tensor", grad.tolist()]))
x.register_post_accumulate_grad_hook(lambda t: log.append(["accumulated", t.grad.tolist()]))
z.grad_fn.register_prehook(lambda grads: (grads[0] * 2,))
y.grad_fn.register_hook(lambda inputs, outputs: log.append(["node", inputs[0].tolist(), outputs[0].tolist()]))
z.sum().backward()
out["hooks"] = {"log": log, "grad": values(x.grad), "next": [z.grad_fn.next_functions[0][0].name(), z.grad_fn.next_functions[0][1]]}
accumulator = y.grad_fn.next_functions[0][0]
out["accumulator"] = {"name": accumulator.name(), "variable": accumulator.variable is x}

# --- checkpoints ---
torch.manual_seed(0)
layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2))
data = torch.randn(3, 4, requires_grad=True)
torch.manual_seed(1)
y = checkpoint(layers, data, use_reentrant=False)
y.pow(2).sum().backward()
out["checkpoint"] = {"y": values(y), "data": values(data.grad), "parameters": [values(p.grad) for p in layers.parameters()]}
layers.zero_grad()
data.grad = None
torch.manual_seed(2)
checkpoint_sequential(layers, 2, data, use_reentrant=False).pow(2).sum().backward()
out["checkpoint_sequential"] = {"data": values(data.grad), "parameters": [values(p.grad) for p in layers.parameters()]}

write("autograd.json", out)
