"""The losses of torch.optim.LBFGS, up to 30 steps each, and what it leaves in its state: with and without line search, short
histories, tolerances that end it, a rate that is a tensor, complex parameters, a parameter without gradient.
"""

import torch
from torch import nn

from fixtures import number, values, write

STEPS = 30
F64 = torch.float64


def line(start, end, *size, dtype=F64):
    count = 1
    for part in size:
        count *= part
    return torch.linspace(start, end, count, dtype=dtype).reshape(size).requires_grad_()


def rosenbrock(dtype):
    x = line(-1.2, 1.0, 4, dtype=dtype)
    return [x], lambda: (100 * (x[1:] - x[:-1].pow(2)).pow(2) + (1 - x[:-1]).pow(2)).sum()


def network(dtype):
    """A small network, which learns a wave."""
    w1, b1 = line(-1, 1, 8, 1, dtype=dtype), line(-0.5, 0.5, 8, dtype=dtype)
    w2, b2 = line(-0.3, 0.4, 1, 8, dtype=dtype), line(0, 0, 1, dtype=dtype)
    x = torch.linspace(-2, 2, 20, dtype=dtype).unsqueeze(1)
    y = torch.sin(2 * x)
    return [w1, b1, w2, b2], lambda: nn.functional.mse_loss(torch.tanh(x @ w1.t() + b1) @ w2.t() + b2, y)


def of_complex(dtype):
    z, w = line(-1, 1, 3, 2, dtype=dtype), line(-1, 1, 3, dtype=dtype)
    p = torch.complex(z.detach(), z.detach().flip(0) * 0.5).requires_grad_()
    return [p, w], lambda: (torch.view_as_real(p) - 0.3).pow(4).sum() + (p.abs().sum(1) - w).pow(2).sum()


def partly(dtype):
    """A parameter that has no gradient."""
    a, b = line(-1, 1, 5, dtype=dtype), line(0, 1, 2, dtype=dtype)
    return [b, a], lambda: (a.pow(4).sum() + (a.sum() - 1).pow(2))


PROBLEMS = {"rosenbrock": rosenbrock, "network": network, "complex": of_complex, "partly": partly}
CASES = [
    ["rosenbrock", {"max_iter": 4, "line_search_fn": "strong_wolfe"}],
    ["rosenbrock", {"lr": 0.001, "max_iter": 4}],
    ["network", {"max_iter": 3, "line_search_fn": "strong_wolfe"}],
    ["network", {"lr": 0.1, "max_iter": 2, "history_size": 4}],
    ["network", {"lr": 0.5, "max_iter": 3, "max_eval": 5, "history_size": 3, "line_search_fn": "strong_wolfe"}],
    ["network", {"max_iter": 5, "tolerance_change": 1e-3, "line_search_fn": "strong_wolfe"}],
    ["network", {"max_iter": 5, "tolerance_grad": 1e-3, "line_search_fn": "strong_wolfe"}],
    ["complex", {"max_iter": 3, "line_search_fn": "strong_wolfe"}],
    ["complex", {"lr": 0.1, "max_iter": 3}],
    ["partly", {"max_iter": 2, "line_search_fn": "strong_wolfe"}],
]


def run(problem, options, dtype="float64", tensor=False, steps=STEPS):
    params, loss_of = PROBLEMS[problem](getattr(torch, dtype))
    given = {**options, "lr": torch.tensor(options.get("lr", 1.0), dtype=getattr(torch, dtype))} if tensor else options
    optimizer = torch.optim.LBFGS(params, **given)

    def closure():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(steps)]
    state = optimizer.state_dict()["state"][0]
    return {
        "problem": problem, "options": options, "dtype": dtype, "tensor": tensor, "losses": losses,
        "params": [values(torch.view_as_real(p) if p.is_complex() else p) for p in params],
        "kinds": {name: type(value).__name__ + (f" of {len(value)}" if isinstance(value, list) else "") for name, value in state.items()},
        "counts": [state["func_evals"], state["n_iter"]], "prev_loss": number(state.get("prev_loss", 0.0)),
    }


# What is a rounding at first is another path later: sooner in float32, and where a line search is cut short.
FEW = 8
cases = [run(*case, steps=FEW if "max_eval" in case[1] else STEPS) for case in CASES]
cases += [run("network", CASES[2][1], "float32", steps=FEW), run("network", CASES[3][1], tensor=True),
          run("network", CASES[2][1], "float32", True, steps=FEW)]
write("lbfgs.json", {"cases": cases})
