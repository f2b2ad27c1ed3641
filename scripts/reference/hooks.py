"""What PyTorch takes from hooks and from a Function's backward in place of gradients, and what it refuses."""

import warnings

import torch

from fixtures import values, write

warnings.filterwarnings("ignore")

# What the hooks of one gradient give, in Python and (test/autograd/hooks.ts) in TypeScript.
GIVEN = {
    "nothing": lambda g: None,
    "itself": lambda g: g,
    "doubled": lambda g: g * 2,
    "number": lambda g: 5,
    "zero": lambda g: 0,
    "false": lambda g: False,
    "text": lambda g: "gradient",
    "empty": lambda g: torch.ones(0),
    "fewer dimensions": lambda g: torch.ones(3),
    "more dimensions": lambda g: torch.ones(1, 2, 3),
    "transposed": lambda g: torch.ones(3, 2),
    "float64": lambda g: g.double(),
    "int64": lambda g: g.long(),
    "complex": lambda g: g.to(torch.complex64),
    "meta": lambda g: g.to("meta"),
    "sparse": lambda g: g.to_sparse(),
    "sparse rows": lambda g: g.to_sparse_csr(),
}


class Passing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, give):
        ctx.give = give
        return x * 1

    @staticmethod
    def backward(ctx, g):
        return ctx.give(g), None


def in_tuple(give):
    """As hooks of nodes give it."""

    def hook(*gradients):
        given = give(gradients[0][0])
        return None if given is None else (given,)

    return hook


def of_tensor(x, give):
    y = x * 2
    y.register_hook(give)
    return y


def before_node(x, give):
    y = x.exp()
    y.grad_fn.register_prehook(in_tuple(give))
    return y


def after_node(x, give):
    y = x.exp()
    y.grad_fn.register_hook(in_tuple(give))
    return y.sin()


def before_layer_norm(x, give):
    y = torch.nn.functional.layer_norm(x, (3,))
    y.grad_fn.register_prehook(lambda grads: None if give(grads[0]) is None else (give(grads[0]), *grads[1:]))
    return y


PLACES = {
    "tensor": of_tensor,
    "before node": before_node,
    "after node": after_node,
    "before layer norm": before_layer_norm,
    "function": Passing.apply,
}


def outcome(place, give):
    x = torch.arange(6.0).view(2, 3).requires_grad_()
    try:
        place(x, give).sum().backward()
    except (RuntimeError, TypeError) as error:
        return {"error": "TypeError" if isinstance(error, TypeError) else "Error"}
    grad = x.grad
    return {"grad": None if grad is None else values(grad.to_dense())}


def counts():
    """How many gradients hooks of a node give: the node has one."""
    found = {}
    for name, given in {"none at all": (), "two": (torch.ones(2), torch.ones(2)), "one that is none": (None,)}.items():
        x = torch.ones(2, requires_grad=True)
        y = x.exp()
        y.grad_fn.register_prehook(lambda _, given=given: given)
        try:
            y.sum().backward()
            found[name] = {"grad": None if x.grad is None else values(x.grad)}
        except RuntimeError:
            found[name] = {"error": "Error"}
    return found


class Halves(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1, x * 2

    @staticmethod
    def backward(ctx, a, b):
        return a + b


def unused_result():
    """Hooks of a result that no gradient comes back to."""
    seen = []
    x = torch.ones(2, requires_grad=True)
    a, b = Halves.apply(x)
    b.register_hook(lambda g: seen.append(g))
    a.sum().backward()
    y, z = Halves.apply(x)
    z.register_hook(lambda g: torch.ones(2))
    try:
        y.sum().backward()
        replaced = None
    except RuntimeError as error:
        replaced = str(error)
    return {"seen": seen, "refused": replaced is not None}


write(
    "hooks.json",
    {
        "outcomes": {place: {name: outcome(run, give) for name, give in GIVEN.items()} for place, run in PLACES.items()},
        "counts": counts(),
        "unused": unused_result(),
    },
)
